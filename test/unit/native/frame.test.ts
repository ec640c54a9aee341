// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { appendFile, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { hasCode, type ErrorCode } from '../../../src/base/errors.ts';
import { FRAME_RAW_SIZE_MAX } from '../../../src/base/limits.ts';
import {
  decodeFrames,
  encodeFrames,
  FRAME_OVERHEAD,
  type FrameToDecode,
} from '../../../src/native/frame.ts';
import { encodeAlone } from '../../support/encode-alone.ts';
import { openFrame, sealFrame } from '../../support/frame-reference.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { testBytes } from '../../support/test-bytes.ts';

const ENC_KEY = testBytes(32, 1);
const SIV_KEY = testBytes(32, 2);
const KEYS = { encKey: ENC_KEY, sivKey: SIV_KEY };
const EPOCH = 7;
const ENCODER = { ...KEYS, keyEpoch: EPOCH };
const ZSTD_MAGIC = 0xfd2fb528;

const CHUNKS = [Buffer.from('text '.repeat(5000)), testBytes(70_000, 4), Buffer.from('x')];

function encodeEach(): Promise<Awaited<ReturnType<typeof encodeAlone>>[]> {
  return Promise.all(CHUNKS.map((chunk) => encodeAlone(ENCODER, chunk)));
}

function withIndex(code: ErrorCode, index: number): (error: unknown) => boolean {
  return (error) => hasCode(error, code) && error.details['index'] === index;
}

test('frames are what a slow reference makes and opens', async () => {
  const frames = await encodeEach();
  assert.deepEqual(
    frames.map(({ codec }) => codec),
    [1, 0, 0],
  );
  for (const [index, { frame, codec, rawLength }] of frames.entries()) {
    const chunk = CHUNKS[index] ?? Buffer.alloc(0);
    const header = { codec, keyEpoch: EPOCH, rawLength: chunk.length, baseIds: [] };
    assert.equal(rawLength, chunk.length);
    const payload = openFrame(KEYS, header, frame);
    if (codec === 0) assert.deepEqual(payload, chunk);
    else assert.equal(payload.readUInt32LE(), ZSTD_MAGIC);
    assert.deepEqual(sealFrame(KEYS, header, payload), frame);
  }
});

test('frames decode from memory and from a file', async (t) => {
  const path = Buffer.from(join(temporaryFolder(t), 'pack'));
  const frames = await encodeEach();
  const bytes = Buffer.concat(frames.map(({ frame }) => frame));
  await appendFile(path, Buffer.concat([Buffer.from('head'), bytes]));
  let end = 0;
  const items = frames.map((frame) => ({
    ...frame,
    offset: (end += frame.length) - frame.length,
  }));
  const inFile = items.map((item) => ({
    ...item,
    frame: { path, offset: 4 + item.offset, length: item.length },
  }));
  for (const given of [items, inFile]) {
    assert.deepEqual(await decodeFrames({ encKey: ENC_KEY }, given), CHUNKS);
    assert.deepEqual(await decodeFrames(KEYS, given), CHUNKS);
  }
  await truncate(path, 4 + bytes.length - 1);
  await assert.rejects(decodeFrames(KEYS, inFile), withIndex('ERR_FRAME_CORRUPT', 2));
  const absent = inFile.map((item) => ({
    ...item,
    frame: { ...item.frame, path: Buffer.from('/absent') },
  }));
  await assert.rejects(decodeFrames(KEYS, absent), { code: 'ENOENT', index: 0 });
});

test('each frame is decoded to the place that it is given', async () => {
  const items: FrameToDecode[] = await encodeEach();
  const room = Buffer.alloc(CHUNKS.reduce((sum, { length }) => sum + length, 0));
  // In the other order than that of the frames.
  let start = room.length;
  const places = CHUNKS.map(({ length }) => room.subarray((start -= length), start + length));
  await decodeFrames(KEYS, items, places);
  assert.deepEqual(room, Buffer.concat([...CHUNKS].reverse()));
  const refused = (error: unknown): boolean => hasCode(error, 'ERR_ARGUMENT_INVALID');
  await assert.rejects(decodeFrames(KEYS, items, places.slice(1)), refused);
  await assert.rejects(decodeFrames(KEYS, items, [...places].reverse()), refused);
});

test('a changed frame is refused by its index', async () => {
  const items: FrameToDecode[] = await encodeEach();
  const [first, second, third] = items;
  assert(first !== undefined && second !== undefined && third !== undefined);
  const changed = Buffer.from(second.frame as Buffer);
  changed[40] = (changed[40] ?? 0) ^ 1;
  const refusals: [Partial<FrameToDecode>, ErrorCode][] = [
    [{ frame: changed }, 'ERR_FRAME_CORRUPT'],
    [{ frame: changed.subarray(0, 47) }, 'ERR_PACK_MALFORMED'],
    [{ keyEpoch: EPOCH + 1 }, 'ERR_FRAME_CORRUPT'],
    [{ codec: 1 }, 'ERR_FRAME_CORRUPT'],
    [{ codec: 2 }, 'ERR_FRAME_CORRUPT'],
    [{ codec: 3 }, 'ERR_PACK_MALFORMED'],
    [{ codec: 255 }, 'ERR_PACK_MALFORMED'],
    [{ baseIds: [Buffer.alloc(32)], bases: [Buffer.alloc(1)] }, 'ERR_PACK_MALFORMED'],
    [{ rawLength: second.rawLength + 1 }, 'ERR_PACK_MALFORMED'],
    [{ rawLength: 0 }, 'ERR_PACK_MALFORMED'],
    [{ rawLength: FRAME_RAW_SIZE_MAX + 1 }, 'ERR_PACK_MALFORMED'],
  ];
  for (const [change, code] of refusals) {
    const given = [first, { ...second, ...change }, third];
    await assert.rejects(decodeFrames(KEYS, given), withIndex(code, 1), JSON.stringify(change));
  }
  const otherKey = { encKey: SIV_KEY };
  await assert.rejects(decodeFrames(otherKey, items), withIndex('ERR_FRAME_CORRUPT', 0));
});

test('a chunk of the longest length passes, an empty or longer one does not', async () => {
  const longest = Buffer.alloc(FRAME_RAW_SIZE_MAX, 'ab');
  const [decoded] = await decodeFrames(KEYS, [
    await encodeAlone({ ...ENCODER, level: 1 }, longest),
  ]);
  assert(decoded?.equals(longest));
  const refused = (error: unknown): boolean => hasCode(error, 'ERR_ARGUMENT_INVALID');
  await assert.rejects(encodeFrames(ENCODER, [Buffer.alloc(0)]), refused);
  await assert.rejects(encodeFrames(ENCODER, [Buffer.alloc(FRAME_RAW_SIZE_MAX + 1)]), refused);
  await assert.rejects(encodeFrames({ ...ENCODER, level: 20 }, CHUNKS), refused);
  await assert.rejects(encodeFrames({ ...ENCODER, keyEpoch: 2 ** 32 }, CHUNKS), refused);
  await assert.rejects(encodeFrames(ENCODER, [longest, Buffer.alloc(1)]), refused);
});

test('a frame is its payload and 48 bytes', async () => {
  const { bytes, frames } = await encodeFrames(ENCODER, [testBytes(1000)]);
  assert.equal(bytes.length, 1000 + FRAME_OVERHEAD);
  assert.equal(frames[0]?.codec, 0);
  assert.deepEqual(await decodeFrames(KEYS, []), []);
});
