// SPDX-License-Identifier: GPL-2.0-or-later
// Announcements that do not count: forged, of the wrong site, out of their order, too late, too
// many. Each is refused with its code and leaves the follower as it was.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test, type TestContext } from 'node:test';
import { hasCode, type ErrorCode } from '../../../src/base/errors.ts';
import {
  decodeAnnouncement,
  encodeAnnouncement,
  type Announcement,
} from '../../../src/dataset/announcement.ts';
import { packIdOf, type PackDescriptor } from '../../../src/dataset/descriptor.ts';
import type { SnapshotId } from '../../../src/dataset/ids.ts';
import type { Published } from '../../../src/replication/publisher.ts';
import { announcedPair, until, type AnnouncedPair } from '../../support/announced-pair.ts';
import {
  handOver,
  introduce,
  replicationSite,
  type ReplicationSite,
  type ReplicationSiteInit,
} from '../../support/replication-site.ts';
import { sampleDescriptor } from '../../support/samples.ts';

const PACK_SIZE = 1_000_000;

/** A pack of which nobody has a byte. */
const packOf = (number: number): PackDescriptor => sampleDescriptor(PACK_SIZE, `pack ${number}`);

interface At extends AnnouncedPair {
  readonly published: Published;
  readonly genesis: Buffer;
  /** An announcement of the writer, with changes. */
  readonly sign: (change: Partial<Announcement>, by?: ReplicationSite) => Buffer;
  /** Sends it as the writer, or as another peer. */
  readonly send: (envelope: Buffer, by?: ReplicationSite) => Promise<string>;
}

/** A follower at the writer's first snapshot, whose core gets nothing further. */
async function follower(t: TestContext, init: ReplicationSiteInit = {}): Promise<At> {
  const pair = await announcedPair(t, init);
  const { writer, reader, line, source } = pair;
  line.disconnect();
  const published = await writer.publish(source);
  await handOver(writer, reader, published);
  reader.core.behaviour = () => Promise.resolve();
  const { bytes: genesis } = await writer.registry.genesisOf(published.dataset);
  const base: Announcement = {
    datasetId: published.dataset.id,
    epoch: 0,
    session: Buffer.alloc(16, 1),
    index: 0,
    previous: null,
    parent: published.row.snapshotId,
    descriptor: packOf(1),
  };
  const sign: At['sign'] = (change, by = writer) =>
    encodeAnnouncement({ ...base, ...change }, by.identity.signer);
  const send: At['send'] = (announcement, by = writer) =>
    reader.announced.announce(by.identity.siteId, { genesis, announcement });
  return { ...pair, published, genesis, sign, send };
}

async function refused({ reader }: At, code: ErrorCode, call: Promise<unknown>): Promise<void> {
  const before = await stateOf(reader);
  await assert.rejects(call, (error: unknown) => {
    assert.ok(hasCode(error, code), `${String(error)} is not ${code}`);
    return true;
  });
  assert.deepEqual(await stateOf(reader), before);
}

async function stateOf({ catalogue }: ReplicationSite): Promise<object> {
  return {
    sessions: await catalogue.sessions.entries(),
    announcements: await catalogue.announcements.entries(),
  };
}

/** What the next announcement has as previous. */
function hashOf({ reader }: At, envelope: Buffer): Buffer {
  return decodeAnnouncement(envelope, reader.keyOf).hash;
}

test('only the writer announces, itself, with its signature and its right', async (t) => {
  const at = await follower(t);
  const { reader, writer, sign, send } = at;
  const other = await replicationSite(t, { name: 'other' });
  await introduce(reader, other);
  const good = sign({});
  const forged = Buffer.from(good);
  forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
  await refused(at, 'ERR_SIGNATURE_INVALID', send(forged));
  await refused(at, 'ERR_RIGHT_MISSING', send(sign({}, other), other));
  await refused(at, 'ERR_RIGHT_MISSING', send(good, other));
  const readOnly = [{ dataset: '*', publish: false, read: true, relay: true }];
  await reader.peers.add(writer.identity.card, readOnly);
  await refused(at, 'ERR_RIGHT_MISSING', send(good));
  await reader.peers.remove(writer.identity.siteId);
  await refused(at, 'ERR_PEER_UNKNOWN', send(good));
});

test('an announcement of another data set than its genesis is refused', async (t) => {
  const at = await follower(t);
  const second = await at.writer.publish(at.source, 'others');
  await refused(
    at,
    'ERR_RECORD_MALFORMED',
    at.send(at.sign({ datasetId: second.dataset.id, parent: second.row.snapshotId })),
  );
});

