// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WriteBehind } from '../../../src/store/write-behind.ts';

const MIB = 1024 * 1024;

test('the disk gets 8 MiB and more at once, one stretch after the other', async () => {
  const begun: [number, number][] = [];
  const ends: (() => void)[] = [];
  const behind = new WriteBehind((offset, length) => {
    begun.push([offset / MIB, length / MIB]);
    return new Promise((resolve) => ends.push(resolve));
  });
  behind.wrote(7 * MIB);
  assert.deepEqual(begun, []);
  behind.wrote(9 * MIB);
  // The disk is busy.
  behind.wrote(20 * MIB);
  assert.deepEqual(begun, [[0, 9]]);
  ends.shift()?.();
  await behind.settle();
  behind.wrote(21 * MIB);
  assert.deepEqual(begun, [
    [0, 9],
    [9, 12],
  ]);
  let isSettled = false;
  const settling = behind.settle().then(() => (isSettled = true));
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(isSettled, false);
  ends.shift()?.();
  await settling;
});
