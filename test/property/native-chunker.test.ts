// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { cutAndName } from '../../src/native/chunker.ts';
import { referenceCut, referenceId } from '../support/chunker-reference.ts';
import { testBytes } from '../support/test-bytes.ts';

const key = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes));

/** Streams with runs of one byte, repeats and noise, up to a few chunks long. */
const stream = fc
  .array(
    fc.oneof(
      fc.tuple(fc.nat(255), fc.nat(20_000)).map(([byte, size]) => Buffer.alloc(size, byte)),
      fc.tuple(fc.nat(), fc.nat(20_000)).map(([seed, size]) => testBytes(size, seed)),
      fc.tuple(fc.nat(), fc.nat(5_000)).map(([seed, size]) => {
        const bytes = testBytes(size, seed);
        return Buffer.concat([bytes, bytes, bytes]);
      }),
    ),
    { maxLength: 3 },
  )
  .map((pieces) => Buffer.concat(pieces));

test('chunks of any stream under any keys are those of the slow reference', async () => {
  await fc.assert(
    fc.asyncProperty(key, key, stream, async (gearKey, idKey, data) => {
      const average = 4096;
      const { lengths, ids } = await cutAndName({ gearKey, idKey, average }, data, true);
      assert.deepEqual([...lengths], referenceCut(gearKey, average, data));
      let offset = 0;
      const expected = Array.from(lengths, (length) => {
        offset += length;
        return referenceId(idKey, data.subarray(offset - length, offset));
      });
      assert.deepEqual(ids, Buffer.concat(expected));
    }),
    { numRuns: 25 },
  );
});

test('no split of a stream changes its chunks', async () => {
  await fc.assert(
    fc.asyncProperty(key, stream, fc.array(fc.nat(), { maxLength: 8 }), async (...given) => {
      const [gearKey, data, cuts] = given;
      const keys = { gearKey, idKey: gearKey, average: 4096 };
      const whole = await cutAndName(keys, data, true);
      const ids: Buffer[] = [];
      const ends = [...cuts.map((cut) => cut % (data.length + 1)), data.length];
      let start = 0;
      for (const [index, end] of ends.sort((a, b) => a - b).entries()) {
        const isLast = index === ends.length - 1;
        const cut = await cutAndName(keys, data.subarray(start, end), isLast);
        ids.push(cut.ids);
        start += cut.consumed;
      }
      assert.deepEqual(Buffer.concat(ids), whole.ids);
    }),
    { numRuns: 100 },
  );
});