test('a session is a chain: what is out of order or contradicts it is refused', async (t) => {
  const at = await follower(t);
  const { sign, send } = at;
  const first = sign({});
  const previous = hashOf(at, first);
  const descriptor = packOf(2);
  const second = sign({ index: 1, previous, descriptor });
  await refused(at, 'ERR_ANNOUNCEMENT_GAP', send(second));
  assert.equal(await send(first), 'taken');
  assert.equal(await send(first), 'taken', 'twice is as good as once');
  const third = { index: 2, previous: hashOf(at, second), descriptor: packOf(3) };
  await refused(at, 'ERR_ANNOUNCEMENT_GAP', send(sign(third)));
  await refused(at, 'ERR_ANNOUNCEMENT_FORK', send(sign({ descriptor })));
  const wrong = Buffer.alloc(32, 7);
  await refused(at, 'ERR_ANNOUNCEMENT_FORK', send(sign({ index: 1, previous: wrong, descriptor })));
  await refused(
    at,
    'ERR_ANNOUNCEMENT_FORK',
    send(sign({ index: 1, previous, descriptor, epoch: 1 })),
  );
  assert.equal(await send(second), 'taken');
  const packs = await at.reader.announced.packs();
  assert.deepEqual(
    packs.map((pack): PackDescriptor => pack.descriptor),
    [packOf(1), descriptor],
  );
});

test('an announcement builds on the newest snapshot, which is known', async (t) => {
  const at = await follower(t);
  const { writer, reader, source, sign, send } = at;
  const unknown = randomBytes(32).toString('hex') as SnapshotId;
  await refused(at, 'ERR_SNAPSHOT_UNKNOWN', send(sign({ parent: unknown })));
  await refused(at, 'ERR_ANNOUNCEMENT_STALE', send(sign({ parent: null })));
  await send(sign({}));
  await handOver(writer, reader, await writer.publish(source));
  await refused(at, 'ERR_ANNOUNCEMENT_STALE', send(sign({ session: Buffer.alloc(16, 2) })));
});

test('the end of a session drops its packs, and nothing of it counts any more', async (t) => {
  const at = await follower(t);
  const { reader, sign, send } = at;
  const first = sign({});
  const end = sign({ index: 5, previous: Buffer.alloc(32, 3), descriptor: null });
  assert.equal(await send(end), 'unwanted', 'there is nothing to end');
  await send(first);
  assert.equal(await send(end), 'taken', 'though the ones before it have not come');
  assert.equal(await send(end), 'taken');
  assert.deepEqual(await reader.announced.packs(), []);
  await refused(at, 'ERR_ANNOUNCEMENT_STALE', send(first));
  const previous = hashOf(at, first);
  await refused(at, 'ERR_ANNOUNCEMENT_STALE', send(sign({ index: 1, previous })));
});

test('a new session of the writer ends the one before', async (t) => {
  const at = await follower(t);
  const { reader, sign, send } = at;
  await send(sign({}));
  const descriptor = packOf(2);
  assert.equal(await send(sign({ session: Buffer.alloc(16, 2), descriptor })), 'taken');
  const packs = await reader.announced.packs();
  assert.deepEqual(
    packs.map((pack) => pack.descriptor),
    [descriptor],
  );
  await until('the new pack is fetched, not the old one', async () => {
    const wanted = (number: number): Promise<unknown> =>
      reader.catalogue.packs.get(packIdOf(packOf(number)));
    return (await wanted(2)) !== undefined && (await wanted(1)) === undefined;
  });
});

test('a session announces no more bytes than its quota', async (t) => {
  const at = await follower(t, { announcedSizeMax: 2 * PACK_SIZE });
  const { sign, send } = at;
  const first = sign({});
  await send(first);
  const second = sign({
    index: 1,
    previous: hashOf(at, first),
    descriptor: packOf(2),
  });
  await send(second);
  const third = { index: 2, previous: hashOf(at, second), descriptor: packOf(3) };
  await refused(at, 'ERR_LIMIT_EXCEEDED', send(sign(third)));
});

test('what nobody follows here is not wanted', async (t) => {
  const { reader, genesis, sign, writer } = await follower(t);
  const other = await replicationSite(t, { name: 'other' });
  await introduce(writer, other);
  const announcement = sign({ parent: null });
  const { siteId } = writer.identity;
  assert.equal(await other.announced.announce(siteId, { genesis, announcement }), 'unwanted');
  assert.deepEqual(await other.catalogue.sessions.entries(), []);
  assert.deepEqual(await reader.catalogue.sessions.entries(), []);
});
