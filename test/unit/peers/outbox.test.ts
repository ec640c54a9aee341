// SPDX-License-Identifier: GPL-2.0-or-later
// Delivery over real links that fail: peers that are down, restart, go silent, refuse.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { systemClock } from '../../../src/base/clock.ts';
import { ReplicationError } from '../../../src/base/errors.ts';
import type { DatasetId, SnapshotId } from '../../../src/dataset/ids.ts';
import type {
  Delivery,
  ManifestSource,
  Outbox,
  OutboxItem,
  Refusal,
} from '../../../src/peers/outbox.ts';
import { connectToPeer } from '../../../src/peers/transport.ts';
import { closed } from '../../support/closed.ts';
import { Line } from '../../support/line.ts';
import {
  ALL_RIGHTS,
  PeerSite,
  connectedPair,
  hastyClock,
  introduce,
  linkState,
} from '../../support/peer-site.ts';
import { DATASET_ID, fixedBytes } from '../../support/samples.ts';

const OTHER_DATASET = fixedBytes('other').toString('hex') as DatasetId;

function snapshot(label: string): SnapshotId {
  return fixedBytes(label).toString('hex') as SnapshotId;
}

function manifest(label: string, lane: DatasetId = DATASET_ID): OutboxItem {
  return { kind: 'manifest', snapshotId: snapshot(label), lane };
}

function receipt(label: string, lane: DatasetId = DATASET_ID): OutboxItem {
  return { kind: 'receipt', receipt: Buffer.from(label), lane };
}

/** Gives a manifest for every snapshot; the header is the snapshot id. */
const SOURCE: ManifestSource = {
  load: (_to, snapshotId) =>
    Promise.resolve({
      header: Buffer.from(snapshotId),
      genesis: Buffer.from('genesis'),
      secrets: null,
      body: () => Promise.resolve(Buffer.from(`body of ${snapshotId}`)),
    }),
};

async function startOutbox(
  context: TestContext,
  site: PeerSite,
  source: ManifestSource = SOURCE,
): Promise<Outbox> {
  const outbox = site.newOutbox(source);
  context.after(() => outbox.stop());
  await outbox.start();
  return outbox;
}

function deliveries(outbox: Outbox, count: number): Promise<Delivery[]> {
  const seen: Delivery[] = [];
  return new Promise((resolve) => {
    const stop = outbox.onDelivered((delivery) => {
      seen.push(delivery);
      if (seen.length < count) return;
      stop();
      resolve(seen);
    });
  });
}

function refusal(outbox: Outbox): Promise<Refusal> {
  return new Promise((resolve) => {
    const stop = outbox.onRefused((event) => {
      stop();
      resolve(event);
    });
  });
}

test('what is queued is delivered, with its body only when the peer wants it', async (context) => {
  const [a, b] = await connectedPair(context);
  b.sink.wantedSize = Buffer.from(`body of ${snapshot('1')}`).length;
  const outbox = await startOutbox(context, a);
  let done = deliveries(outbox, 1);
  await outbox.enqueue([b.siteId], manifest('1'));
  assert.deepEqual(await done, [{ siteId: b.siteId, item: manifest('1') }]);
  assert.equal(b.sink.bodies[0]?.body.toString(), `body of ${snapshot('1')}`);
  b.sink.answer = 'have';
  done = deliveries(outbox, 2);
  await outbox.enqueue([b.siteId], manifest('2'));
  await outbox.enqueue([b.siteId], receipt('r'));
  await done;
  assert.equal(b.sink.bodies.length, 1);
  assert.equal(b.sink.receipts[0]?.receipt.toString(), 'r');
  assert.equal(outbox.pending(b.siteId), 0);
  assert.deepEqual(await a.outboxTable.entries(), []);
});

test('a peer that was down gets everything in order when it is back', async (context) => {
  const a = await PeerSite.create(context, { name: 'a', clock: hastyClock });
  const b = await PeerSite.create(context, { name: 'b' });
  await introduce(a, b);
  b.sink.answer = 'have';
  a.client.start();
  const outbox = await startOutbox(context, a);
  for (const label of ['1', '2', '3']) await outbox.enqueue([b.siteId], manifest(label));
  await linkState(a, b.siteId, 'unreachable');
  assert.equal(outbox.pending(b.siteId), 3);
  const done = deliveries(outbox, 3);
  await b.server.start();
  await done;
  assert.deepEqual(
    b.sink.offers.map(({ offer }) => offer.header.toString()),
    ['1', '2', '3'].map(snapshot),
  );
});

