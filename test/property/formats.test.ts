// SPDX-License-Identifier: GPL-2.0-or-later
// Goal: every format has one encoding per value, and hostile bytes end in an error that blames the
// input. Method: arbitrary values go there and back; mutated bytes are refused, or decode to a
// value whose encoding they are.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeBencode, encodeBencode } from '../../src/bytes/bencode.ts';
import { decodeDescriptor, encodeDescriptor, packIdOf } from '../../src/dataset/descriptor.ts';
import { openEnvelope, sealEnvelope } from '../../src/dataset/envelope.ts';
import { decodeHeader, encodeHeader } from '../../src/dataset/manifest-header.ts';
import { applyPackSet, decodeBody, encodeBody } from '../../src/dataset/manifest.ts';
import { decodeTrailer, encodeTrailer } from '../../src/dataset/pack-layout.ts';
import { RecipeDecoder } from '../../src/dataset/recipe-decoder.ts';
import { encodeRecipeEntry, RECIPE_HEADER, type RecipeEntry } from '../../src/dataset/recipe.ts';
import * as any from '../support/arbitraries.ts';
import { blamesInput } from '../support/refuses.ts';
import { sampleKeyOf, SIGNER } from '../support/samples.ts';

function encodeRecipe(entries: readonly RecipeEntry[]): Buffer {
  return Buffer.concat([RECIPE_HEADER, ...entries.map(encodeRecipeEntry)]);
}

function decodeRecipe(bytes: Buffer): RecipeEntry[] {
  const decoder = new RecipeDecoder();
  const entries = decoder.push(bytes);
  decoder.end();
  return entries;
}

/** Both properties of a codec. */
function isCanonical<T>(
  values: fc.Arbitrary<T>,
  encode: (value: T) => Buffer,
  decode: (bytes: Buffer) => T,
  numRuns = 300,
): void {
  fc.assert(
    fc.property(values, (value) => {
      assert.deepEqual(decode(encode(value)), value);
    }),
    { numRuns },
  );
  fc.assert(
    fc.property(values, any.mutation, (value, mutate) => {
      const mutated = mutate(encode(value));
      blamesInput(() => {
        assert(encode(decode(mutated)).equals(mutated), 'two encodings of one value');
      });
    }),
    { numRuns: numRuns * 3 },
  );
}

test('bencode', () => {
  isCanonical(
    any.bencode,
    encodeBencode,
    (bytes) => decodeBencode(bytes, { sizeMax: 100_000 }),
    1_000,
  );
});

test('pack descriptors', () => {
  isCanonical(any.descriptor, encodeDescriptor, decodeDescriptor, 100);
});

test('pack trailers', () => {
  isCanonical(any.trailer, encodeTrailer, decodeTrailer);
});

test('recipes', () => {
  fc.assert(fc.property(any.recipe, any.isTree));
  isCanonical(any.recipe, encodeRecipe, decodeRecipe);
});

test('manifest bodies', () => {
  isCanonical(any.body, encodeBody, decodeBody, 100);
});

test('manifest headers, with the mutated payload signed', () => {
  isCanonical(
    any.header,
    (header) => openEnvelope('manifestHeader', encodeHeader(header, SIGNER), sampleKeyOf).payload,
    (payload) => {
      const signed =
        payload.length > 2_048 ? payload : sealEnvelope('manifestHeader', payload, SIGNER);
      return decodeHeader(signed, sampleKeyOf).header;
    },
    100,
  );
});

test('a recipe is the same however it is pushed', () => {
  fc.assert(
    fc.property(any.recipe, fc.array(fc.integer({ min: 1, max: 200 })), (entries, lengths) => {
      const recipe = encodeRecipe(entries);
      const decoder = new RecipeDecoder();
      const decoded: RecipeEntry[] = [];
      let offset = 0;
      for (const length of [...lengths, recipe.length]) {
        decoded.push(...decoder.push(recipe.subarray(offset, offset + length)));
        offset += length;
      }
      decoder.end();
      assert.deepEqual(decoded, entries);
    }),
    { numRuns: 200 },
  );
});

test('the pack set of a first body is the packs it adds', () => {
  fc.assert(
    fc.property(any.firstBody, (body) => {
      assert.deepEqual(applyPackSet(new Set(), body), new Set(body.packsAdded.map(packIdOf)));
    }),
    { numRuns: 50 },
  );
});
