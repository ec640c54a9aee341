// SPDX-License-Identifier: GPL-2.0-or-later
// What peers push to each other, and what a peer that is known still may not do.
import assert from 'node:assert/strict';
import { connect, type ClientHttp2Session, type OutgoingHttpHeaders } from 'node:http2';
import { test, type TestContext } from 'node:test';
import { ReplicationError } from '../../../src/base/errors.ts';
import { PUSH_SESSIONS_PER_PEER_MAX } from '../../../src/base/limits.ts';
import { connectToPeer } from '../../../src/peers/transport.ts';
import { encodeOffer, decodeOffer, type Offer } from '../../../src/peers/routes.ts';
import { closed } from '../../support/closed.ts';
import { PeerSite, connectedPair, introduce, linkState } from '../../support/peer-site.ts';
import { SNAPSHOT_ID, fixedBytes } from '../../support/samples.ts';

const OFFER: Offer = {
  header: fixedBytes('header', 300),
  genesis: fixedBytes('genesis', 400),
  secrets: fixedBytes('secrets', 500),
};

test('offer, body, receipt and announcement arrive as they were sent', async (context) => {
  const [a, b] = await connectedPair(context);
  assert.equal(await a.client.offer(b.siteId, OFFER), 'want');
  b.sink.answer = 'have';
  assert.equal(await a.client.offer(b.siteId, { ...OFFER, secrets: null }), 'have');
  assert.deepEqual(b.sink.offers, [
    { peer: a.siteId, offer: OFFER },
    { peer: a.siteId, offer: { ...OFFER, secrets: null } },
  ]);
  const body = fixedBytes('body', 3_000_000);
  b.sink.wantedSize = body.length;
  await a.client.putBody(b.siteId, SNAPSHOT_ID, body);
  assert.deepEqual(b.sink.bodies, [{ peer: a.siteId, snapshotId: SNAPSHOT_ID, body }]);
  await a.client.receipt(b.siteId, Buffer.from('receipt'));
  assert.deepEqual(b.sink.receipts, [{ peer: a.siteId, receipt: Buffer.from('receipt') }]);
  const announcement = { genesis: Buffer.from('genesis'), announcement: Buffer.alloc(9_000, 1) };
  assert.equal(await a.client.announce(b.siteId, announcement), 'taken');
  assert.deepEqual(b.sink.announcements, [{ peer: a.siteId, announcement }]);
});

test('a refusal comes back with its code; another failure tells nothing', async (context) => {
  const [a, b] = await connectedPair(context);
  b.sink.failure = new ReplicationError('ERR_RIGHT_MISSING', 'no right to publish');
  await assert.rejects(a.client.offer(b.siteId, OFFER), (error: Error) => {
    assert.match(error.message, /no right to publish/);
    return 'code' in error && error.code === 'ERR_RIGHT_MISSING';
  });
  b.sink.failure = new TypeError('secret detail');
  await assert.rejects(a.client.receipt(b.siteId, Buffer.alloc(1)), (error: Error) => {
    assert.doesNotMatch(error.message, /secret/);
    return 'code' in error && error.code === 'ERR_REQUEST_FAILED';
  });
  b.sink.failure = undefined;
  assert.equal(await a.client.offer(b.siteId, OFFER), 'want');
});

test('a body that was not asked for, or has another size, is refused', async (context) => {
  const [a, b] = await connectedPair(context);
  const put = (size: number): Promise<void> =>
    a.client.putBody(b.siteId, SNAPSHOT_ID, Buffer.alloc(size));
  await assert.rejects(put(10), { code: 'ERR_SNAPSHOT_UNKNOWN' });
  b.sink.wantedSize = 10;
  await assert.rejects(put(11), { code: 'ERR_LIMIT_EXCEEDED' });
  await assert.rejects(put(9), { code: 'ERR_REQUEST_MALFORMED' });
  await put(10);
  assert.equal(b.sink.bodies.length, 1);
  await assert.rejects(a.client.receipt(b.siteId, Buffer.alloc(10_000)), {
    code: 'ERR_LIMIT_EXCEEDED',
  });
});

test('a request that is aborted ends with the reason of its signal', async (context) => {
  const [a, b] = await connectedPair(context);
  b.sink.bodySize = () => new Promise(() => undefined);
  const stop = new AbortController();
  const put = a.client.putBody(b.siteId, SNAPSHOT_ID, Buffer.alloc(10), stop.signal);
  stop.abort(new Error('not now'));
  await assert.rejects(put, /not now/);
});

