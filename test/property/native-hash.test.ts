// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BLOCK_SIZE, PART_SIZE } from '../../src/ed2k/constants.ts';
import { PackHasher } from '../../src/native/file-hasher.ts';
import { referenceFileHashes } from '../support/file-hash-reference.ts';
import { testBytes } from '../support/test-bytes.ts';

/** Sizes that crowd around the ends of blocks and parts. */
const size = fc
  .tuple(fc.constantFrom(0, BLOCK_SIZE, 3 * BLOCK_SIZE, PART_SIZE, 2 * PART_SIZE), fc.nat(70))
  .map(([base, offset]) => Math.max(0, base + offset - 35));

test('the hashes of any stream, in any pieces, are those of the slow reference', async () => {
  await fc.assert(
    fc.asyncProperty(size, fc.nat(), fc.array(fc.nat(), { maxLength: 6 }), async (...given) => {
      const [length, seed, cuts] = given;
      const data = testBytes(length, seed);
      const hasher = new PackHasher();
      const places = [0, ...cuts.map((cut) => cut % (length + 1)), length].sort((a, b) => a - b);
      for (const [index, start] of places.slice(0, -1).entries()) {
        await hasher.update(data.subarray(start, places[index + 1]));
      }
      assert.deepEqual(await hasher.finish(), await referenceFileHashes(data));
    }),
    { numRuns: 25 },
  );
});
