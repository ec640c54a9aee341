// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ReplicationError } from '../../src/base/errors.ts';
import { decodeFrames, encodeFrames } from '../../src/native/frame.ts';
import { encodeAlone } from '../support/encode-alone.ts';
import { referenceId } from '../support/chunker-reference.ts';
import { openFrame, sealFrame } from '../support/frame-reference.ts';
import { testBytes } from '../support/test-bytes.ts';

const ENC_KEY = testBytes(32, 1);
const SIV_KEY = testBytes(32, 2);
const ID_KEY = testBytes(32, 3);
const KEYS = { encKey: ENC_KEY, sivKey: SIV_KEY };

const chunk = fc
  .tuple(fc.uint8Array({ minLength: 1, maxLength: 300 }), fc.integer({ min: 1, max: 200 }))
  .map(([bytes, times]) => Buffer.alloc(bytes.length * times, Buffer.from(bytes)));
const chunks = fc.array(chunk, { maxLength: 6 });
const keyEpoch = fc.integer({ min: 0, max: 0xffffffff });

test('any chunks come back, through frames that the slow reference opens', async () => {
  await fc.assert(
    fc.asyncProperty(chunks, keyEpoch, async (given, epoch) => {
      const encoder = { ...KEYS, keyEpoch: epoch };
      const items = await Promise.all(given.map((chunk) => encodeAlone(encoder, chunk)));
      assert.deepEqual(await decodeFrames(KEYS, items), given);
      for (const { frame, codec, rawLength } of items) {
        openFrame(KEYS, { codec, keyEpoch: epoch, rawLength, baseIds: [] }, frame);
      }
    }),
    { numRuns: 60 },
  );
});

test('any chunks come back from a group and from a delta', async () => {
  const given = fc.array(chunk, { minLength: 1, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(given, fc.array(chunk, { maxLength: 3 }), async (raw, basis) => {
      const bases = basis.map((bytes) => ({ id: referenceId(ID_KEY, bytes), bytes }));
      const { bytes, frames } = await encodeFrames({ ...KEYS, keyEpoch: 1 }, raw, bases);
      const seen: number[] = [];
      for (const { chunkIndices, ...frame } of frames) {
        const own = chunkIndices.map((index) => raw[index] ?? Buffer.alloc(0));
        const needed = frame.baseIds.length === 0 ? [] : bases.map((base) => base.bytes);
        const item = { ...frame, keyEpoch: 1, bases: needed };
        const [decoded] = await decodeFrames(KEYS, [item]);
        assert.deepEqual(decoded, Buffer.concat(own));
        openFrame(KEYS, { ...frame, keyEpoch: 1 }, frame.frame);
        seen.push(...chunkIndices);
      }
      assert.deepEqual(
        seen.toSorted((first, second) => first - second),
        raw.map((_, index) => index),
      );
      assert.equal(
        frames.reduce((sum, { length }) => sum + length, 0),
        bytes.length,
      );
    }),
    { numRuns: 100 },
  );
});

test('frames with any change are refused by the name of the error', async () => {
  await fc.assert(
    fc.asyncProperty(chunk, fc.nat(), fc.integer({ min: 1, max: 255 }), async (...given) => {
      const [raw, place, flip] = given;
      const encoded = await encodeAlone({ ...KEYS, keyEpoch: 0 }, raw);
      const frame = Buffer.from(encoded.frame);
      const at = place % frame.length;
      frame[at] = (frame[at] ?? 0) ^ flip;
      const decoding = decodeFrames(KEYS, [{ ...encoded, frame }]);
      await assert.rejects(decoding, { code: 'ERR_FRAME_CORRUPT' });
    }),
    { numRuns: 100 },
  );
});

test('authentic payloads of any bytes are decoded or refused, never more', async () => {
  const payloads = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    // Behind the magic number of zstd.
    fc
      .uint8Array({ maxLength: 200 })
      .map((bytes) => Buffer.concat([Buffer.from('28b52ffd', 'hex'), bytes])),
  );
  await fc.assert(
    fc.asyncProperty(payloads, fc.nat(5), fc.nat(300), async (payload, codec, extra) => {
      const rawLength = Math.max(1, payload.length + (codec === 0 ? 0 : extra));
      const header = { codec, keyEpoch: 0, rawLength, baseIds: [] };
      const frame = sealFrame(KEYS, header, payload);
      try {
        const [raw] = await decodeFrames(KEYS, [{ ...header, frame }]);
        assert.equal(raw?.length, rawLength);
      } catch (error) {
        assert(error instanceof ReplicationError && error.code === 'ERR_PACK_MALFORMED');
      }
    }),
    { numRuns: 200 },
  );
});
