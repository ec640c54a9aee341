// SPDX-License-Identifier: GPL-2.0-or-later
// The index of chunks, with fingerprints as they are and with ones so short that nearly every hint
// is false; and its files, whole and damaged.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import type { PackId } from '../../../src/dataset/ids.ts';
import {
  FRAME_CODEC,
  FRAME_OVERHEAD,
  PACK_HEADER_SIZE,
  encodeTrailer,
  type FrameEntry,
} from '../../../src/dataset/pack-layout.ts';
import { ChunkIndex } from '../../../src/store/chunk-index.ts';
import { FingerprintTable } from '../../../src/store/fingerprint-table.ts';
import { IndexStore } from '../../../src/store/index-store.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

function idOf(number: number): Buffer {
  return createHash('sha256').update(String(number)).digest();
}

function packOf(number: number): PackId {
  return createHash('sha256').update(`pack ${number}`).digest('hex') as PackId;
}

/** Frames of 1 to 300 chunks; each third one has bases. */
function framesOf(ids: readonly Buffer[]): FrameEntry[] {
  const frames: FrameEntry[] = [];
  let offset = PACK_HEADER_SIZE;
  for (let first = 0; first < ids.length;) {
    const count = [1, 300, 7, 64][frames.length % 4] ?? 1;
    const chunks = ids
      .slice(first, first + count)
      .map((id, index) => ({ id, rawLength: index + 1 }));
    const rawLength = chunks.reduce((sum, chunk) => sum + chunk.rawLength, 0);
    const isDelta = frames.length % 3 === 0;
    const plain = chunks.length > 1 ? FRAME_CODEC.zstdGroup : FRAME_CODEC.zstd;
    const length = FRAME_OVERHEAD + Math.max(1, rawLength - 1);
    const codec = isDelta ? FRAME_CODEC.zstdPrefix : plain;
    const baseIds = isDelta ? [idOf(-first), idOf(-first - 1)] : [];
    frames.push({ offset, length, codec, keyEpoch: first, rawLength, baseIds, chunks });
    offset += length;
    first += count;
  }
  return frames;
}

interface Made {
  readonly store: IndexStore;
  readonly folder: string;
  /** By number. */
  readonly ids: readonly Buffer[];
  readonly frames: readonly FrameEntry[][];
}

/** Packs whose chunks are all different but for some that the second pack has too. */
async function make(t: TestContext, chunkCounts: readonly number[]): Promise<Made> {
  const folder = temporaryFolder(t);
  const store = new IndexStore(folder);
  const ids: Buffer[] = [];
  const frames: FrameEntry[][] = [];
  for (const [pack, count] of chunkCounts.entries()) {
    const own = Array.from({ length: count }, (_, index) =>
      pack === 1 && index < 10 ? idOf(index) : idOf(ids.length + index),
    );
    ids.push(...own);
    frames.push(framesOf(own));
    await store.put(packOf(pack), encodeTrailer(frames[pack] ?? []));
  }
  return { store, folder, ids, frames };
}

async function open({ store, frames }: Made, bits?: number): Promise<ChunkIndex> {
  const index = new ChunkIndex(store, bits === undefined ? {} : { fingerprintBits: bits });
  for (const pack of frames.keys()) {
    const loaded = await store.load(packOf(pack));
    assert.ok(loaded !== undefined);
    index.add(packOf(pack), loaded);
    index.add(packOf(pack), loaded);
  }
  return index;
}

for (const bits of [undefined, 16, 8]) {
  test(`chunks are found where they lie, fingerprints of ${bits ?? 'all'} bits`, async (t) => {
    const made = await make(t, bits === 8 ? [700, 300] : [9_000, 5_000, 1, 3_000]);
    const index = await open(made, bits);
    assert.equal(index.count, made.ids.length);
    const first = new Map<string, number>();
    for (const [number, id] of made.ids.entries()) {
      const key = id.toString('hex');
      first.set(key, first.get(key) ?? number);
      const found = index.find(Buffer.concat([Buffer.alloc(3), id, Buffer.alloc(3)]), 3);
      // A chunk that two packs have is that of the first.
      assert.equal(found, first.get(key));
      assert.deepEqual(index.idAt(number), id);
      assert.equal(index.find(idOf(-1_000 - number)), -1);
    }
    const places: string[] = [];
    for (const [pack, frames] of made.frames.entries()) {
      assert.deepEqual([...index.frames(packOf(pack))], frames);
      for (const { offset, chunks } of frames) {
        let start = 0;
        for (const { rawLength } of chunks) {
          places.push(`${packOf(pack)} ${offset} ${start} ${start + rawLength}`);
          start += rawLength;
        }
      }
    }
    const found = made.ids.map((_, number) => {
      const { page, frameIndex, start, end } = index.place(number);
      return `${index.packIdAt(number)} ${page.place(frameIndex).offset} ${start} ${end}`;
    });
    assert.deepEqual(found, places);
    assert.deepEqual(
      Array.from(index.framesWithBases(), ({ entry }) => entry),
      made.frames.flat().filter(({ baseIds }) => baseIds.length > 0),
    );
    assert.deepEqual(
      [...index.numbersOf(packOf(1))].length,
      made.frames[1]?.flatMap(({ chunks }) => chunks).length,
    );
  });
}

