// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PartBitmap } from '../../../src/ed2k/part-bitmap.ts';
import { refuses } from '../../support/refuses.ts';

test('part i is bit i & 7 of byte i >> 3, least significant first', () => {
  const bitmap = PartBitmap.of(10, [0, 3, 9]);
  assert.equal(bitmap.toHex(), '0902');
  assert.deepEqual(bitmap.indexes(), [0, 3, 9]);
  assert.deepEqual(bitmap.missing(), [1, 2, 4, 5, 6, 7, 8]);
  assert.equal(bitmap.count, 3);
  assert.equal(bitmap.has(3), true);
  assert.equal(bitmap.has(4), false);
  assert.equal(bitmap.has(-1), false);
  assert.equal(bitmap.has(10), false);
  assert.deepEqual(PartBitmap.fromBytes(bitmap.toBytes(), 10).indexes(), [0, 3, 9]);
});

test('a bitmap does not change: with, without and union make others', () => {
  const empty = PartBitmap.empty(9);
  const one = empty.with(8);
  assert.equal(empty.count, 0);
  assert.deepEqual(one.indexes(), [8]);
  assert.deepEqual(one.with(8).indexes(), [8]);
  assert.equal(one.without(8).count, 0);
  assert.deepEqual(one.union(PartBitmap.of(9, [0])).indexes(), [0, 8]);
  one.toBytes().fill(0);
  assert.equal(one.count, 1);
  assert.throws(() => one.with(9), assert.AssertionError);
});

test('a full bitmap has every part and no bit more', () => {
  for (const partCount of [0, 1, 7, 8, 9, 16]) {
    const full = PartBitmap.full(partCount);
    assert.equal(full.isFull, true);
    assert.equal(full.count, partCount);
    assert.deepEqual(full.missing(), []);
    assert.deepEqual(PartBitmap.fromBytes(full.toBytes(), partCount).count, partCount);
  }
});

test('bytes of another length or with stray bits are refused', () => {
  refuses('ERR_FORMAT_MALFORMED', () => PartBitmap.fromBytes(Buffer.alloc(1), 9));
  refuses('ERR_FORMAT_MALFORMED', () => PartBitmap.fromBytes(Buffer.from([0x80]), 7));
  PartBitmap.fromBytes(Buffer.from([0x80]), 8);
});
