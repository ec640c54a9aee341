// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  formatBytes,
  formatDuration,
  formatTable,
  parseDuration,
} from '../../../src/cli/quantities.ts';

test('sizes have three digits and decimal units', () => {
  const expected: [number, string][] = [
    [0, '0 B'],
    [999, '999 B'],
    [1_000, '1.00 kB'],
    [12_345, '12.3 kB'],
    [999_499, '999 kB'],
    [999_500, '1.00 MB'],
    [1_234_567_890, '1.23 GB'],
    [5e15, '5000 TB'],
  ];
  for (const [bytes, text] of expected) assert.equal(formatBytes(bytes), text);
});

test('durations are shown in the unit that fits', () => {
  assert.equal(formatDuration(1_234), '1.2 s');
  assert.equal(formatDuration(65_000), '1 min 05 s');
  assert.equal(formatDuration(7_380_000), '2 h 03 min');
});

test('a time-out has seconds, minutes or hours', () => {
  assert.equal(parseDuration('90'), 90_000);
  assert.equal(parseDuration('1.5s'), 1_500);
  assert.equal(parseDuration('15m'), 900_000);
  assert.equal(parseDuration('2h'), 7_200_000);
  for (const wrong of ['', 's', '-1', '1d', '1 s', '1e3']) {
    assert.equal(parseDuration(wrong), undefined, wrong);
  }
});

test('columns are as wide as their widest cell', () => {
  assert.deepEqual(formatTable(['A', 'B'], [['long', 'x'], ['y']]), ['A     B', 'long  x', 'y']);
});
