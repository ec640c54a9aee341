// SPDX-License-Identifier: GPL-2.0-or-later
// What is tidied up, what is kept, and who is told of what.
import assert from 'node:assert/strict';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { createLogger } from '../../../src/base/logger.ts';
import type { SiteId, SnapshotId } from '../../../src/dataset/ids.ts';
import type { OutboxItem } from '../../../src/peers/outbox.ts';
import { Distribution } from '../../../src/replication/distribution.ts';
import { sweepHome } from '../../../src/replication/home-sweep.ts';
import { PeerAdmin } from '../../../src/replication/peer-admin.ts';
import { hasCode } from '../../../src/base/errors.ts';
import { ReplicaFolder } from '../../../src/replication/replica-folder.ts';
import { introduce, replicationSite } from '../../support/replication-site.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const logger = createLogger({ level: 'error' });

test('a start removes what an interrupted publish left, and nothing else', async (t) => {
  const site = await replicationSite(t);
  const source = site.newFolder('source');
  await writeFile(join(source, 'file'), 'content');
  const { packs, dataset } = await site.publish(source);
  await writeFile(join(site.home.packsFolder, `${'a'.repeat(64)}.pack`), 'never committed');
  await writeFile(join(site.home.packsFolder, 'new.0123.tmp'), 'half written');
  await writeFile(join(site.home.packsFolder, '.muleplex-reserve-00'), '');
  await mkdir(join(site.home.datasetsFolder, 'b'.repeat(64)));
  await sweepHome({ ...site, logger });
  const kept = packs.map(({ packId }) => `${packId}.pack`);
  assert.deepEqual(await readdir(site.home.packsFolder), kept);
  assert.deepEqual(await readdir(site.home.datasetsFolder), [dataset.id]);
});

test('a peer gets the snapshots that it has not signed for, oldest first', async (t) => {
  const writer = await replicationSite(t);
  const reader = await replicationSite(t);
  const published = [];
  for (let count = 0; count < 3; count += 1) {
    published.push(await writer.publish(writer.newFolder('source')));
  }
  const queued: { siteIds: readonly SiteId[]; item: OutboxItem }[] = [];
  const outbox = {
    enqueue: (siteIds: readonly SiteId[], item: OutboxItem) => {
      queued.push({ siteIds, item });
      return Promise.resolve();
    },
    drop: () => Promise.resolve(),
    kick: () => undefined,
  };
  const distribution = new Distribution({ ...writer, receipts: writer.receipts, outbox, logger });
  await introduce(writer, reader);
  const { siteId } = reader.identity;
  await distribution.catchUp(siteId);
  const ids = (): SnapshotId[] =>
    queued.flatMap(({ item }) => (item.kind === 'manifest' ? [item.snapshotId] : []));
  assert.deepEqual(
    ids(),
    published.map(({ row }) => row.snapshotId),
  );
  const second = published[1]?.row;
  assert.ok(second !== undefined);
  const { bytes } = reader.receipts.sign(second.datasetId, second.snapshotId, 'staged');
  await writer.receipts.take(siteId, bytes);
  queued.length = 0;
  await distribution.catchUp(siteId);
  assert.deepEqual(ids(), [published[2]?.row.snapshotId]);
});

test('peers are named by name, id or its first digits', async (t) => {
  const site = await replicationSite(t);
  const peer = await replicationSite(t, { name: 'paris' });
  const admin = new PeerAdmin({ peers: site.peers, outbox: site.catalogue.outbox });
  await admin.add(peer.identity.card, ['read'], 'a');
  await admin.add(peer.identity.card, ['publish', 'relay'], 'b');
  const { siteId } = peer.identity;
  for (const what of ['paris', siteId, siteId.slice(0, 8)]) {
    assert.equal(admin.find(what).siteId, siteId);
  }
  assert.deepEqual(admin.find('paris').rights, [
    { dataset: 'a', publish: false, read: true, relay: false },
    { dataset: 'b', publish: true, read: false, relay: true },
  ]);
  for (const what of ['rome', siteId.slice(0, 4)]) {
    assert.throws(
      () => admin.find(what),
      (error) => hasCode(error, 'ERR_PEER_UNKNOWN'),
    );
  }
  await assert.rejects(admin.add(peer.identity.card, ['write'], 'a'), (error) =>
    hasCode(error, 'ERR_ARGUMENT_INVALID'),
  );
});

test('a replica folder shows one tree and removes only what is its own', async (t) => {
  const path = join(temporaryFolder(t), 'replica');
  const folder = new ReplicaFolder({ path });
  const { signal } = new AbortController();
  await folder.prepare();
  assert.equal(await folder.visible(), undefined);
  const [first, second] = ['1'.repeat(64) as SnapshotId, '2'.repeat(64) as SnapshotId];
  for (const snapshotId of [first, second]) {
    await mkdir(join(folder.snapshotsPath, folder.partialName(snapshotId)));
    assert.equal(await folder.has(snapshotId), false);
    await folder.seal(snapshotId);
    assert.equal(await folder.has(snapshotId), true);
    await folder.show(snapshotId);
    assert.equal(await folder.visible(), snapshotId);
  }
  assert.deepEqual(await folder.others(), [first]);
  await mkdir(join(folder.snapshotsPath, folder.partialName(first)));
  await mkdir(join(folder.snapshotsPath, 'not ours'));
  await folder.clearPartials(signal);
  await folder.remove(await folder.others(), signal);
  assert.deepEqual(await readdir(folder.snapshotsPath), [second, 'not ours']);
});
