// SPDX-License-Identifier: GPL-2.0-or-later
// What is forgotten and what stays, by rules and pins; and that no site loses a pack that it must
// keep, whatever happens in which order.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { differences } from '../../../scripts/lab/compare.ts';
import { hasCode } from '../../../src/base/errors.ts';
import type { PackId, SnapshotId } from '../../../src/dataset/ids.ts';
import {
  assertRestores,
  follow,
  headPacks,
  keep,
  newestId,
  packsOn,
  prune,
  restoreTo,
  writeVersion,
  type Kept,
} from '../../support/kept-snapshots.ts';
import type { ReplicationSite } from '../../support/replication-site.ts';
import { seededRandom } from '../../support/random.ts';
import { pair, replicate, type Pair } from '../../support/site-pair.ts';

const { signal } = new AbortController();

test('the writer forgets by the rules, and what only the forgotten needed is gone everywhere', async (t) => {
  const at = await pair(t);
  await at.writer.publish(at.source);
  await at.writer.retention.set('files', { keepLast: 2, keepWithinMs: null });
  await follow(at);
  const kept: Kept[] = [];
  for (let version = 1; version <= 5; version += 1) {
    await writeVersion(at.source, version, [0, 1, 2]);
    kept.push(await keep(at, await replicate(at)));
  }
  const [dataset] = at.writer.registry.list();
  assert.ok(dataset !== undefined);
  for (const site of [at.writer, at.reader]) {
    await site.retirement.run(dataset);
    assert.deepEqual(await packsOn(site), await headPacks(site));
    await assertRestores(site, kept.slice(-2));
    await assert.rejects(restoreTo(site, '3'), (error) => hasCode(error, 'ERR_SNAPSHOT_FORGOTTEN'));
  }
  assert.ok((await packsOn(at.writer)).size <= 3, 'packs of forgotten versions are gone');
});

test('a pinned snapshot stays, at its writer and at a site that follows', async (t) => {
  const at = await pair(t);
  await writeVersion(at.source, 1, [0, 1, 2]);
  const first = await keep(at, await replicate(at));
  await at.writer.retention.set('files', { keepLast: 1, keepWithinMs: null });
  await at.reader.retention.pin(first.row.snapshotId.slice(0, 12), undefined, signal);
  await at.writer.retention.pin('1', 'files', signal);
  for (let version = 2; version <= 3; version += 1) {
    await writeVersion(at.source, version, [0, 1, 2]);
    await replicate(at);
    await prune(at.writer);
    await follow(at);
  }
  await assertRestores(at.writer, [first]);
  await at.writer.retention.unpin('1', 'files');
  await prune(at.writer);
  await follow(at);
  await assert.rejects(restoreTo(at.writer, '1'), (error) =>
    hasCode(error, 'ERR_SNAPSHOT_FORGOTTEN'),
  );
  // Here it still is.
  await assertRestores(at.reader, [first]);
  await at.reader.retention.unpin('1', 'files');
  assert.deepEqual(await packsOn(at.reader), await headPacks(at.reader));
});

/** Packs that the rule of docs/guarantees.md protects at this site, of those it once had. */
async function protectedPacks(at: Pair, site: ReplicationSite): Promise<Set<PackId>> {
  const [dataset] = at.writer.registry.list();
  assert.ok(dataset !== undefined);
  const named = new Set<PackId>();
  const head = await site.chain.head(dataset.id);
  const ids: SnapshotId[] = head === undefined ? [] : [head.snapshotId];
  for (const { value } of await site.catalogue.follows.entries()) {
    if (value.visible !== null) ids.push(value.visible);
  }
  for (const id of ids) {
    for (const packId of (
      await site.chain.packs(await site.chain.snapshot(dataset.id, id))
    ).keys()) {
      named.add(packId);
    }
  }
  for (const { value } of await site.catalogue.pins.entries()) {
    for (const packId of value.packs) named.add(packId);
  }
  return named;
}

test('whatever is published, pruned and pinned: no site loses a pack that it must keep', async (t) => {
  const random = seededRandom(t);
  const at = await pair(t);
  await writeVersion(at.source, 0, [0, 1, 2, 3]);
  await replicate(at);
  await at.writer.retention.set('files', { keepLast: 3, keepWithinMs: null });
  const had = new Map<ReplicationSite, Set<string>>();
  for (let step = 1; step <= 25; step += 1) {
    await randomStep(at, step, random);
    for (const site of [at.writer, at.reader]) {
      const here = await packsOn(site);
      const lost = [...(await protectedPacks(at, site))].filter(
        (packId) => had.get(site)?.has(packId) === true && !here.has(packId),
      );
      assert.deepEqual(lost, [], `step ${step}`);
      had.set(site, new Set([...(had.get(site) ?? []), ...here]));
    }
  }
  await follow(at);
  const newest = await restoreTo(at.writer, (await newestId(at)) ?? '');
  assert.deepEqual(await differences(newest, join(at.replica, 'current')), []);
});

async function randomStep(at: Pair, step: number, random: () => number): Promise<void> {
  const pick = Math.floor(random() * 6);
  const [dataset] = at.writer.registry.list();
  assert.ok(dataset !== undefined);
  if (pick <= 1) {
    await writeVersion(at.source, step, [Math.floor(random() * 4)]);
    await at.writer.publish(at.source);
    await at.writer.retirement.run(dataset);
  } else if (pick === 2) {
    await prune(at.writer, { maxPacks: 1 + Math.floor(random() * 3) });
  } else if (pick === 3) {
    await follow(at);
  } else {
    const site = random() < 0.5 ? at.writer : at.reader;
    const retained = [...(await site.cover.retained(dataset))];
    const id = retained[Math.floor(random() * retained.length)] ?? '';
    if (pick === 4) await site.retention.pin(id, 'files', signal).catch(ignoreMissing);
    else await site.retention.unpin(id, 'files');
  }
}

/** A site that has not yet fetched a snapshot cannot pin it. */
function ignoreMissing(error: unknown): void {
  if (!hasCode(error, 'ERR_PACK_MISSING')) throw error;
}
