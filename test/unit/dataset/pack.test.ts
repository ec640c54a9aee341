// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GROUP_CHUNKS_MAX } from '../../../src/base/limits.ts';
import { decodeBencode, encodeBencode, type Bencode } from '../../../src/bytes/bencode.ts';
import { decodeDescriptor, encodeDescriptor, packIdOf } from '../../../src/dataset/descriptor.ts';
import { planFetch } from '../../../src/dataset/fetch-plan.ts';
import {
  decodeFooter,
  decodeTrailer,
  encodeFooter,
  encodeTrailer,
  isTrailerFull,
  packPadding,
  trailerEntrySize,
  type FrameEntry,
} from '../../../src/dataset/pack-layout.ts';
import { BLOCK_SIZE, PART_SIZE } from '../../../src/ed2k/constants.ts';
import { EMPTY_PART_HASH, fileHashOf } from '../../../src/ed2k/hashset.ts';
import { refuses } from '../../support/refuses.ts';
import { FOOTER, FRAMES, LARGE_PACK, SMALL_PACK, sampleDescriptor } from '../../support/samples.ts';

test('padding makes the last part longer than a block, and leaves single parts alone', () => {
  const sizes = [
    1,
    BLOCK_SIZE,
    PART_SIZE - 1,
    PART_SIZE,
    PART_SIZE + 1,
    PART_SIZE + BLOCK_SIZE,
    PART_SIZE + BLOCK_SIZE + 1,
    2 * PART_SIZE - 1,
    2 * PART_SIZE,
  ];
  for (const size of sizes) {
    const padded = size + packPadding(size);
    const lastPart = padded % PART_SIZE;
    assert(padded < PART_SIZE || lastPart > BLOCK_SIZE, `${size} is padded to ${padded}`);
    assert(padded - size <= BLOCK_SIZE + 1);
  }
  assert.equal(packPadding(PART_SIZE - 1), 0);
  assert.equal(packPadding(PART_SIZE + BLOCK_SIZE + 1), 0);
});

/** The first frame of the samples with something else about it, as the only one of a trailer. */
function trailerWith(change: Partial<FrameEntry>, base = 0): Buffer {
  const frame = FRAMES[base];
  assert(frame !== undefined);
  return encodeTrailer([{ ...frame, offset: 8, ...change }]);
}

test('a trailer whose frames contradict themselves cannot be made', () => {
  const id = Buffer.alloc(32);
  const bad: (() => Buffer)[] = [
    () => trailerWith({ length: 1_047 }),
    () => trailerWith({ rawLength: 999 }),
    () => trailerWith({ codec: 2 }),
    () => trailerWith({ codec: 1, length: 1_049 }),
    () => trailerWith({ codec: 1, length: 48 }),
    () => trailerWith({ codec: 4 as never }),
    () => trailerWith({ baseIds: [id] }),
    () => trailerWith({ baseIds: [] }, 2),
    () => trailerWith({ baseIds: Array.from({ length: 17 }, () => id) }, 2),
    () => trailerWith({ codec: 1, length: 100, rawLength: 2 ** 24 + 1 }),
    () => trailerWith({ chunks: [] }),
    () =>
      trailerWith(
        {
          chunks: [
            { id, rawLength: 0 },
            { id, rawLength: 3_000 },
          ],
        },
        1,
      ),
    () => encodeTrailer([...FRAMES].reverse()),
  ];
  for (const make of bad) assert.throws(make, assert.AssertionError);
});

test('a trailer with changed head, cut or continued is refused', () => {
  const trailer = encodeTrailer(FRAMES);
  for (const offset of [0, 4, 5, 6, 7, 8, 11]) {
    const bytes = Buffer.from(trailer);
    bytes[offset] = (bytes[offset] ?? 0) ^ 0x40;
    refuses('ERR_PACK_MALFORMED', () => decodeTrailer(bytes));
  }
  for (let length = 0; length < trailer.length; length += 1) {
    refuses('ERR_PACK_MALFORMED', () => decodeTrailer(trailer.subarray(0, length)));
  }
  refuses('ERR_PACK_MALFORMED', () => decodeTrailer(Buffer.concat([trailer, Buffer.alloc(1)])));
});

