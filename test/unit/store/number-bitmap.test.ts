// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { NumberBitmap } from '../../../src/store/number-bitmap.ts';

test('a bitmap is a set of numbers', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(100_000)), (numbers) => {
      const bitmap = new NumberBitmap();
      const set = new Set<number>();
      for (const number of numbers) {
        assert.equal(bitmap.add(number), !set.has(number));
        set.add(number);
      }
      assert.deepEqual(
        [...bitmap],
        [...set].sort((a, b) => a - b),
      );
      for (const number of [0, 7, 8, 99_999, ...numbers]) {
        assert.equal(bitmap.has(number), set.has(number));
      }
    }),
  );
});
