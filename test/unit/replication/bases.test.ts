// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import {
  CHUNK_SIZE_MAX,
  FRAME_BASES_MAX,
  GROUP_CHUNKS_MAX,
  GROUP_SIZE,
} from '../../../src/base/limits.ts';
import { BaseFinder } from '../../../src/replication/base-finder.ts';
import { ChunkGroups } from '../../../src/replication/chunk-groups.ts';
import { fixedBytes } from '../../support/samples.ts';

const NONE = new Uint32Array(4);

/** Old chunks of so many bytes each, of which number 7 resembles what has features of 1. */
function finder(chunkCount: number, length = 100): BaseFinder {
  return new BaseFinder(
    {
      chunkCount,
      lengthOf: () => length,
      baseFor: (number) => ({ id: fixedBytes(`chunk ${number}`), length }),
    },
    { find: (features, start) => (features[start] === 1 ? 7 : -1) },
  );
}

function names(bases: readonly { readonly id: Buffer }[]): string[] {
  return bases.map(({ id }) => id.toString('hex'));
}

function chunkNames(...numbers: number[]): string[] {
  return numbers.map((number) => fixedBytes(`chunk ${number}`).toString('hex'));
}

/** Super-features of a chunk that resembles number 7, and of one that resembles none. */
const FEATURES = Uint32Array.of(1, 0, 0, 0, ...NONE);

test('a new chunk is laid over what follows the last known one, by bytes', () => {
  const bases = finder(10);
  assert.deepEqual(bases.basesOf(100, NONE, 0), []);
  bases.pass(2, 100);
  assert.deepEqual(names(bases.basesOf(150, NONE, 0)), chunkNames(3, 4));
  assert.deepEqual(names(bases.basesOf(20, NONE, 0)), chunkNames(4));
  assert.deepEqual(names(bases.basesOf(130, NONE, 0)), chunkNames(4, 5));
  assert.deepEqual(names(bases.basesOf(5_000, NONE, 0)), chunkNames(6, 7, 8));
  assert.deepEqual(bases.basesOf(100, NONE, 0), []);
});

test('a similar chunk is the base, and the stream goes on behind it or where it was', () => {
  const bases = finder(100);
  bases.pass(60, 100);
  assert.deepEqual(names(bases.basesOf(100, FEATURES, 0)), chunkNames(7));
  assert.deepEqual(names(bases.basesOf(100, FEATURES, 1)), chunkNames(8, 62));
  // Bytes that are known already move both places, and one of them is met again.
  bases.pass(65, 200);
  assert.deepEqual(names(bases.basesOf(100, FEATURES, 1)), chunkNames(66, 11));
});

test('a place that the stream is far from is given up', () => {
  const bases = finder(200);
  bases.pass(2, 100);
  bases.pass(60, 100);
  assert.deepEqual(names(bases.basesOf(100, NONE, 0)), chunkNames(61, 4));
  bases.pass(100, Infinity);
  assert.deepEqual(names(bases.basesOf(100, NONE, 0)), chunkNames(101));
  bases.pass(20, 100);
  for (let index = 0; index < 64; index += 1) {
    assert.equal(bases.basesOf(100, NONE, 0).length, 2);
  }
  assert.equal(bases.basesOf(100, NONE, 0).length, 1);
});

test('a chunk has no more bases than fit in a frame with it', () => {
  const bases = finder(200, CHUNK_SIZE_MAX);
  bases.pass(2, CHUNK_SIZE_MAX);
  bases.pass(60, CHUNK_SIZE_MAX);
  assert.equal(bases.basesOf(100, NONE, 0).length, 2);
  // Both places end within a chunk now.
  assert.equal(bases.basesOf(CHUNK_SIZE_MAX, NONE, 0).length, 3);
});

test('groups end at their bounds, and hold what was added', () => {
  const groups = new ChunkGroups();
  const chunk = (size: number): { id: Buffer; bytes: Buffer } => {
    return { id: randomBytes(32), bytes: randomBytes(size) };
  };
  const base = (): { id: Buffer; length: number } => ({ id: randomBytes(32), length: 1_000 });
  const plain = [chunk(10), chunk(GROUP_SIZE)];
  assert.deepEqual(groups.add(plain[0] ?? chunk(1), []), []);
  const [full] = groups.add(plain[1] ?? chunk(1), []);
  assert.deepEqual(full?.chunks, plain);
  assert.deepEqual(full.data.bytes.subarray(0, 10), plain[0]?.bytes);

  const shared = base();
  for (let index = 0; index < FRAME_BASES_MAX; index += 1) {
    assert.deepEqual(groups.add(chunk(10), [shared, ...(index === 0 ? [] : [base()])]), []);
  }
  assert.deepEqual(groups.add(chunk(10), [shared]), []);
  const [deltas] = groups.add(chunk(10), [base()]);
  assert.equal(deltas?.bases.length, FRAME_BASES_MAX);
  assert.equal(deltas.chunks.length, FRAME_BASES_MAX + 1);

  for (let index = 1; index < GROUP_CHUNKS_MAX; index += 1) groups.add(chunk(1), []);
  assert.equal(groups.add(chunk(1), [])[0]?.chunks.length, GROUP_CHUNKS_MAX);
  assert.equal(groups.finish().length, 1);
});
