// SPDX-License-Identifier: GPL-2.0-or-later
// Who is no peer gets nothing but a code, whatever it does, and the server stays up. Real TLS on
// loopback throughout; after each refusal an honest peer is served on the same server.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { test, type TestContext } from 'node:test';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { systemClock } from '../../../src/base/clock.ts';
import { PUSH_UNPROVEN_PER_HOST_MAX } from '../../../src/base/limits.ts';
import { connectToPeer } from '../../../src/peers/transport.ts';
import { closed } from '../../support/closed.ts';
import {
  ALL_RIGHTS,
  PeerSite,
  connectedPair,
  introduce,
  linkState,
} from '../../support/peer-site.ts';

async function listening(context: TestContext): Promise<PeerSite> {
  const site = await PeerSite.create(context, { name: 'server' });
  await site.server.start();
  return site;
}

/** All that the server sends until it ends the connection. */
async function readToEnd(socket: TLSSocket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.on('error', () => undefined);
  await closed(socket);
  return Buffer.concat(chunks);
}

function tlsTo(site: PeerSite, options: ConnectionOptions): TLSSocket {
  return connectTls({
    host: '127.0.0.1',
    port: site.listenPort,
    rejectUnauthorized: false,
    ALPNProtocols: ['h2'],
    ...options,
  });
}

/** The server still serves a peer. */
async function assertServes(context: TestContext, server: PeerSite): Promise<void> {
  const friend = await PeerSite.create(context, { name: 'friend' });
  await introduce(friend, server);
  friend.client.start();
  await linkState(friend, server.siteId, 'connected');
  friend.client.stop();
  assert.deepEqual(server.sink.offers, []);
}

test('a client without a certificate is refused with a code', async (context) => {
  const server = await listening(context);
  const answer = await readToEnd(tlsTo(server, {}));
  assert.match(answer.toString('latin1'), /ERR_PEER_UNAUTHENTICATED$/);
  assert.deepEqual(server.server.sessions(), []);
  await assertServes(context, server);
});

test('a site that is no peer is refused with a code, and learns it', async (context) => {
  const server = await listening(context);
  const stranger = await PeerSite.create(context, { name: 'stranger' });
  const answer = await readToEnd(tlsTo(server, stranger.identity.tls));
  assert.match(answer.toString('latin1'), /ERR_PEER_UNKNOWN$/);
  await stranger.peers.add(server.identity.card, ALL_RIGHTS);
  stranger.client.start();
  await linkState(stranger, server.siteId, 'unreachable');
  assert.equal(stranger.client.failure(server.siteId)?.code, 'ERR_PEER_UNKNOWN');
  assert.deepEqual(server.server.sessions(), []);
  await assertServes(context, server);
});

test('what a stranger sends before its refusal is not looked at', async (context) => {
  const server = await listening(context);
  const stranger = await PeerSite.create(context, { name: 'stranger' });
  const socket = tlsTo(server, stranger.identity.tls);
  const session = connectHttp2('https://peer', { createConnection: () => socket });
  session.on('error', () => undefined);
  const stream = session.request({ ':method': 'POST', ':path': '/v1/offers' });
  stream.on('error', () => undefined);
  stream.end(randomBytes(100_000));
  let reason = '';
  session.on('goaway', (_code: number, _last: number, data?: Buffer) => {
    reason = data?.toString('latin1') ?? '';
  });
  await closed(stream);
  assert.equal(reason, 'ERR_PEER_UNKNOWN');
  await assertServes(context, server);
});

test('a removed peer loses its live connection at once and gets no new one', async (context) => {
  const [a, b] = await connectedPair(context);
  await b.peers.remove(a.siteId);
  await linkState(a, b.siteId, 'unreachable');
  assert.equal(a.client.failure(b.siteId)?.code, 'ERR_PEER_UNKNOWN');
  assert.deepEqual(b.server.sessions(), []);
  const offer = { header: Buffer.alloc(9), genesis: Buffer.alloc(9), secrets: null };
  await assert.rejects(a.client.offer(b.siteId, offer), { code: 'ERR_PEER_UNKNOWN' });
  await linkState(a, b.siteId, 'connecting');
  await linkState(a, b.siteId, 'unreachable');
  assert.equal(a.client.failure(b.siteId)?.code, 'ERR_PEER_UNKNOWN');
  assert.deepEqual(b.sink.offers, []);
  // The other direction: whom a site removes, it does not call any more.
  await a.peers.remove(b.siteId);
  await assert.rejects(async () => a.client.receipt(b.siteId, Buffer.alloc(1)), {
    code: 'ERR_PEER_UNKNOWN',
  });
});