/** A session of a proved peer that then does as it likes. */
async function rawSession(
  context: TestContext,
): Promise<{ session: ClientHttp2Session; server: PeerSite; peer: PeerSite }> {
  const server = await PeerSite.create(context, { name: 'server' });
  const peer = await PeerSite.create(context, { name: 'peer' });
  await introduce(peer, server);
  await server.server.start();
  return { session: await newSession(context, peer, server), server, peer };
}

async function newSession(
  context: TestContext,
  peer: PeerSite,
  server: PeerSite,
): Promise<ClientHttp2Session> {
  const known = peer.peers.get(server.siteId);
  assert.ok(known !== undefined);
  const socket = await connectToPeer(known, peer.identity.tls, AbortSignal.timeout(5_000));
  const session = connect('https://peer', { createConnection: () => socket });
  session.on('error', () => undefined);
  context.after(() => session.destroy());
  return session;
}

/** Status and code of the answer. */
async function ask(
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders,
  write: (write: (bytes: Buffer) => void, end: () => void) => void = (_write, end) => end(),
): Promise<string> {
  const stream = session.request(headers);
  let status = 0;
  let text = '';
  stream.on('error', () => undefined);
  stream.on('response', (answer) => {
    status = answer[':status'] ?? 0;
  });
  stream.on('data', (chunk: Buffer) => {
    text += chunk.toString('utf8');
  });
  write(
    (bytes) => stream.write(bytes),
    () => stream.end(),
  );
  await closed(stream);
  const { code } = (text === '' ? {} : JSON.parse(text)) as { code?: string };
  return `${status} ${code ?? ''}`;
}

test('a body of 1 GB is refused by its header, before its bytes', async (context) => {
  const { session, server } = await rawSession(context);
  server.sink.wantedSize = 1_000;
  const before = process.memoryUsage().rss;
  for (const path of [
    '/v1/offers',
    `/v1/bodies/${SNAPSHOT_ID}`,
    '/v1/receipts',
    '/v1/site-records',
  ]) {
    const method = path.includes('bodies') ? 'PUT' : 'POST';
    const headers = { ':method': method, ':path': path, 'content-length': 1_000_000_000 };
    const answer = await ask(session, headers, (write) => {
      for (let index = 0; index < 64; index += 1) write(Buffer.alloc(1_000_000));
    });
    assert.equal(answer, '413 ERR_LIMIT_EXCEEDED', path);
  }
  assert.ok(process.memoryUsage().rss - before < 600_000_000);
  assert.deepEqual(server.sink.bodies, []);
});

test('a body without a length, or with more bytes than announced, is refused', async (context) => {
  const { session, server } = await rawSession(context);
  const post = { ':method': 'POST', ':path': '/v1/offers' };
  const flood = (write: (bytes: Buffer) => void): void => {
    for (let index = 0; index < 40; index += 1) write(Buffer.alloc(100_000));
  };
  assert.equal(await ask(session, post, flood), '400 ERR_REQUEST_MALFORMED');
  for (const length of ['-1', '1e3', ' 5', '', '007', 'x', '99999999999999999999']) {
    const answer = await ask(session, { ...post, 'content-length': length }, flood);
    assert.match(answer, /^(400 ERR_REQUEST_MALFORMED|0 )$/, length);
  }
  assert.match(await ask(session, { ...post, 'content-length': 10 }, flood), /^(400|0) /);
  assert.deepEqual(server.sink.offers, []);
});

test('unknown paths and methods, and malformed ids, are refused', async (context) => {
  const { session, server } = await rawSession(context);
  server.sink.wantedSize = 0;
  const requests = [
    ['GET', '/'],
    ['GET', '/v1/offers'],
    ['DELETE', '/v1/ping'],
    ['POST', '/v1/ping/'],
    ['PUT', '/v1/bodies/'],
    ['PUT', '/v1/bodies/../../etc/passwd'],
    ['PUT', `/v1/bodies/${SNAPSHOT_ID.toUpperCase()}`],
    ['PUT', `/v1/bodies/${SNAPSHOT_ID}/x`],
    ['GET', '/v1/ping?x'],
    ['OPTIONS', '*'],
  ] as const;
  for (const [method, path] of requests) {
    const headers = { ':method': method, ':path': path, 'content-length': 0 };
    assert.equal(await ask(session, headers), '400 ERR_REQUEST_MALFORMED', `${method} ${path}`);
  }
  assert.equal(await ask(session, { ':method': 'GET', ':path': '/v1/ping' }), '200 ');
});