test('counts of a trailer are checked before anything is made for them', () => {
  const head = encodeTrailer([]);
  head.writeUInt32LE(131_073, 8);
  refuses('ERR_PACK_MALFORMED', () => decodeTrailer(head), /too large/);
  const chunkCountAt = 12 + 14;
  const huge = trailerWith({}, 1);
  huge.writeUInt32LE(0xffff_ffff, chunkCountAt);
  refuses('ERR_PACK_MALFORMED', () => decodeTrailer(huge), /chunkCount is 4294967295/);
});

test('a writer ends a pack before its trailer is too long', () => {
  const sizes = FRAMES.map(trailerEntrySize);
  assert.deepEqual(sizes, [18 + 36, 18 + 2 * 36, 18 + 2 * 32 + 36]);
  assert.equal(encodeTrailer(FRAMES).length, 12 + 54 + 90 + 118);
  assert.equal(isTrailerFull(0, 0), false);
  // One more frame of a whole group must fit.
  assert.equal(isTrailerFull(0, 131_072 - GROUP_CHUNKS_MAX), false);
  assert.equal(isTrailerFull(0, 131_073 - GROUP_CHUNKS_MAX), true);
  assert.equal(isTrailerFull(2 ** 24 - 1_000 - (GROUP_CHUNKS_MAX + 16) * 36, 5), false);
  assert.equal(isTrailerFull(2 ** 24 - (GROUP_CHUNKS_MAX + 16) * 36, 5), true);
});

test('a footer that contradicts itself is refused', () => {
  const footer = encodeFooter(FOOTER);
  assert.equal(footer.length, 32);
  for (let length = 0; length < footer.length; length += 1) {
    refuses('ERR_PACK_MALFORMED', () => decodeFooter(footer.subarray(0, length)));
  }
  for (const offset of [21, 23, 24, 31]) {
    const bytes = Buffer.from(footer);
    bytes[offset] = (bytes[offset] ?? 0) ^ 0x40;
    refuses('ERR_PACK_MALFORMED', () => decodeFooter(bytes));
  }
  const bad = [
    { trailerOffset: 7 },
    { trailerOffset: 2 ** 31 },
    { trailerLength: 48 },
    { rawLength: 251 },
    { rawLength: 2 ** 24 + 1 },
    { codec: 2 as const },
  ];
  for (const change of bad) assert.throws(() => encodeFooter({ ...FOOTER, ...change }));
});

test('a descriptor whose fields do not fit its size is refused', () => {
  const fields = decodeBencode(encodeDescriptor(LARGE_PACK), { sizeMax: 10_000 });
  const forged = (change: Record<string, Bencode>): Buffer =>
    encodeBencode(
      new Map([...(fields as ReadonlyMap<string, Bencode>), ...Object.entries(change)]),
    );
  decodeDescriptor(forged({}));
  const changes: Record<string, Bencode>[] = [
    { s: LARGE_PACK.size + 1 },
    { s: 39 },
    { s: 2 ** 31 + 1 },
    { fh: Buffer.alloc(16) },
    { mp: Buffer.alloc(32) },
    { mp: Buffer.alloc(48) },
    { ar: Buffer.alloc(19) },
    { sp: Buffer.alloc(95) },
    { to: 0 },
    { tl: 999 },
    { ke: 2 ** 32 },
    { v: 2 },
    { zz: 1 },
    { Zz: 1 },
  ];
  for (const change of changes) {
    refuses('ERR_PACK_MALFORMED', () => decodeDescriptor(forged(change)));
  }
});

test('a descriptor of a multiple of the part size has the hash of the empty part', () => {
  const size = 2 * PART_SIZE;
  const partHashes = Buffer.concat([Buffer.alloc(32, 1), EMPTY_PART_HASH]);
  const descriptor = { ...sampleDescriptor(size), partHashes, fileHash: fileHashOf(partHashes) };
  assert.deepEqual(decodeDescriptor(encodeDescriptor(descriptor)), descriptor);
});

test('a fetch plan names each missing pack once, in the order given', () => {
  const present = packIdOf(SMALL_PACK);
  const third = sampleDescriptor(5_000_000, 'third');
  const plan = planFetch([third, SMALL_PACK, LARGE_PACK, third], (packId) => packId === present);
  assert.deepEqual(
    plan.fetches.map(({ descriptor }) => descriptor),
    [third, LARGE_PACK],
  );
  assert.equal(plan.bytes, 25_000_000);
  assert.equal(plan.partCount, 4);
});
