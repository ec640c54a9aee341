// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { md4 as md4OfOthers } from 'hash-wasm';
import { BLOCK_SIZE, PART_SIZE } from '../../../src/ed2k/constants.ts';
import { EMPTY_PART_HASH, fileHashOf, hashsetProblem } from '../../../src/ed2k/hashset.ts';
import { md4 } from '../../../src/ed2k/md4.ts';
import {
  blockCount,
  ed2kHashCount,
  partCount,
  partIndexAt,
  partRange,
} from '../../../src/ed2k/part-arithmetic.ts';

test('the last part may be short, and a multiple of the part size has one hash more', () => {
  const cases = [
    { size: 0, parts: 0, hashes: 1 },
    { size: 1, parts: 1, hashes: 1 },
    { size: PART_SIZE - 1, parts: 1, hashes: 1 },
    { size: PART_SIZE, parts: 1, hashes: 2 },
    { size: PART_SIZE + 1, parts: 2, hashes: 2 },
    { size: 3 * PART_SIZE, parts: 3, hashes: 4 },
  ];
  for (const { size, parts, hashes } of cases) {
    assert.equal(partCount(size), parts);
    assert.equal(ed2kHashCount(size), hashes);
  }
  assert.deepEqual(partRange(PART_SIZE + 5, 0), { start: 0, end: PART_SIZE });
  assert.deepEqual(partRange(PART_SIZE + 5, 1), { start: PART_SIZE, end: PART_SIZE + 5 });
  assert.throws(() => partRange(PART_SIZE, 1), assert.AssertionError);
  assert.equal(partIndexAt(PART_SIZE - 1), 0);
  assert.equal(partIndexAt(PART_SIZE), 1);
});

test('a part divides into blocks of 180 KiB, 53 in a full one', () => {
  assert.equal(blockCount(PART_SIZE), 53);
  assert.equal(blockCount(BLOCK_SIZE), 1);
  assert.equal(blockCount(BLOCK_SIZE + 1), 2);
});

test('MD4 gives the digests of RFC 1320', () => {
  const vectors = {
    '': '31d6cfe0d16ae931b73c59d7e0c089c0',
    a: 'bde52cb31de33e46245e05fbdbd6fb24',
    abc: 'a448017aaf21d8525fc10ae87aa6729d',
    'message digest': 'd9130a8164549fe818874806e1c7014b',
    abcdefghijklmnopqrstuvwxyz: 'd79e1c308aa5bbcdeea8ed63df412da9',
    '12345678901234567890123456789012345678901234567890123456789012345678901234567890':
      'e33b4ddc9c38f2199c3e7b164fcc0536',
  };
  for (const [text, digest] of Object.entries(vectors)) {
    assert.equal(md4(Buffer.from(text)).toString('hex'), digest);
  }
});

test('MD4 agrees with hash-wasm around the block and padding boundaries', async () => {
  for (let length = 50; length < 140; length += 1) {
    const message = Buffer.alloc(length, length);
    assert.equal(md4(message).toString('hex'), await md4OfOthers(message));
  }
});

test('the file hash is the only part hash, or the MD4 of all of them', () => {
  const one = md4(Buffer.from('part'));
  assert.deepEqual(fileHashOf(one), one);
  const two = Buffer.concat([one, EMPTY_PART_HASH]);
  assert.deepEqual(fileHashOf(two), md4(two));
  assert.equal(hashsetProblem(PART_SIZE - 1, one, one), undefined);
  assert.equal(hashsetProblem(PART_SIZE, md4(two), two), undefined);
  assert.match(hashsetProblem(PART_SIZE, one, one) ?? '', /16 bytes of part hashes/);
  assert.match(hashsetProblem(PART_SIZE, one, two) ?? '', /does not make/);
});
