// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  idBytes,
  parseDatasetId,
  parseDatasetName,
  parsePackId,
  parseSiteId,
  parseSiteName,
  parseSnapshotId,
  shortId,
  siteIdFromBytes,
} from '../../../src/dataset/ids.ts';
import { refuses } from '../../support/refuses.ts';

const TEXT = 'ab'.repeat(32);

test('an id is 64 lower-case hex digits', () => {
  for (const parse of [parseSiteId, parseDatasetId, parseSnapshotId, parsePackId]) {
    assert.equal(parse(TEXT), TEXT);
    for (const bad of [
      '',
      'ab',
      TEXT.toUpperCase(),
      `${TEXT}0`,
      `g${TEXT.slice(1)}`,
      `${TEXT}\n`,
    ]) {
      refuses('ERR_ARGUMENT_INVALID', () => parse(bad));
    }
  }
  assert.equal(siteIdFromBytes(idBytes(parseSiteId(TEXT))), TEXT);
  assert.equal(shortId(TEXT), 'abababababab');
});

test('names are short, printable and no path', () => {
  for (const name of ['a', 'run42', '0.a_b-c', 'a'.repeat(64)]) {
    assert.equal(parseDatasetName(name), name);
    assert.equal(parseSiteName(name), name);
  }
  for (const name of ['', '.', '-a', '.a', 'a/b', 'a b', 'ä', 'a\n', 'a'.repeat(65)]) {
    refuses('ERR_ARGUMENT_INVALID', () => parseDatasetName(name));
    refuses('ERR_ARGUMENT_INVALID', () => parseSiteName(name));
  }
  assert.equal(parseSiteName('Site-A'), 'Site-A');
  refuses('ERR_ARGUMENT_INVALID', () => parseDatasetName('Run42'));
});
