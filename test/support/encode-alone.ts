// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { encodeFrames, type EncodedFrame, type FrameEncoderKeys } from '../../src/native/frame.ts';

/** The frame of a chunk alone, without bases, as an item for the decoder. */
export async function encodeAlone(
  keys: FrameEncoderKeys,
  chunk: Buffer,
): Promise<Omit<EncodedFrame, 'chunkIndices'> & { readonly keyEpoch: number }> {
  const { frames } = await encodeFrames(keys, [chunk]);
  const [first] = frames;
  assert(first !== undefined && frames.length === 1);
  const { chunkIndices, ...frame } = first;
  assert.deepEqual(chunkIndices, [0]);
  return { ...frame, keyEpoch: keys.keyEpoch };
}
