// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { truncateSync } from 'node:fs';
import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { hasCode } from '../../../src/base/errors.ts';
import { BLOCK_SIZE, PART_SIZE } from '../../../src/ed2k/constants.ts';
import { hashFile, hashParts, PackHasher, verifyParts } from '../../../src/native/file-hasher.ts';
import { referenceFileHashes } from '../../support/file-hash-reference.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { testBytes } from '../../support/test-bytes.ts';

const SIZES = [
  0,
  1,
  BLOCK_SIZE - 1,
  BLOCK_SIZE,
  BLOCK_SIZE + 1,
  PART_SIZE - 1,
  PART_SIZE,
  PART_SIZE + 1,
  PART_SIZE + BLOCK_SIZE + 1,
  2 * PART_SIZE,
  2 * PART_SIZE + 1,
];

test('a file and a stream have the hashes of a slow reference at all odd sizes', async (t) => {
  const path = join(temporaryFolder(t), 'file');
  for (const size of SIZES) {
    const data = testBytes(size, size);
    await writeFile(path, data);
    const expected = await referenceFileHashes(data);
    assert.deepEqual(await hashFile(path), expected, `file of ${size} bytes`);
    const hasher = new PackHasher();
    await Promise.all([
      hasher.update(data.subarray(0, size / 3)),
      hasher.update(data.subarray(size / 3)),
    ]);
    assert.deepEqual(await hasher.finish(), expected, `stream of ${size} bytes`);
  }
});

test('hashing a file tells progress and ends when it is cancelled', async (t) => {
  const path = join(temporaryFolder(t), 'file');
  await writeFile(path, testBytes(3 * PART_SIZE));
  const seen: [number, number][] = [];
  await hashFile(path, { onProgress: (done, total) => seen.push([done, total]) });
  const total = 3 * PART_SIZE;
  assert.deepEqual(seen, [
    [PART_SIZE, total],
    [2 * PART_SIZE, total],
    [total, total],
  ]);
  const controller = new AbortController();
  const hashing = hashFile(path, {
    signal: controller.signal,
    onProgress: () => controller.abort(),
  });
  await assert.rejects(hashing, { name: 'AbortError' });
});

test('a file that is cut while it is hashed is refused', async (t) => {
  const path = join(temporaryFolder(t), 'file');
  await writeFile(path, testBytes(2 * PART_SIZE));
  const hashing = hashFile(path, { onProgress: () => truncateSync(path, 1) });
  await assert.rejects(hashing, (error) => hasCode(error, 'ERR_SOURCE_CHANGED'));
});

test('a finished hasher takes no more', async () => {
  const hasher = new PackHasher();
  await hasher.finish();
  await assert.rejects(hasher.update(Buffer.alloc(1)), (error) =>
    hasCode(error, 'ERR_ARGUMENT_INVALID'),
  );
});

test('parts are hashed alone, in the order named', async (t) => {
  const path = join(temporaryFolder(t), 'file');
  const data = testBytes(2 * PART_SIZE + 100);
  await writeFile(path, data);
  const { partHashes, sha256 } = await hashFile(path);
  const parts = await hashParts(path, data.length, [2, 0]);
  assert.deepEqual(
    parts.map(({ partIndex }) => partIndex),
    [2, 0],
  );
  for (const { partIndex, md4, sha256: partSha256 } of parts) {
    assert.deepEqual(md4, partHashes.subarray(16 * partIndex, 16 * partIndex + 16));
    assert.deepEqual(partSha256, sha256.subarray(32 * partIndex, 32 * partIndex + 32));
  }
  assert.equal((await hashParts(path, data.length, 'all')).length, 3);
  await assert.rejects(hashParts(path, data.length, [3]), (error) =>
    hasCode(error, 'ERR_ARGUMENT_INVALID'),
  );
  await assert.rejects(hashParts(`${path}-absent`, 1, 'all'), { code: 'ENOENT' });
});

test('one changed byte, and a file cut short, show in the parts they are in', async (t) => {
  const path = join(temporaryFolder(t), 'file');
  const data = testBytes(2 * PART_SIZE + 100);
  await writeFile(path, data);
  const { sha256 } = await hashFile(path);
  const good = async (): Promise<string> =>
    (await verifyParts(path, data.length, sha256)).toBytes().toString('hex');
  assert.equal(await good(), '07');
  data[PART_SIZE] = (data[PART_SIZE] ?? 0) ^ 1;
  await writeFile(path, data);
  assert.equal(await good(), '05');
  await truncate(path, PART_SIZE + 5);
  assert.equal(await good(), '01');
  await assert.rejects(verifyParts(path, data.length, sha256.subarray(32)), (error) =>
    hasCode(error, 'ERR_ARGUMENT_INVALID'),
  );
});
