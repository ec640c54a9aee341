// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { placeChunks } from '../../../src/replication/chunk-placement.ts';
import { dataRanges } from '../../../src/replication/file-reader.ts';
import { testBytes } from '../../support/test-bytes.ts';

/** Lengths of data and holes in turn. */
const layout = fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 12 });

test('chunks placed around holes give back the file, wherever they are cut', () => {
  fc.assert(
    fc.property(layout, fc.boolean(), fc.integer({ min: 1, max: 50 }), (lengths, first, cut) => {
      const file: number[] = [];
      const holes: { offset: number; length: number }[] = [];
      const data: number[] = [];
      for (const [index, length] of lengths.entries()) {
        const isHole = (index % 2 === 0) === first;
        if (isHole) holes.push({ offset: file.length, length });
        const bytes = isHole ? new Array<number>(length).fill(0) : [...testBytes(length, index)];
        if (!isHole) data.push(...bytes);
        file.push(...bytes);
      }
      const written = Buffer.alloc(file.length);
      for (let start = 0; start < data.length; start += cut) {
        const chunk = Buffer.from(data.slice(start, start + cut));
        for (const { offset, bytes } of placeChunks(holes, [chunk], start)) {
          bytes.copy(written, offset);
        }
      }
      assert.deepEqual([...written], file);
      const ranges = dataRanges(file.length, holes);
      const covered = ranges.reduce((sum, { start, end }) => sum + end - start, 0);
      assert.equal(covered, data.length);
    }),
  );
});
