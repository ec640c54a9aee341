// SPDX-License-Identifier: GPL-2.0-or-later
// Takes what peers push. A connection must prove its peer before HTTP/2 starts on it; from then on
// every request goes through the table of routes.ts.
import { constants, performServerHandshake } from 'node:http2';
import type { ServerHttp2Session } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import type { Server, TLSSocket } from 'node:tls';
import { ReplicationError, messageOf } from '../base/errors.ts';
import type { ErrorCode } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import type { SiteId } from '../dataset/ids.ts';
import {
  PUSH_HEADER_LIST_SIZE_MAX,
  PUSH_HEADER_PAIRS_MAX,
  PUSH_SESSIONS_PER_PEER_MAX,
  PUSH_STREAMS_MAX,
  PUSH_WINDOW_SIZE,
  PUSH_UNPROVEN_MAX,
  PUSH_UNPROVEN_PER_HOST_MAX,
} from '../base/limits.ts';
import { Listeners } from './listeners.ts';
import type { Peer, PeerChange } from './peer-book.ts';
import { RequestHandler } from './request-handler.ts';
import type { RouteComponents } from './routes.ts';
import { SERVER_TIMES } from './times.ts';
import type { ServerTimes } from './times.ts';
import { createTlsServer, peerOf, refuse } from './transport.ts';

export interface PushServerComponents extends RouteComponents {
  readonly logger: Logger;
}

export interface PushServerInit {
  readonly host: string;
  /** 0: the system chooses one. */
  readonly port: number;
  readonly times?: ServerTimes;
}

const SESSION_OPTIONS = {
  maxHeaderListPairs: PUSH_HEADER_PAIRS_MAX,
  maxSessionInvalidFrames: 10,
  maxSessionRejectedStreams: 10,
  settings: {
    enablePush: false,
    initialWindowSize: PUSH_WINDOW_SIZE,
    maxConcurrentStreams: PUSH_STREAMS_MAX,
    maxHeaderListSize: PUSH_HEADER_LIST_SIZE_MAX,
  },
} as const;

export class PushServer {
  readonly #components: PushServerComponents;
  readonly #init: PushServerInit;
  readonly #logger: Logger;
  readonly #times: ServerTimes;
  readonly #server: Server;
  readonly #handler: RequestHandler;
  readonly #sessions = new Map<SiteId, Set<ServerHttp2Session>>();
  /** Connections that have not proved a peer, by remote address and port. */
  readonly #unproven = new Map<string, Socket>();
  readonly #contacts = new Listeners<SiteId>();
  #stopWatching: (() => void) | undefined;

