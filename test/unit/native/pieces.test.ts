// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { hasCode } from '../../../src/base/errors.ts';
import { NATIVE_BATCH_BYTES_MAX } from '../../../src/base/limits.ts';
import {
  chunkSizeMax,
  cutAndName,
  nameChunks,
  type ChunkKeys,
} from '../../../src/native/chunker.ts';
import { readAndCut, readAndCutUnnamed, readAndName } from '../../../src/native/pieces.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { testBytes } from '../../support/test-bytes.ts';

const KEYS: ChunkKeys = { gearKey: testBytes(32, 1), idKey: testBytes(32, 2), average: 4096 };

test('small files are read and cut in one call', async (t) => {
  const folder = temporaryFolder(t);
  const files = [0, 1, 3000, 50_000].map((size) => testBytes(size, size));
  const pieces = [];
  for (const [index, file] of files.entries()) {
    const path = join(folder, `${index}`);
    await writeFile(path, file);
    pieces.push({ path: Buffer.from(path), offset: 0, length: file.length, isLast: true });
  }
  const data = Buffer.alloc(pieces.reduce((sum, { length }) => sum + length, 0));
  const cut = await readAndCut(KEYS, pieces, data);
  assert.deepEqual(data, Buffer.concat(files));
  let offset = 0;
  for (const [index, file] of files.entries()) {
    const { stat, dataOffset, bytesRead, ...chunks } = cut[index] ?? {};
    assert.deepEqual([dataOffset, bytesRead, stat?.size], [offset, file.length, file.length]);
    assert.deepEqual(chunks, await cutAndName(KEYS, file, true));
    offset += file.length;
  }
});

test('a big file is read piece by piece, from the end of the last chunk on', async (t) => {
  const path = join(temporaryFolder(t), 'file');
  const data = testBytes(300_000, 5);
  await writeFile(path, data);
  const lengths: number[] = [];
  const ids: Buffer[] = [];
  let offset = 0;
  while (offset < data.length) {
    const length = Math.min(60_000, data.length - offset);
    const isLast = offset + length === data.length;
    const piece = { path: Buffer.from(path), offset, length, isLast };
    const [cut] = await readAndCut(KEYS, [piece], Buffer.alloc(piece.length));
    assert(cut !== undefined && cut.consumed > 0);
    lengths.push(...cut.lengths);
    ids.push(cut.ids);
    offset += cut.consumed;
  }
  const whole = await cutAndName(KEYS, data, true);
  assert.deepEqual(lengths, [...whole.lengths]);
  assert.deepEqual(Buffer.concat(ids), whole.ids);
  assert(Math.max(...lengths) <= chunkSizeMax(KEYS.average));

  const piece = { path: Buffer.from(path), offset: 0, length: data.length, isLast: true };
  const [unnamed] = await readAndCutUnnamed(KEYS, [piece], Buffer.alloc(data.length));
  assert.deepEqual(unnamed?.lengths, whole.lengths);
  let end = 0;
  const chunks = lengths.map((length) => data.subarray(end, (end += length)));
  assert.deepEqual(await nameChunks(KEYS.idKey, chunks), whole.ids);

  const pieces = [{ path: Buffer.from(path), offset: 0, lengths: whole.lengths }];
  const [named] = await readAndName(KEYS.idKey, pieces);
  assert.deepEqual(named?.ids, whole.ids);
  const longer = Uint32Array.of(...whole.lengths, 5);
  const [short] = await readAndName(KEYS.idKey, [
    { path: Buffer.from(path), offset: 0, lengths: longer },
  ]);
  assert.deepEqual(short?.ids, whole.ids);
  assert.equal(short.bytesRead, data.length);
});

test('what cannot be read is named, the others are read', async (t) => {
  const folder = temporaryFolder(t);
  const path = (name: string): Buffer => Buffer.from(join(folder, name));
  await writeFile(path('file'), 'text');
  await symlink('file', path('link'));
  const names = ['absent', 'link', '.', 'file'];
  const pieces = names.map((name) => ({ path: path(name), offset: 0, length: 10, isLast: true }));
  const data = Buffer.alloc(pieces.reduce((sum, { length }) => sum + length, 0));
  const cut = await readAndCut(KEYS, pieces, data);
  assert.deepEqual(
    cut.map(({ error }) => error),
    ['ENOENT', 'ELOOP', 'EINVAL', undefined],
  );
  assert.equal(data.toString('latin1', 0, 4), 'text');
  assert.deepEqual([...(cut[3]?.lengths ?? [])], [4]);
});

test('a batch that would hold too much is refused', async () => {
  const piece = { path: Buffer.from('x'), offset: 0, length: NATIVE_BATCH_BYTES_MAX, isLast: true };
  await assert.rejects(readAndCut(KEYS, [piece, piece], Buffer.alloc(0)), (error) =>
    hasCode(error, 'ERR_LIMIT_EXCEEDED'),
  );
  const short = readAndCut(KEYS, [{ ...piece, length: 10 }], Buffer.alloc(9));
  await assert.rejects(short, (error) => hasCode(error, 'ERR_ARGUMENT_INVALID'));
});
