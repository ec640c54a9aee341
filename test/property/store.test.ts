// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ReplicationError } from '../../src/base/errors.ts';
import type { PackId } from '../../src/dataset/ids.ts';
import {
  FRAME_CODEC,
  FRAME_OVERHEAD,
  PACK_HEADER_SIZE,
  encodeTrailer,
  type FrameEntry,
} from '../../src/dataset/pack-layout.ts';
import { ChunkSet } from '../../src/store/chunk-set.ts';
import { IndexPage, decodeIndex, encodeIndex } from '../../src/store/pack-index.ts';
import { bytes, count, flag, list, nullable, oneOf, record, text } from '../../src/store/row.ts';

/** Few values, so that equal ids and equal first bytes are common. */
const chunkId = fc.tuple(fc.nat(3), fc.nat(7)).map(([first, last]) => {
  const id = Buffer.alloc(32);
  id.writeUInt8(first, 0);
  id.writeUInt8(last, 31);
  return id;
});

const row = record({
  name: text,
  size: count,
  isNew: flag,
  data: bytes,
  state: oneOf('one', 'two'),
  parts: list(record({ index: count, hash: nullable(bytes) })),
});

const buffer = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array));

const rowValue = fc.record(
  {
    name: fc.string(),
    size: fc.maxSafeNat(),
    isNew: fc.boolean(),
    data: buffer,
    state: fc.constantFrom('one', 'two'),
    parts: fc.array(
      fc.record({ index: fc.maxSafeNat(), hash: fc.option(buffer) }, { noNullPrototype: true }),
      { maxLength: 5 },
    ),
  },
  { noNullPrototype: true },
);

test('a chunk set behaves as a map of ids to their first position', () => {
  fc.assert(
    fc.property(fc.array(chunkId, { maxLength: 100 }), chunkId, (ids, other) => {
      const set = new ChunkSet();
      const model = new Map<string, number>();
      for (const id of ids) {
        const key = id.toString('hex');
        const expected = model.get(key) ?? model.size;
        model.set(key, expected);
        assert.equal(set.add(id), expected);
      }
      assert.equal(set.size, model.size);
      assert.equal(set.find(other), model.get(other.toString('hex')) ?? -1);
      for (const [key, number] of model) assert.equal(set.idAt(number).toString('hex'), key);
    }),
  );
});

test('an index file gives back every frame of the trailer it was made of', () => {
  const chunks = fc.array(fc.record({ id: chunkId, rawLength: fc.integer({ min: 1, max: 99 }) }), {
    minLength: 1,
    maxLength: 6,
  });
  const frames = fc.array(
    fc.record({
      chunks,
      baseIds: fc.array(chunkId, { minLength: 1, maxLength: 3 }),
      isDelta: fc.boolean(),
      isRaw: fc.boolean(),
      keyEpoch: fc.nat(),
    }),
    { maxLength: 20 },
  );
  fc.assert(
    fc.property(frames, (made) => {
      const packId = 'a'.repeat(64) as PackId;
      let offset = PACK_HEADER_SIZE;
      const entries = made.map(({ isDelta, isRaw, ...frame }): FrameEntry => {
        const rawLength = frame.chunks.reduce((sum, chunk) => sum + chunk.rawLength, 0);
        const plain = isRaw ? FRAME_CODEC.raw : FRAME_CODEC.zstd;
        const own = frame.chunks.length > 1 ? FRAME_CODEC.zstdGroup : plain;
        const entry = {
          ...{ offset, rawLength, keyEpoch: frame.keyEpoch, length: rawLength + FRAME_OVERHEAD },
          codec: isDelta ? FRAME_CODEC.zstdPrefix : own,
          baseIds: isDelta ? frame.baseIds : [],
          chunks: frame.chunks.map(({ id, rawLength: length }) => ({ id, rawLength: length })),
        };
        offset += entry.length;
        return entry;
      });
      const bytes = encodeIndex(packId, encodeTrailer(entries));
      const directory = decodeIndex(packId, bytes);
      assert.ok(directory !== undefined);
      const found: FrameEntry[] = [];
      for (let index = 0; index < directory.pageCount; index += 1) {
        const { offset, length } = directory.page(index);
        const page = new IndexPage(bytes.subarray(offset, offset + length));
        for (let frame = 0; frame < page.frameCount; frame += 1) found.push(page.entry(frame));
      }
      assert.deepEqual(found, entries);
    }),
  );
});

test('a row comes back as it was', () => {
  fc.assert(
    fc.property(rowValue, (value) => {
      const stored = JSON.stringify(row.encode(value));
      assert.deepEqual(row.decode(JSON.parse(stored), 'row'), value);
    }),
  );
});

test('a row that was changed is refused, or is another row; it never throws something else', () => {
  fc.assert(
    fc.property(rowValue, fc.nat(), fc.string({ maxLength: 3 }), (value, position, change) => {
      const stored = JSON.stringify(row.encode(value));
      const at = position % stored.length;
      const changed = stored.slice(0, at) + change + stored.slice(at + 1);
      let json: unknown;
      try {
        json = JSON.parse(changed);
      } catch {
        return;
      }
      try {
        const decoded = row.decode(json, 'row');
        assert.deepEqual(row.decode(row.encode(decoded), 'row'), decoded);
      } catch (error) {
        assert.ok(error instanceof ReplicationError, String(error));
        assert.equal(error.code, 'ERR_FORMAT_MALFORMED');
      }
    }),
  );
});
