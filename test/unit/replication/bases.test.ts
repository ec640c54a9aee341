// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { FRAME_BASES_MAX, GROUP_CHUNKS_MAX, GROUP_SIZE } from '../../../src/base/limits.ts';
import { BaseFinder } from '../../../src/replication/base-finder.ts';
import { ChunkGroups } from '../../../src/replication/chunk-groups.ts';
import { fixedBytes } from '../../support/samples.ts';

const NONE = new Uint32Array(4);

/** Old chunks of 100 bytes each, of which number 7 resembles what has features of 1. */
function finder(chunkCount: number): BaseFinder {
  return new BaseFinder(
    {
      chunkCount,
      lengthOf: () => 100,
      baseFor: (number) => ({ id: fixedBytes(`chunk ${number}`), length: 100 }),
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

test('a new chunk is laid over what follows the last known one, by bytes', () => {
  const bases = finder(10);
  assert.deepEqual(bases.basesOf(100, NONE, 0), []);
  bases.pass(2);
  assert.deepEqual(names(bases.basesOf(150, NONE, 0)), chunkNames(3, 4));
  assert.deepEqual(names(bases.basesOf(20, NONE, 0)), chunkNames(4));
  assert.deepEqual(names(bases.basesOf(130, NONE, 0)), chunkNames(4, 5));
  assert.deepEqual(names(bases.basesOf(5_000, NONE, 0)), chunkNames(6, 7, 8));
  assert.deepEqual(names(bases.basesOf(100, NONE, 0)), chunkNames(9));
  assert.deepEqual(bases.basesOf(100, NONE, 0), []);
});

test('a similar chunk is the base, and the stream goes on behind it', () => {
  const bases = finder(10);
  bases.pass(2);
  const features = Uint32Array.of(...NONE, 1, 0, 0, 0);
  assert.deepEqual(names(bases.basesOf(100, features, 1)), chunkNames(7));
  assert.deepEqual(names(bases.basesOf(100, features, 0)), chunkNames(8));
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