test('a malformed or foreign offer or site record changes nothing', async (context) => {
  const { session, server, peer } = await rawSession(context);
  const send = (path: string, body: Buffer): Promise<string> =>
    ask(
      session,
      { ':method': 'POST', ':path': path, 'content-length': body.length },
      (write, end) => {
        if (body.length > 0) write(body);
        end();
      },
    );
  const good = encodeOffer(OFFER);
  const offers = [
    Buffer.alloc(0),
    Buffer.from('de'),
    Buffer.from('i1e'),
    Buffer.from('d1:g1:x1:h1:x1:z0:e'),
    good.subarray(0, -1),
    Buffer.concat([good, Buffer.from('e')]),
    Buffer.alloc(10_000, 'l'),
    Buffer.from('d1:g-1:x1:h1:xe'),
  ];
  for (const body of offers) {
    assert.equal(await send('/v1/offers', body), '400 ERR_REQUEST_MALFORMED', body.toString());
  }
  assert.deepEqual(server.sink.offers, []);
  const stranger = await PeerSite.create(context, { name: 'stranger' });
  const forged = Buffer.from(peer.identity.recordBytes);
  forged.writeUInt8(forged.readUInt8(forged.length - 2) ^ 1, forged.length - 2);
  const records: [Buffer, string][] = [
    [Buffer.alloc(100), '400 ERR_ENVELOPE_MALFORMED'],
    [forged, '403 ERR_SIGNATURE_INVALID'],
    [stranger.identity.recordBytes, '403 ERR_RIGHT_MISSING'],
    [server.identity.recordBytes, '403 ERR_RIGHT_MISSING'],
    [peer.identity.recordBytes, '200 '],
  ];
  for (const [body, answer] of records) assert.equal(await send('/v1/site-records', body), answer);
  assert.equal(server.peers.list().length, 1);
});

test('a request that stalls, or trickles for too long, is ended', async (context) => {
  const { session, server } = await rawSession(context);
  server.sink.wantedSize = 1_000;
  const headers = {
    ':method': 'PUT',
    ':path': `/v1/bodies/${SNAPSHOT_ID}`,
    'content-length': 1_000,
  };
  assert.equal(
    await ask(session, headers, (write) => write(Buffer.alloc(10))),
    '408 ERR_REQUEST_TIMEOUT',
  );
  let timer: NodeJS.Timeout | undefined;
  const answer = await ask(session, headers, (write) => {
    timer = setInterval(() => write(Buffer.alloc(1)), 50);
  });
  clearInterval(timer);
  assert.equal(answer, '408 ERR_REQUEST_TIMEOUT');
});

test('endless headers and needless sessions are ended', async (context) => {
  const { session, server, peer } = await rawSession(context);
  const many = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`x-${index}`, 'y']));
  const ping = { ':method': 'GET', ':path': '/v1/ping' };
  assert.match(await ask(session, { ...ping, ...many }), /^0 /);
  const big = await newSession(context, peer, server);
  const answer = await ask(big, { ...ping, 'x-big': 'y'.repeat(30_000) });
  assert.equal(answer, '400 ERR_REQUEST_MALFORMED');
  assert.match(await ask(big, { ...ping, 'x-big': 'y'.repeat(300_000) }), /^0 /);
  const sessions: ClientHttp2Session[] = [];
  for (let index = 0; index < PUSH_SESSIONS_PER_PEER_MAX + 2; index += 1) {
    const next = await newSession(context, peer, server);
    assert.equal(await ask(next, ping), '200 ');
    sessions.push(next);
  }
  const oldest = sessions.slice(0, 2).filter((each) => !each.destroyed);
  await Promise.all(oldest.map(closed));
  assert.equal(sessions.filter((each) => !each.destroyed).length, PUSH_SESSIONS_PER_PEER_MAX);
  assert.deepEqual(server.server.sessions(), [peer.siteId]);
});

test('offers come back from their encoding, with and without secrets', () => {
  for (const offer of [OFFER, { ...OFFER, secrets: null }]) {
    assert.deepEqual(decodeOffer(encodeOffer(offer)), offer);
  }
});

test('a port that is taken is told', async (context) => {
  const site = await PeerSite.create(context, { name: 'site' });
  await site.server.start();
  const other = await PeerSite.create(context, { name: 'other' });
  Object.assign(other, { listenPort: site.listenPort });
  await assert.rejects(other.restartServer(), { code: 'ERR_PORT_TAKEN' });
});

test('a site that moved tells its peers, and is reached at its new address', async (context) => {
  const [a, b] = await connectedPair(context);
  b.client.start();
  await a.server.start();
  await linkState(b, a.siteId, 'connected');
  const moved = await PeerSite.create(context, { name: 'port' });
  await a.server.stop();
  Object.assign(a, { listenPort: moved.listenPort });
  await a.restartServer();
  await a.identity.update({ ...a.identity.record, port: a.listenPort });
  a.restartClient();
  await linkState(a, b.siteId, 'connected');
  assert.equal(b.peers.get(a.siteId)?.record.port, a.listenPort);
  await linkState(b, a.siteId, 'connected');
});
