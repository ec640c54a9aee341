// SPDX-License-Identifier: GPL-2.0-or-later
// The hashes of the addon against independent programs: rhash (file hash and AICH root) and aMule's
// alcc (part hashes).
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { BLOCK_SIZE, PART_SIZE } from '../../src/ed2k/constants.ts';
import { hashFile, type FileHashes } from '../../src/native/file-hasher.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { testBytes } from '../support/test-bytes.ts';

const HASH_SIZE = 16;
const SIZES = [
  0,
  1,
  BLOCK_SIZE - 1,
  BLOCK_SIZE,
  BLOCK_SIZE + 1,
  PART_SIZE - 1,
  PART_SIZE,
  PART_SIZE + 1,
  2 * PART_SIZE,
  2 * PART_SIZE + BLOCK_SIZE + 1,
  5 * PART_SIZE,
  5 * PART_SIZE + 1,
];

async function eachFile(
  folder: string,
  check: (path: string, hashes: FileHashes) => void,
): Promise<void> {
  for (const size of SIZES) {
    const path = join(folder, `${size}`);
    await writeFile(path, testBytes(size, size));
    check(path, await hashFile(path));
  }
}

test('rhash computes the same file hash and AICH root', async (t) => {
  await eachFile(temporaryFolder(t), (path, { fileHash, aichRoot }) => {
    const options = ['--ed2k', '--aich', '--printf=%x{ed2k} %x{aich}'];
    const output = execFileSync('rhash', [...options, path], { encoding: 'utf8' });
    assert.equal(output, `${fileHash.toString('hex')} ${aichRoot.toString('hex')}`, path);
  });
});

test('alcc computes the same part hashes', async (t) => {
  await eachFile(temporaryFolder(t), (path, { size, fileHash, partHashes }) => {
    // aMule has no link for a file without content.
    if (size === 0) return;
    const output = execFileSync('alcc', ['-p', path], { encoding: 'utf8' });
    const [, hash, parts = ''] = /\|([0-9a-f]{32})\|(?:p=([0-9a-f:]*)\|)?/.exec(output) ?? [];
    assert.equal(hash, fileHash.toString('hex'), path);
    const expected = [];
    for (let start = 0; start < partHashes.length; start += HASH_SIZE) {
      expected.push(partHashes.toString('hex', start, start + HASH_SIZE));
    }
    const listed = parts === '' ? [] : parts.split(':');
    assert.deepEqual(listed, expected, path);
  });
});
