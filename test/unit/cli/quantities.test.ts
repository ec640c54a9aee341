// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  formatAge,
  formatBytes,
  formatDuration,
  formatTable,
  parseAge,
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

test('ages are read in hours, days, weeks and years, and shown in days where that fits', () => {
  const HOUR_MS = 3_600_000;
  const expected: [string, number][] = [
    ['12h', 12 * HOUR_MS],
    ['30d', 30 * 24 * HOUR_MS],
    ['8w', 8 * 7 * 24 * HOUR_MS],
    ['1y', 365 * 24 * HOUR_MS],
  ];
  for (const [text, ageMs] of expected) assert.equal(parseAge(text), ageMs, text);
  for (const text of ['', '0d', '30', '1.5d', '-1d', '30 d', '1m']) {
    assert.equal(parseAge(text), undefined, text);
  }
  assert.equal(formatAge(12 * HOUR_MS), '12 hours');
  assert.equal(formatAge(8 * 7 * 24 * HOUR_MS), '56 days');
});
