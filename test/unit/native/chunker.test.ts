// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasCode } from '../../../src/base/errors.ts';
import { copyChunks, cutAndName, nameChunks, type ChunkKeys } from '../../../src/native/chunker.ts';
import { referenceCut, referenceId } from '../../support/chunker-reference.ts';
import { readJsonFixture } from '../../support/fixture.ts';
import { testBytes } from '../../support/test-bytes.ts';

const KEYS: ChunkKeys = { gearKey: testBytes(32, 1), idKey: testBytes(32, 2), average: 4096 };

test('chunks and ids are those of a slow reference', async () => {
  const data = testBytes(200_000, 3);
  const { lengths, ids, consumed } = await cutAndName(KEYS, data, true);
  assert.deepEqual([...lengths], referenceCut(KEYS.gearKey, KEYS.average, data));
  assert.equal(consumed, data.length);
  let offset = 0;
  for (const [index, length] of lengths.entries()) {
    const id = referenceId(KEYS.idKey, data.subarray(offset, offset + length));
    assert.deepEqual(ids.subarray(32 * index, 32 * index + 32), id);
    offset += length;
  }
});

test('the boundaries of the frozen vector stay where they are', async () => {
  // The stream is AES-128-CTR over zeros under a zero key and counter block, as testBytes() makes.
  const vector = readJsonFixture('golden/chunker.json') as {
    gearKey: string;
    idKey: string;
    streamSize: number;
    cuts: { average: number; lengths: number[]; firstId: string }[];
  };
  const gearKey = Buffer.from(vector.gearKey, 'hex');
  const idKey = Buffer.from(vector.idKey, 'hex');
  for (const { average, lengths, firstId } of vector.cuts) {
    const cut = await cutAndName({ gearKey, idKey, average }, testBytes(vector.streamSize), true);
    assert.deepEqual([...cut.lengths], lengths);
    assert.equal(cut.ids.toString('hex', 0, 32), firstId);
  }
});

test('chunks are named in batches', async () => {
  const chunks = [Buffer.alloc(0), Buffer.from('a'), testBytes(100_000)];
  const expected = chunks.map((chunk) => referenceId(KEYS.idKey, chunk));
  assert.deepEqual(await nameChunks(KEYS.idKey, chunks), Buffer.concat(expected));
  assert.deepEqual(await nameChunks(KEYS.idKey, []), Buffer.alloc(0));
});

test('arguments are checked before the addon sees them', async () => {
  const refused = (error: unknown): boolean => hasCode(error, 'ERR_ARGUMENT_INVALID');
  const data = Buffer.alloc(10);
  for (const average of [0, 2048, 4097, 2 ** 21, 65536.5, Number.NaN]) {
    await assert.rejects(cutAndName({ ...KEYS, average }, data, true), refused);
  }
  await assert.rejects(cutAndName({ ...KEYS, gearKey: Buffer.alloc(31) }, data, true), refused);
  await assert.rejects(cutAndName({ ...KEYS, idKey: Buffer.alloc(33) }, data, true), refused);
  await assert.rejects(cutAndName(KEYS, 'text' as unknown as Buffer, true), refused);
  await assert.rejects(nameChunks(KEYS.idKey, {} as Buffer[]), refused);
  await assert.rejects(nameChunks(KEYS.idKey, [data, {} as Buffer]), refused);
});

test('chunks are copied to their places, and the copies named', async () => {
  const chunks = [1, 64, 100_000].map((size) => testBytes(size, size));
  const places = chunks.map(({ length }) => Buffer.alloc(length));
  assert.deepEqual(
    await copyChunks(KEYS.idKey, chunks, places),
    await nameChunks(KEYS.idKey, chunks),
  );
  assert.deepEqual(places, chunks);
  const tooShort = [Buffer.alloc(2), ...places.slice(1)];
  await assert.rejects(copyChunks(KEYS.idKey, chunks, tooShort), (error) =>
    hasCode(error, 'ERR_ARGUMENT_INVALID'),
  );
  await assert.rejects(copyChunks(KEYS.idKey, chunks, places.slice(1)), (error) =>
    hasCode(error, 'ERR_ARGUMENT_INVALID'),
  );
});
