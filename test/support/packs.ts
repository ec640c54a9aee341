// SPDX-License-Identifier: GPL-2.0-or-later
// Chunks with ids, and the frames that a publish would make of them.
import { randomFillSync } from 'node:crypto';
import type { TestContext } from 'node:test';
import { deriveDomainKeys, deriveEpochKeys } from '../../src/dataset/keys.ts';
import { FRAME_CODEC } from '../../src/dataset/pack-layout.ts';
import { nameChunks } from '../../src/native/chunker.ts';
import type { FrameEncoderKeys } from '../../src/native/frame.ts';
import type { FrameToStore } from '../../src/store/pack-writer.ts';
import { IndexStore } from '../../src/store/index-store.ts';
import { PackSet, type PackSetInit } from '../../src/store/pack-set.ts';
import type { PackStore } from '../../src/store/pack-store.ts';
import { encodeAlone } from './encode-alone.ts';
import { SECRETS } from './samples.ts';
import { temporaryFolder } from './temporary-folder.ts';

export const KEY_EPOCH = 7;

export const ENCODER_KEYS: FrameEncoderKeys = {
  ...deriveEpochKeys(SECRETS, KEY_EPOCH),
  keyEpoch: KEY_EPOCH,
};

export interface SampleChunk {
  readonly id: Buffer;
  readonly bytes: Buffer;
}

/** Random, so that nothing compresses. */
export async function sampleChunks(sizes: readonly number[]): Promise<SampleChunk[]> {
  const chunks = sizes.map((size) => randomFillSync(Buffer.alloc(size)));
  const ids = await nameChunks(deriveDomainKeys(SECRETS).idKey, chunks);
  return chunks.map((bytes, index) => ({ bytes, id: ids.subarray(index * 32, index * 32 + 32) }));
}

export async function framesOf(
  chunks: readonly SampleChunk[],
  keys: FrameEncoderKeys = ENCODER_KEYS,
): Promise<{ bytes: Buffer; frames: FrameToStore[] }> {
  const encoded = await Promise.all(chunks.map(({ bytes }) => encodeAlone(keys, bytes)));
  const frames = encoded.map(({ length, codec, rawLength }, index) => ({
    length,
    codec: codec === FRAME_CODEC.raw ? FRAME_CODEC.raw : FRAME_CODEC.zstd,
    keyEpoch: keys.keyEpoch,
    rawLength,
    baseIds: [],
    chunks: [{ id: chunks[index]?.id ?? Buffer.alloc(0), rawLength }],
  }));
  return { bytes: Buffer.concat(encoded.map(({ frame }) => frame)), frames };
}

/** A set of packs in the store, with index files in a folder of their own. */
export function packSet(
  t: TestContext,
  packs: PackStore,
  init: Partial<PackSetInit> = {},
): PackSet {
  const index = new IndexStore(temporaryFolder(t));
  return new PackSet({ packs, index }, { secrets: SECRETS, ...init });
}
