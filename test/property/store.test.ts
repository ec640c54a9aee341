// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ReplicationError } from '../../src/base/errors.ts';
import { FRAME_CODEC, type FrameEntry } from '../../src/dataset/pack-layout.ts';
import { ChunkSet } from '../../src/store/chunk-set.ts';
import { FrameTable } from '../../src/store/frame-table.ts';
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

test('a frame table gives back every frame it was made of', () => {
  const chunks = fc.array(fc.record({ id: chunkId, rawLength: fc.integer({ min: 1, max: 99 }) }), {
    minLength: 1,
    maxLength: 6,
  });
  const frames = fc.array(
    fc.record({
      chunks,
      baseIds: fc.array(chunkId, { minLength: 1, maxLength: 3 }),
      codec: fc.constantFrom(...Object.values(FRAME_CODEC)),
      keyEpoch: fc.nat(),
      length: fc.integer({ min: 49, max: 999 }),
    }),
    { maxLength: 20 },
  );
  fc.assert(
    fc.property(frames, (made) => {
      let offset = 8;
      const entries = made.map((frame): FrameEntry => {
        const entry = {
          ...frame,
          offset,
          baseIds: frame.codec === FRAME_CODEC.zstdPrefix ? frame.baseIds : [],
          rawLength: frame.chunks.reduce((sum, chunk) => sum + chunk.rawLength, 0),
          chunks: frame.chunks.map(({ id, rawLength }) => ({ id, rawLength })),
        };
        offset += frame.length;
        return entry;
      });
      const table = new FrameTable(new ChunkSet(), entries);
      assert.deepEqual(
        entries.map((_, index) => table.entry(index)),
        entries,
      );
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
