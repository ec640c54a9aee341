// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import type { DatasetId, SnapshotId } from '../../../src/dataset/ids.ts';
import type { EntryStat } from '../../../src/native/folder.ts';
import { StampStore } from '../../../src/replication/stamp-store.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const DATASET = 'd'.repeat(64) as DatasetId;
const SNAPSHOT = 'e'.repeat(64) as SnapshotId;
const NOW_MS = 1_000_000_000_000;

const STAT: EntryStat = {
  type: 'file',
  mode: 0o644,
  uid: 0,
  gid: 0,
  size: 5_000_000_000,
  mtimeSeconds: -5,
  mtimeNanoseconds: 1,
  ctimeSeconds: NOW_MS / 1000 - 10,
  ctimeNanoseconds: 2,
  inode: 2n ** 64n - 1n,
  device: 7n,
  linkCount: 1,
  blockCount: 8,
};

function stored(t: Parameters<typeof temporaryFolder>[0], stats: readonly [string, EntryStat][]) {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, DATASET));
  const store = new StampStore({ folder });
  const stamps = store.write(DATASET, { scanStartMs: NOW_MS });
  for (const [path, stat] of stats) stamps.add(Buffer.from(path), stat);
  return { store, stamps, path: join(folder, DATASET, 'stamps') };
}

test('a file matches when all of its stamp is the same', async (t) => {
  const { store, stamps } = stored(t, [
    ['a', STAT],
    ['b', STAT],
    ['d', STAT],
  ]);
  await stamps.save(SNAPSHOT);
  const changes: Partial<EntryStat>[] = [
    { size: 1 },
    { mtimeSeconds: 1 },
    { mtimeNanoseconds: 2 },
    { ctimeSeconds: 1 },
    { ctimeNanoseconds: 1 },
    { inode: 1n },
    { device: 1n },
  ];
  for (const change of changes) {
    const cursor = await store.load(DATASET, SNAPSHOT);
    assert.equal(await cursor?.matches(Buffer.from('a'), { ...STAT, ...change }), false);
    assert.equal(await cursor?.matches(Buffer.from('b'), { ...STAT, mode: 0 }), true);
    assert.equal(await cursor?.matches(Buffer.from('c'), STAT), false);
    assert.equal(await cursor?.matches(Buffer.from('d'), STAT), true);
    assert.equal(await cursor?.matches(Buffer.from('e'), STAT), false);
    await cursor?.close();
  }
});

test('a file that may change once more within a clock tick has no stamp', async (t) => {
  const second = NOW_MS / 1000;
  const { store, stamps } = stored(t, [
    ['coarse', { ...STAT, ctimeSeconds: second - 1, ctimeNanoseconds: 0, mtimeNanoseconds: 0 }],
    ['fine', { ...STAT, ctimeSeconds: second - 1, ctimeNanoseconds: 950_000_000 }],
    ['safe', { ...STAT, ctimeSeconds: second - 1, ctimeNanoseconds: 100_000_000 }],
  ]);
  await stamps.save(SNAPSHOT);
  const cursor = await store.load(DATASET, SNAPSHOT);
  const match = (path: string, stat: Partial<EntryStat>): Promise<boolean> | undefined =>
    cursor?.matches(Buffer.from(path), { ...STAT, ...stat });
  assert.equal(await match('coarse', { ctimeSeconds: second - 1, ctimeNanoseconds: 0 }), false);
  assert.equal(
    await match('fine', { ctimeSeconds: second - 1, ctimeNanoseconds: 950_000_000 }),
    false,
  );
  assert.equal(
    await match('safe', { ctimeSeconds: second - 1, ctimeNanoseconds: 100_000_000 }),
    true,
  );
  await cursor?.close();
});

test('stamps of another snapshot, absent or damaged ones count as none', async (t) => {
  const { store, stamps, path } = stored(t, [['a', STAT]]);
  assert.equal(await store.load(DATASET, SNAPSHOT), undefined);
  await stamps.save(SNAPSHOT);
  assert.equal(await store.load(DATASET, 'f'.repeat(64) as SnapshotId), undefined);
  truncateSync(path, 60);
  const cursor = await store.load(DATASET, SNAPSHOT);
  assert.equal(await cursor?.matches(Buffer.from('a'), STAT), false);
  await cursor?.close();
  writeFileSync(path, 'nonsense');
  assert.equal(await store.load(DATASET, SNAPSHOT), undefined);
});

test('stamps of many files are written and read in pieces, and carried over', async (t) => {
  const { store, stamps } = stored(t, []);
  const path = (index: number): Buffer =>
    Buffer.from(`${'long/'.repeat(200)}${String(index).padStart(5, '0')}`);
  for (let index = 0; index < 3_000; index += 1) {
    stamps.add(path(index), { ...STAT, inode: BigInt(index) });
    await stamps.flush();
  }
  await stamps.save(SNAPSHOT);
  const other = 'f'.repeat(64) as SnapshotId;
  await store.carry(DATASET, SNAPSHOT, other);
  assert.equal(await store.load(DATASET, SNAPSHOT), undefined);
  const cursor = await store.load(DATASET, other);
  for (let index = 0; index < 3_000; index += 1) {
    assert.equal(await cursor?.matches(path(index), { ...STAT, inode: BigInt(index) }), true);
  }
  await cursor?.close();
});

test('stamps that are given up leave no file', async (t) => {
  const { stamps, path } = stored(t, []);
  for (let index = 0; index < 5_000; index += 1) {
    stamps.add(Buffer.from(`${'long/'.repeat(100)}${index}`), STAT);
    await stamps.flush();
  }
  assert.equal(readdirSync(dirname(path)).length, 1);
  await stamps.discard();
  assert.deepEqual(readdirSync(dirname(path)), []);
});