test('what is queued survives a restart of the sender', async (context) => {
  const a = await PeerSite.create(context, { name: 'a', clock: hastyClock });
  const b = await PeerSite.create(context, { name: 'b' });
  await introduce(a, b);
  b.sink.answer = 'have';
  const before = a.newOutbox(SOURCE);
  await before.start();
  await before.enqueue([b.siteId], manifest('1'));
  await before.enqueue([b.siteId], receipt('r'));
  await before.stop();
  const after = await startOutbox(context, a);
  assert.equal(after.pending(b.siteId), 2);
  // What is stored is still known: it is not queued twice, and keys go on.
  await after.enqueue([b.siteId], manifest('1'));
  await after.enqueue([b.siteId], manifest('2'));
  assert.equal(after.pending(b.siteId), 3);
  const done = deliveries(after, 3);
  await b.server.start();
  a.client.start();
  await done;
  assert.deepEqual(
    b.sink.offers.map(({ offer }) => offer.header.toString()),
    ['1', '2'].map(snapshot),
  );
});

test('a receiver that restarts between offer and body gets both again', async (context) => {
  const [a, b] = await connectedPair(context);
  const body = Buffer.from(`body of ${snapshot('1')}`);
  let bodyAsked = 0;
  const source: ManifestSource = {
    load: async (to, snapshotId) => {
      const loaded = await SOURCE.load(to, snapshotId);
      if (loaded === undefined) return undefined;
      const slow = async (): Promise<Buffer> => {
        bodyAsked += 1;
        if (bodyAsked === 1) {
          await b.restartServer();
          b.sink.wantedSize = body.length;
        }
        return body;
      };
      return { ...loaded, body: slow };
    },
  };
  const outbox = await startOutbox(context, a, source);
  const done = deliveries(outbox, 1);
  await outbox.enqueue([b.siteId], manifest('1'));
  await done;
  assert.ok(bodyAsked >= 2);
  assert.deepEqual(b.sink.bodies.at(-1)?.body, body);
});

test('a refusal that may heal is tried again, a final one is reported', async (context) => {
  const [a, b] = await connectedPair(context);
  const outbox = await startOutbox(context, a);
  b.sink.failure = new ReplicationError('ERR_RIGHT_MISSING', 'not yet');
  const done = deliveries(outbox, 1);
  await outbox.enqueue([b.siteId], receipt('1'));
  let attempts = 0;
  const take = b.sink.receipt.bind(b.sink);
  b.sink.receipt = (...call) => {
    attempts += 1;
    if (attempts === 3) b.sink.failure = undefined;
    return take(...call);
  };
  await done;
  assert.equal(attempts, 3);
  for (const code of [
    'ERR_MANIFEST_STALE',
    'ERR_SIGNATURE_INVALID',
    'ERR_MANIFEST_MALFORMED',
  ] as const) {
    b.sink.failure = new ReplicationError(code, 'never');
    const refused = refusal(outbox);
    await outbox.enqueue([b.siteId], receipt(code));
    const { siteId, item, error } = await refused;
    assert.deepEqual([siteId, item, error.code], [b.siteId, receipt(code), code]);
    assert.equal(outbox.pending(b.siteId), 0);
  }
  assert.deepEqual(await a.outboxTable.entries(), []);
});

test('a lane that is refused holds up neither other lanes nor other peers', async (context) => {
  const [a, b] = await connectedPair(context);
  const c = await PeerSite.create(context, { name: 'c' });
  await introduce(a, c);
  await c.server.start();
  await linkState(a, c.siteId, 'connected');
  c.sink.answer = 'have';
  b.sink.answer = 'have';
  const take = b.sink.offer.bind(b.sink);
  b.sink.offer = (peer, offer) =>
    offer.header.toString() === snapshot('first')
      ? Promise.reject(new ReplicationError('ERR_RIGHT_MISSING', 'no'))
      : take(peer, offer);
  const outbox = await startOutbox(context, a);
  const done = deliveries(outbox, 5);
  await outbox.enqueue([b.siteId, c.siteId], manifest('first'));
  await outbox.enqueue([b.siteId, c.siteId], manifest('second'));
  await outbox.enqueue([b.siteId, c.siteId], manifest('other', OTHER_DATASET));
  await outbox.enqueue([b.siteId], receipt('r'));
  await done;
  assert.deepEqual(
    b.sink.offers.map(({ offer }) => offer.header.toString()),
    [snapshot('other')],
  );
  assert.equal(b.sink.receipts.length, 1);
  assert.equal(c.sink.offers.length, 3);
  assert.equal(outbox.pending(b.siteId), 2, 'the refused one and the one behind it');
  b.sink.offer = take;
  const rest = deliveries(outbox, 2);
  outbox.kick(b.siteId);
  assert.deepEqual(
    (await rest).map(({ item }) => item),
    [manifest('first'), manifest('second')],
  );
});

