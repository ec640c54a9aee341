// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PART_SIZE } from '../../src/ed2k/constants.ts';
import { fileHashOf } from '../../src/ed2k/hashset.ts';
import { formatEd2kLink, parseEd2kLink } from '../../src/ed2k/link.ts';
import { ed2kHashCount, partCount, partRange } from '../../src/ed2k/part-arithmetic.ts';
import { PartBitmap } from '../../src/ed2k/part-bitmap.ts';
import { bytes, mutation } from '../support/arbitraries.ts';
import { blamesInput } from '../support/refuses.ts';

/** Sizes around the multiples of a part. */
const size = fc
  .tuple(fc.nat(60), fc.integer({ min: -1, max: 1 }))
  .map(([parts, off]) => Math.max(1, parts * PART_SIZE + off));

test('the parts of a file cover it without gap or overlap', () => {
  fc.assert(
    fc.property(size, (fileSize) => {
      let end = 0;
      for (let partIndex = 0; partIndex < partCount(fileSize); partIndex += 1) {
        const range = partRange(fileSize, partIndex);
        assert.equal(range.start, end);
        assert(range.end > range.start && range.end - range.start <= PART_SIZE);
        end = range.end;
      }
      assert.equal(end, fileSize);
      const isMultiple = fileSize % PART_SIZE === 0;
      assert.equal(ed2kHashCount(fileSize), partCount(fileSize) + (isMultiple ? 1 : 0));
    }),
  );
});

test('a bitmap behaves like the set of its indexes', () => {
  const parts = fc
    .nat(40)
    .chain((partCountOf) =>
      fc.tuple(
        fc.constant(partCountOf + 1),
        fc.uniqueArray(fc.nat(partCountOf)),
        fc.nat(partCountOf),
      ),
    );
  fc.assert(
    fc.property(parts, ([count, indexes, other]) => {
      const bitmap = PartBitmap.of(count, indexes);
      const set = new Set(indexes);
      assert.deepEqual(
        bitmap.indexes(),
        [...set].sort((a, b) => a - b),
      );
      assert.equal(bitmap.count, set.size);
      assert.equal(bitmap.missing().length, count - set.size);
      assert.equal(bitmap.with(other).count, new Set([...set, other]).size);
      assert.equal(bitmap.without(other).has(other), false);
      assert.deepEqual(PartBitmap.fromBytes(bitmap.toBytes(), count).toHex(), bitmap.toHex());
    }),
  );
});

const link = fc
  .record({
    name: fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
      .filter((name) => !/[/\0-\x1f\x7f]/.test(name) && !['.', '..'].includes(name)),
    fileSize: fc.integer({ min: 1, max: 40_000_000 }),
    seed: bytes(16),
    aichRoot: fc.option(bytes(20)),
    hasHashset: fc.boolean(),
    sources: fc.array(
      fc.record(
        { host: fc.ipV4(), port: fc.integer({ min: 1, max: 65_535 }) },
        { noNullPrototype: true },
      ),
      { maxLength: 3 },
    ),
  })
  .map(({ name, fileSize, seed, aichRoot, hasHashset, sources }) => {
    const partHashes = Buffer.concat(Array.from({ length: ed2kHashCount(fileSize) }, () => seed));
    return {
      name,
      size: fileSize,
      fileHash: fileHashOf(partHashes).toString('hex'),
      ...(aichRoot === null ? {} : { aichRoot }),
      ...(hasHashset ? { partHashes } : {}),
      sources,
    };
  });

test('a link is read back to what it was made of', () => {
  fc.assert(
    fc.property(link, (value) => {
      assert.deepEqual(parseEd2kLink(formatEd2kLink(value)), value);
    }),
  );
});

test('a mutated link is read or refused', () => {
  fc.assert(
    fc.property(link, mutation, (value, mutate) => {
      const text = mutate(Buffer.from(formatEd2kLink(value))).toString();
      blamesInput(() => parseEd2kLink(text));
    }),
    { numRuns: 500 },
  );
});
