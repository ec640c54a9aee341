// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { ChunkSet } from '../../../src/store/chunk-set.ts';

function idOf(number: number): Buffer {
  return createHash('sha256').update(String(number)).digest();
}

test('ids get numbers in order, found again at any offset, over several segments', () => {
  const count = 150_000;
  const set = new ChunkSet();
  for (let number = 0; number < count; number += 1) {
    assert.equal(set.add(idOf(number)), number);
  }
  assert.equal(set.size, count);
  const shifted = Buffer.concat([Buffer.alloc(5), idOf(123_456), Buffer.alloc(3)]);
  assert.equal(set.find(shifted, 5), 123_456);
  assert.equal(set.find(shifted, 4), -1);
  for (let number = 0; number < count; number += 977) {
    assert.equal(set.find(idOf(number)), number);
    assert.equal(set.add(idOf(number)), number);
    assert.deepEqual(set.idAt(number), idOf(number));
    assert.equal(set.has(idOf(count + number)), false);
  }
  assert.equal(set.size, count);
});

test('ids that share their first bytes are told apart', () => {
  const set = new ChunkSet();
  const ids = Array.from({ length: 3_000 }, (_, index) => {
    const id = Buffer.alloc(32, 7);
    id.writeUInt32BE(index, 28);
    return id;
  });
  for (const [index, id] of ids.entries()) assert.equal(set.add(id), index);
  for (const [index, id] of ids.entries()) assert.equal(set.find(id), index);
});

test('four million chunks fit in 200 MB and are found in a microsecond or two', () => {
  const count = 4_000_000;
  const set = new ChunkSet();
  const id = Buffer.alloc(32);
  const scramble = (number: number): void => {
    // Any bits do: the set only needs that they are spread.
    id.writeUInt32LE(Math.imul(number, 2_654_435_761) >>> 0, 0);
    id.writeUInt32LE(number, 8);
  };
  const before = process.memoryUsage();
  for (let number = 0; number < count; number += 1) {
    scramble(number);
    set.add(id);
  }
  const after = process.memoryUsage();
  const used = after.arrayBuffers - before.arrayBuffers;
  assert.ok(used < 200_000_000, `${used} bytes`);
  for (let number = 0; number < count; number += 97) {
    scramble(number);
    assert.equal(set.find(id), number);
  }
});