test('a table takes 9 to 12 bytes a chunk, and the first of equals is found, however it grew', () => {
  const table = new FingerprintTable();
  const count = 1_000_000;
  const id = Buffer.alloc(32);
  // Any bits do, if they are spread.
  const scramble = (number: number): Buffer => {
    id.writeUInt32BE(Math.imul(number, 0x9e37_79b1) >>> 0, 0);
    id.writeUInt32BE(Math.imul(number, 0x85eb_ca6b) >>> 0, 4);
    return id;
  };
  for (let number = 0; number < count; number += 1) {
    table.add(scramble(number % (count / 2)), 0, number);
    if (number > 300_000) continue;
    if (number % 50_000 === 0) assert.ok(table.byteLength < number * 12 + 300 * 256);
  }
  assert.ok(table.byteLength < count * 12, `${table.byteLength} bytes`);
  assert.ok(table.byteLength > count * 9);
  const believes = { isAt: () => true };
  for (let number = 0; number < count; number += 997) {
    assert.equal(table.find(scramble(number % (count / 2)), 0, believes), number % (count / 2));
  }
  const doubts = { isAt: () => false };
  assert.equal(table.find(scramble(1), 0, doubts), -1);
});

test('a changed byte anywhere in an index file is noticed and the file named', async (t) => {
  const { store } = await make(t, [40]);
  const packId = packOf(0);
  const path = store.path(packId);
  const whole = readFileSync(path);
  const details = { path, packId };
  assert.equal(await store.check(packId), 'whole');
  for (let at = 0; at < whole.length; at += 1) {
    const changed = Buffer.from(whole);
    changed[at] = (changed[at] ?? 0) ^ 4;
    writeFileSync(path, changed);
    await assert.rejects(store.load(packId), { code: 'ERR_INDEX_CORRUPT', details });
  }
  for (let length = 0; length < whole.length; length += 1) {
    writeFileSync(path, whole.subarray(0, length));
    assert.equal(await store.check(packId), 'damaged');
  }
  writeFileSync(path, Buffer.concat([whole, Buffer.alloc(4)]));
  assert.equal(await store.check(packId), 'damaged');
  // The index of another pack is none of this one.
  writeFileSync(store.path(packOf(1)), whole);
  assert.equal(await store.check(packOf(1)), 'damaged');
  rmSync(path);
  assert.equal(await store.check(packId), 'missing');
});

test('a page that changes after its file was loaded is noticed when it is used', async (t) => {
  const made = await make(t, [9_000]);
  const index = await open(made);
  const path = made.store.path(packOf(0));
  const bytes = readFileSync(path);
  bytes[bytes.length - 50] = (bytes[bytes.length - 50] ?? 0) ^ 1;
  writeFileSync(path, bytes);
  assert.equal(index.find(made.ids[0] ?? Buffer.alloc(32)), 0);
  const last = made.ids[8_999] ?? Buffer.alloc(32);
  assert.throws(() => index.find(last), { code: 'ERR_INDEX_CORRUPT' });
  rmSync(path);
  assert.throws(() => index.find(last), { code: 'ERR_INDEX_CORRUPT' });
  // What was used lately is kept.
  assert.equal(index.find(made.ids[0] ?? Buffer.alloc(32)), 0);
});

test('index files of packs that are gone are swept, and what was never finished', async (t) => {
  const { store, folder } = await make(t, [5, 5]);
  writeFileSync(`${store.path(packOf(1))}.0.tmp`, '');
  await store.sweep(new Set([packOf(0)]));
  assert.deepEqual(readdirSync(folder), [`${packOf(0)}.chunks`]);
  await store.remove(packOf(0));
  await store.remove(packOf(0));
  assert.deepEqual(readdirSync(folder), []);
});

test('a pack without chunks has an index', async (t) => {
  const made = await make(t, [0, 3]);
  const index = await open(made);
  assert.equal(index.count, 3);
  assert.deepEqual([...index.frames(packOf(0))], []);
  assert.equal(index.packIdAt(0), packOf(1));
});