  constructor(components: PushServerComponents, init: PushServerInit) {
    this.#components = components;
    this.#init = init;
    this.#logger = components.logger.child({ component: 'push-server' });
    this.#times = init.times ?? SERVER_TIMES;
    this.#handler = new RequestHandler(components, {
      logger: this.#logger,
      times: this.#times,
    });
    this.#server = createTlsServer(components.identity.tls, this.#times.handshakeMs);
    this.#server.on('connection', (socket: Socket) => this.#admit(socket));
    this.#server.on('secureConnection', (socket) => this.#prove(socket));
    this.#server.on('tlsClientError', (error, socket) => {
      this.#logger.debug('TLS handshake failed', { reason: messageOf(error) });
      socket.destroy();
    });
  }

  /** Listens and gives the port; ERR_PORT_TAKEN when the system refuses address or port. */
  start(): Promise<{ port: number }> {
    const { host, port } = this.#init;
    this.#stopWatching = this.#components.peers.onChange((change) => this.#follow(change));
    return new Promise((resolve, reject) => {
      const onError = (error: Error): void => {
        const reason = `cannot listen on ${host}:${port}: ${error.message}`;
        reject(new ReplicationError('ERR_PORT_TAKEN', reason, { host, port }, error));
      };
      this.#server.once('error', onError);
      this.#server.listen(port, host, () => {
        this.#server.off('error', onError);
        this.#server.on('error', (error: Error) =>
          this.#logger.warn('a connection could not be taken', { reason: error.message }),
        );
        resolve({ port: (this.#server.address() as AddressInfo).port });
      });
    });
  }

  /** Ends all sessions and stops listening. */
  async stop(): Promise<void> {
    this.#stopWatching?.();
    for (const sessions of this.#sessions.values()) {
      for (const session of sessions) session.destroy();
    }
    for (const socket of this.#unproven.values()) socket.destroy();
    if (!this.#server.listening) return;
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  /** Ends the live sessions of a peer at once, requests under way included. */
  disconnect(siteId: SiteId): void {
    const sessions = this.#sessions.get(siteId) ?? [];
    this.#sessions.delete(siteId);
    for (const session of sessions) {
      endWithReason(session, 'ERR_PEER_UNKNOWN');
    }
  }

  /** Peers that have a session now. */
  sessions(): SiteId[] {
    return [...this.#sessions.keys()];
  }

  /** Called when a peer made a proved connection to this site: it is up. */
  onContact(listener: (siteId: SiteId) => void): () => void {
    return this.#contacts.add(listener);
  }

  /** A peer that is removed, or has another TLS key, is to prove itself again. */
  #follow({ kind, siteId, previous }: PeerChange): void {
    const tlsKey = this.#components.peers.get(siteId)?.record.tlsKey;
    const isSameKey = tlsKey !== undefined && previous?.record.tlsKey.equals(tlsKey) === true;
    if (kind !== 'added' && !isSameKey) this.disconnect(siteId);
  }

  /** Bounds what strangers can make this process hold. */
  #admit(socket: Socket): void {
    const { remoteAddress } = socket;
    const waiting = [...this.#unproven.values()];
    const fromHost = waiting.filter((other) => other.remoteAddress === remoteAddress).length;
    if (waiting.length >= PUSH_UNPROVEN_MAX || fromHost >= PUSH_UNPROVEN_PER_HOST_MAX) {
      this.#logger.debug('too many connections that prove no peer', { remoteAddress });
      socket.destroy();
      return;
    }
    const key = remoteOf(socket);
    this.#unproven.set(key, socket);
    socket.once('close', () => this.#unproven.delete(key));
  }

  #prove(socket: TLSSocket): void {
    socket.on('error', (error: Error) =>
      this.#logger.debug('connection failed', { reason: error.message }),
    );
    let peer: Peer;
    try {
      peer = peerOf(socket, this.#components.peers);
    } catch (error) {
      if (!(error instanceof ReplicationError)) throw error;
      const { remoteAddress } = socket;
      this.#logger.info('connection refused', { remoteAddress, code: error.code });
      refuse(socket, error.code);
      return;
    }
    this.#unproven.delete(remoteOf(socket));
    this.#begin(peer.siteId, socket);
  }

  #begin(siteId: SiteId, socket: TLSSocket): void {
    const session = performServerHandshake(socket, SESSION_OPTIONS);
    const sessions = this.#sessions.get(siteId) ?? new Set();
    this.#sessions.set(siteId, sessions.add(session));
    for (const oldest of sessions) {
      if (sessions.size <= PUSH_SESSIONS_PER_PEER_MAX) break;
      sessions.delete(oldest);
      oldest.destroy();
    }
    // The window of the connection, beside that of each stream.
    session.once('connect', () => session.setLocalWindowSize(PUSH_WINDOW_SIZE));
    // Own timer: session.setTimeout does not count pings, which are all that an idle peer sends.
    const idle = setTimeout(() => session.destroy(), this.#times.sessionIdleMs);
    session.on('ping', () => idle.refresh());
    session.on('error', (error: Error) =>
      this.#logger.debug('session failed', { peer: siteId, reason: messageOf(error) }),
    );
    session.once('close', () => {
      clearTimeout(idle);
      sessions.delete(session);
      if (sessions.size === 0 && this.#sessions.get(siteId) === sessions) {
        this.#sessions.delete(siteId);
      }
    });
    session.on('stream', (stream, headers) => {
      idle.refresh();
      void this.#handler.handle(siteId, stream, headers);
    });
    this.#contacts.emit(siteId);
  }
}

function endWithReason(session: ServerHttp2Session, code: ErrorCode): void {
  session.goaway(constants.NGHTTP2_INADEQUATE_SECURITY, 0, Buffer.from(code, 'latin1'));
  session.destroy();
}

function remoteOf(socket: Socket): string {
  return `${socket.remoteAddress ?? ''} ${socket.remotePort ?? 0}`;
}
