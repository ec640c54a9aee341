// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PackId, SnapshotId } from '../../../src/dataset/ids.ts';
import { packsToMerge } from '../../../src/dataset/merge-plan.ts';
import { KEEP_ALL, keptSnapshots } from '../../../src/dataset/retention.ts';
import { PACK_TARGET_SIZE_MAX, RETAINED_MAX } from '../../../src/base/limits.ts';

const DAY_MS = 86_400_000;

/** Newest first, a day apart. */
function daily(count: number): { snapshotId: SnapshotId; createdMs: number }[] {
  return Array.from({ length: count }, (_, index) => ({
    snapshotId: `s${index}` as SnapshotId,
    createdMs: (count - index) * DAY_MS,
  }));
}

function kept(
  count: number,
  rules: Partial<typeof KEEP_ALL> = {},
  pinned: readonly string[] = [],
): string[] {
  const pins = new Set(pinned as SnapshotId[]);
  return keptSnapshots(daily(count), { ...KEEP_ALL, ...rules }, pins).map(
    (each) => each.snapshotId,
  );
}

test('without a rule all snapshots stay, up to the limit', () => {
  assert.equal(kept(100).length, 100);
  assert.equal(kept(RETAINED_MAX + 50).length, RETAINED_MAX + 1);
  assert.deepEqual(kept(0), []);
});

test('what any rule keeps stays, and the newest always', () => {
  assert.deepEqual(kept(5, { keepLast: 2 }), ['s0', 's1']);
  assert.deepEqual(kept(5, { keepWithinMs: 2 * DAY_MS }), ['s0', 's1', 's2']);
  assert.deepEqual(kept(5, { keepLast: 1, keepWithinMs: DAY_MS }), ['s0', 's1']);
  assert.deepEqual(kept(5, { keepWithinMs: 1 }), ['s0']);
});

test('a pin keeps its snapshot and does not count for a rule', () => {
  assert.deepEqual(kept(5, { keepLast: 2 }, ['s4']), ['s0', 's1', 's4']);
  const oldest = `s${RETAINED_MAX + 49}`;
  assert.equal(kept(RETAINED_MAX + 50, {}, [oldest]).at(-1), oldest);
});

function use(
  packId: string,
  frameBytes: number,
  liveBytes: number,
): Parameters<typeof packsToMerge>[0][0] {
  return { packId: packId as PackId, frameBytes, liveBytes };
}

test('packs of which more than the share is unneeded are merged', () => {
  const packs = [use('a', 100, 49), use('b', 100, 51), use('c', 100, 0), use('d', 100, 100)];
  const rules = { maxUnused: 0.5, maxPacks: 100 };
  assert.deepEqual([...packsToMerge(packs, rules)], ['a', 'c']);
  assert.deepEqual([...packsToMerge(packs, { ...rules, maxUnused: 1 })], []);
});

test('too many packs are merged from the smallest on', () => {
  const packs = [use('a', 30, 30), use('b', 10, 10), use('c', 20, 20), use('d', 40, 40)];
  const rules = { maxUnused: 1, maxPacks: 3 };
  assert.deepEqual([...packsToMerge(packs, rules)].sort(), ['b', 'c']);
  assert.deepEqual([...packsToMerge(packs, { ...rules, maxPacks: 4 })], []);
  const large = Array.from({ length: 3 }, (_, index) =>
    use(`${index}`, PACK_TARGET_SIZE_MAX, PACK_TARGET_SIZE_MAX),
  );
  assert.equal(packsToMerge(large, { maxUnused: 1, maxPacks: 3 }).size, 0);
});