test('a manifest that there is nothing to send for any more is forgotten', async (context) => {
  const [a, b] = await connectedPair(context);
  const outbox = await startOutbox(context, a, { load: () => Promise.resolve(undefined) });
  const done = deliveries(outbox, 1);
  await outbox.enqueue([b.siteId], manifest('gone'));
  await done;
  assert.deepEqual(b.sink.offers, []);
  assert.deepEqual(await a.outboxTable.entries(), []);
});

test('what waits for a removed peer is dropped', async (context) => {
  const a = await PeerSite.create(context, { name: 'a' });
  const b = await PeerSite.create(context, { name: 'b' });
  await introduce(a, b);
  const outbox = await startOutbox(context, a);
  await outbox.enqueue([b.siteId], manifest('1'));
  await outbox.enqueue([b.siteId], receipt('1'));
  await outbox.drop(b.siteId);
  assert.equal(outbox.pending(b.siteId), 0);
  assert.deepEqual(await a.outboxTable.entries(), []);
  await outbox.drop(b.siteId);
});

test('a line that goes silent is noticed, and used again when it is mended', async (context) => {
  const b = await PeerSite.create(context, { name: 'b' });
  const line = await Line.create(context, b.listenPort);
  const a = await PeerSite.create(context, { name: 'a', clock: hastyClock });
  await introduce(a, b);
  await b.identity.update({ ...b.identity.record, port: line.port });
  await a.peers.add(b.identity.card, ALL_RIGHTS);
  await b.server.start();
  a.client.start();
  await linkState(a, b.siteId, 'connected');
  const outbox = await startOutbox(context, a);
  b.sink.answer = 'have';
  line.silence();
  await outbox.enqueue([b.siteId], manifest('1'));
  await linkState(a, b.siteId, 'unreachable');
  assert.equal(outbox.pending(b.siteId), 1);
  line.mend();
  await deliveries(outbox, 1);
  line.cut();
  await linkState(a, b.siteId, 'unreachable');
  const done = deliveries(outbox, 1);
  await outbox.enqueue([b.siteId], manifest('2'));
  line.mend();
  await done;
  assert.equal(b.sink.offers.length, 2);
});

test('an idle connection is kept up by its pings', async (context) => {
  const [a, b] = await connectedPair(context);
  b.serverTimes = { sessionIdleMs: 500 };
  const lost = linkState(a, b.siteId, 'unreachable');
  await b.restartServer();
  await lost;
  await linkState(a, b.siteId, 'connected');
  const changes: string[] = [];
  a.client.onState(({ state }) => changes.push(state));
  await systemClock.sleep(1_200);
  assert.deepEqual(changes, []);
  assert.deepEqual(b.server.sessions(), [a.siteId]);
});

test('a session on which nothing arrives is ended by the server', async (context) => {
  const b = await PeerSite.create(context, { name: 'b' });
  b.serverTimes = { sessionIdleMs: 300 };
  await b.restartServer();
  const a = await PeerSite.create(context, { name: 'a' });
  await introduce(a, b);
  const peer = a.peers.get(b.siteId);
  assert.ok(peer !== undefined);
  const socket = await connectToPeer(peer, a.identity.tls, AbortSignal.timeout(5_000));
  socket.resume();
  await closed(socket);
  assert.deepEqual(b.server.sessions(), []);
});

test('a connection from a peer makes this site call back at once', async (context) => {
  // With the system's clock: without the kick the next attempt would be a second away or more.
  const a = await PeerSite.create(context, { name: 'a' });
  const b = await PeerSite.create(context, { name: 'b' });
  await introduce(a, b);
  await a.server.start();
  a.client.start();
  await linkState(a, b.siteId, 'unreachable');
  a.server.onContact((siteId) => a.client.kick(siteId));
  await b.server.start();
  const started = performance.now();
  b.client.start();
  await linkState(a, b.siteId, 'connected');
  assert.ok(performance.now() - started < 400);
});

test('many items at once are each delivered once and in order', async (context) => {
  const [a, b] = await connectedPair(context);
  b.sink.answer = 'have';
  const outbox = await startOutbox(context, a);
  const labels = Array.from({ length: 60 }, (_, index) => String(index));
  const done = deliveries(outbox, 60);
  await Promise.all(
    labels.map((label) =>
      Promise.all([
        outbox.enqueue([b.siteId], manifest(label)),
        outbox.enqueue([b.siteId], manifest(label)),
      ]),
    ),
  );
  await done;
  const sent = b.sink.offers.map(({ offer }) => offer.header.toString());
  assert.deepEqual([...new Set(sent)], labels.map(snapshot));
});
