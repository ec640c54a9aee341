// SPDX-License-Identifier: GPL-2.0-or-later
// TLS 1.3 between sites. Both sides present a certificate; who may talk is decided by the hash of
// its key against the peer book, on both sides, before one byte of HTTP/2 is looked at.
import { constants } from 'node:crypto';
import { connect, createServer } from 'node:tls';
import type { CommonConnectionOptions, SecureContextOptions, Server, TLSSocket } from 'node:tls';
import { ReplicationError, messageOf } from '../base/errors.ts';
import type { ErrorCode } from '../base/errors.ts';
import { tlsKeyHash } from './certificate.ts';
import type { TlsCredentials } from './identity.ts';
import { PUSH_HANDSHAKE_TIMEOUT_MS, PUSH_REFUSAL_DRAIN_MS } from '../base/limits.ts';
import type { Peer, PeerBook } from './peer-book.ts';

const PROTOCOL = 'h2';

/**
 * Certificate chains mean nothing here, so OpenSSL is told to accept any certificate; it still
 * proves possession of the key. Without tickets no session is resumed: every connection shows its
 * certificate.
 */
function tlsOptions(credentials: TlsCredentials): SecureContextOptions & CommonConnectionOptions {
  return {
    key: credentials.key,
    cert: credentials.cert,
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
    rejectUnauthorized: false,
    secureOptions: constants.SSL_OP_NO_TICKET,
    ALPNProtocols: [PROTOCOL],
  };
}

/** A TLS server; its secureConnection sockets are to be passed to peerOf first. */
export function createTlsServer(credentials: TlsCredentials, handshakeMs: number): Server {
  return createServer({
    ...tlsOptions(credentials),
    requestCert: true,
    handshakeTimeout: handshakeMs,
  });
}

/** The peer at the other end; ERR_PEER_UNAUTHENTICATED or ERR_PEER_UNKNOWN when there is none. */
export function peerOf(socket: TLSSocket, peers: PeerBook): Peer {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) throw unauthenticated('it shows no certificate');
  if (socket.alpnProtocol !== PROTOCOL) throw unauthenticated('it does not speak HTTP/2');
  const tlsKey = tlsKeyHash(certificate.publicKey);
  const peer = peers.byTlsKey(tlsKey);
  if (peer === undefined) {
    throw new ReplicationError('ERR_PEER_UNKNOWN', 'the TLS key belongs to no peer', {
      tlsKey: tlsKey.toString('hex'),
    });
  }
  return peer;
}

/**
 * A socket to the peer whose TLS key is the one in its newest record. ERR_PEER_UNREACHABLE when it
 * cannot be reached, ERR_PEER_UNAUTHENTICATED when somebody else answers.
 */
export function connectToPeer(
  peer: Peer,
  credentials: TlsCredentials,
  signal: AbortSignal,
): Promise<TLSSocket> {
  const { host, port, tlsKey } = peer.record;
  return new Promise((resolve, reject) => {
    const socket = connect({
      ...tlsOptions(credentials),
      host,
      port,
      // The name is not checked: the key is.
      checkServerIdentity: () => undefined,
    });
    const fail = (error: Error): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      reject(error);
    };
    const onAbort = (): void => fail(signal.reason as Error);
    const onError = (error: Error): void => fail(unreachable(peer, messageOf(error), error));
    const onEnd = (): void => fail(unreachable(peer, 'it closed the connection'));
    const timer = setTimeout(() => fail(unreachable(peer, 'no answer')), PUSH_HANDSHAKE_TIMEOUT_MS);
    signal.addEventListener('abort', onAbort);
    socket.on('error', onError);
    socket.once('close', onEnd);
    socket.once('secureConnect', () => {
      const certificate = socket.getPeerX509Certificate();
      if (certificate === undefined || !tlsKeyHash(certificate.publicKey).equals(tlsKey)) {
        fail(unauthenticated(`${host}:${port} is not ${peer.siteId}`));
      } else if (socket.alpnProtocol !== PROTOCOL) {
        fail(unauthenticated(`${host}:${port} does not speak HTTP/2`));
      } else {
        clearTimeout(timer);
        signal.removeEventListener('abort', onAbort);
        socket.off('close', onEnd);
        resolve(socket);
      }
    });
    if (signal.aborted) onAbort();
  });
}

/** HTTP/2 frame header (RFC 9113, 4.1): length u24be, type u8, flags u8, stream u32be. */
const SETTINGS_FRAME = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
const GOAWAY_TYPE = 7;
const INADEQUATE_SECURITY = 0xc;

/**
 * Ends a connection that is not of a peer. The reason goes as the debug data of a GOAWAY frame,
 * written blindly: nothing the other side sends is parsed, only thrown away for a moment, because a
 * close with unread data would destroy the reason on its way.
 */
export function refuse(socket: TLSSocket, code: ErrorCode): void {
  const reason = Buffer.from(code, 'latin1');
  const goaway = Buffer.alloc(9 + 8);
  goaway.writeUIntBE(8 + reason.length, 0, 3);
  goaway.writeUInt8(GOAWAY_TYPE, 3);
  goaway.writeUInt32BE(INADEQUATE_SECURITY, 9 + 4);
  const timer = setTimeout(() => socket.destroy(), PUSH_REFUSAL_DRAIN_MS);
  socket.once('close', () => {
    clearTimeout(timer);
  });
  socket.resume();
  socket.end(Buffer.concat([SETTINGS_FRAME, goaway, reason]));
}

function unauthenticated(reason: string): ReplicationError {
  return new ReplicationError('ERR_PEER_UNAUTHENTICATED', `the peer is not proved: ${reason}`);
}

function unreachable(peer: Peer, reason: string, cause?: unknown): ReplicationError {
  const { host, port } = peer.record;
  return new ReplicationError(
    'ERR_PEER_UNREACHABLE',
    `${peer.siteId} at ${host}:${port}: ${reason}`,
    { siteId: peer.siteId, host, port },
    cause,
  );
}