test('another TLS key than the record names is refused by both sides', async (context) => {
  const server = await listening(context);
  const impostor = await PeerSite.create(context, { name: 'impostor' });
  const victim = await PeerSite.create(context, { name: 'victim' });
  await introduce(victim, server);
  // The impostor's server, reached through a record that names its port with the server's key.
  const record = { ...server.identity.record, port: impostor.listenPort };
  await impostor.server.start();
  const peer = { ...victim.peers.list()[0], record };
  await assert.rejects(
    connectToPeer(peer as never, victim.identity.tls, AbortSignal.timeout(5_000)),
    { code: 'ERR_PEER_UNAUTHENTICATED' },
  );
  const answer = await readToEnd(tlsTo(server, impostor.identity.tls));
  assert.match(answer.toString('latin1'), /ERR_PEER_UNKNOWN$/);
  await assertServes(context, server);
});

test('no TLS session is resumed: a removed peer cannot come back by one', async (context) => {
  const server = await listening(context);
  const peer = await PeerSite.create(context, { name: 'peer' });
  await introduce(peer, server);
  const sessions: Buffer[] = [];
  const first = tlsTo(server, peer.identity.tls);
  first.on('session', (session) => sessions.push(session));
  const answered = once(first, 'data');
  await once(first, 'secureConnect');
  await answered;
  first.destroy();
  await server.peers.remove(peer.siteId);
  for (const session of [...sessions, undefined]) {
    const again = tlsTo(server, { ...peer.identity.tls, ...(session && { session }) });
    await once(again, 'secureConnect');
    assert.equal(again.isSessionReused(), false);
    assert.match((await readToEnd(again)).toString('latin1'), /ERR_PEER_UNKNOWN$/);
  }
});

test('TLS 1.2 and clients that speak no HTTP/2 are refused', async (context) => {
  const server = await listening(context);
  const peer = await PeerSite.create(context, { name: 'peer' });
  await introduce(peer, server);
  const old = tlsTo(server, { ...peer.identity.tls, maxVersion: 'TLSv1.2' });
  const [error] = (await once(old, 'error')) as [Error];
  assert.match(error.message, /alert protocol version/);
  const other = tlsTo(server, { ...peer.identity.tls, ALPNProtocols: ['http/1.1'] });
  assert.equal((await readToEnd(other)).length, 0);
  const none = connectTls({
    host: '127.0.0.1',
    port: server.listenPort,
    rejectUnauthorized: false,
    ...peer.identity.tls,
  });
  assert.match((await readToEnd(none)).toString('latin1'), /ERR_PEER_UNAUTHENTICATED$/);
  await assertServes(context, server);
});

test('random bytes, plain HTTP and silence are ended, the server stays up', async (context) => {
  const server = await listening(context);
  const openings = [
    ...Array.from({ length: 8 }, (_, index) => randomBytes(1 + index * 700)),
    Buffer.from('GET / HTTP/1.1\r\nhost: x\r\n\r\n'),
    Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
    // A TLS record header that promises more than comes.
    Buffer.from('1603010200010001fc0303', 'hex'),
    Buffer.alloc(0),
  ];
  await Promise.all(
    openings.map(async (bytes) => {
      const socket = connectTcp(server.listenPort, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.on('data', () => undefined);
      socket.write(bytes);
      await closed(socket);
    }),
  );
  await assertServes(context, server);
});

test('random bytes after the handshake of a peer end its session only', async (context) => {
  const server = await listening(context);
  const peer = await PeerSite.create(context, { name: 'peer' });
  await introduce(peer, server);
  for (const size of [1, 9, 24, 1_000, 100_000]) {
    const socket = tlsTo(server, peer.identity.tls);
    await once(socket, 'secureConnect');
    const closed = readToEnd(socket);
    socket.end(randomBytes(size));
    await closed;
  }
  await assertServes(context, server);
});

test('one host cannot hold all connections by never proving itself', async (context) => {
  const server = await listening(context);
  const sockets = Array.from({ length: PUSH_UNPROVEN_PER_HOST_MAX + 20 }, () => {
    const socket = connectTcp(server.listenPort, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.on('data', () => undefined);
    return socket;
  });
  context.after(() => {
    for (const socket of sockets) socket.destroy();
  });
  const ends = sockets.map((socket) => closed(socket));
  let early = 0;
  const started = systemClock.monotonicMs();
  await Promise.all(
    ends.map(async (close) => {
      await close;
      if (systemClock.monotonicMs() - started < 200) early += 1;
    }),
  );
  assert.ok(early >= 20, `${early} were ended before the handshake time was over`);
  await assertServes(context, server);
});
