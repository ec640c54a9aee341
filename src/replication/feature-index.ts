// SPDX-License-Identifier: GPL-2.0-or-later
// The super-features of a publish: those of the parent's packs, to find bases by, and those of the
// new chunks, which go beside the packs that get them.
import { hasCode } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import { SUPER_FEATURE_COUNT } from '../native/frame.ts';
import { ChunkSet } from '../store/chunk-set.ts';
import type { FeatureStore } from '../store/feature-store.ts';
import { NumberColumn } from '../store/number-column.ts';
import type { PackSet } from '../store/pack-set.ts';
import type { SealedPack } from '../store/pack-writer.ts';
import { SimilarityIndex } from '../store/similarity-index.ts';

interface Components {
  readonly features: FeatureStore;
  readonly logger: Logger;
}

/** An index of all packs of the set whose super-features are here. */
export async function loadSimilarity(
  components: Components,
  set: PackSet,
): Promise<SimilarityIndex> {
  const index = new SimilarityIndex();
  await eachChunk(components, set, (number, features, start) => index.add(number, features, start));
  return index;
}

/** Writes the super-features of packs that were made of frames of the set. */
export async function copyFeatures(
  components: Components,
  set: PackSet,
  packs: readonly SealedPack[],
): Promise<void> {
  const added = new ChunkSet();
  for (const { chunks } of packs.flatMap(({ entries }) => entries)) {
    for (const { id } of chunks) added.add(id);
  }
  const copied = new Uint32Array(added.size * SUPER_FEATURE_COUNT);
  await eachChunk(components, set, (number, features, start) => {
    const to = added.find(set.idAt(number)) * SUPER_FEATURE_COUNT;
    if (to >= 0) copied.set(features.subarray(start, start + SUPER_FEATURE_COUNT), to);
  });
  const features = new NewFeatures(added);
  features.add(copied);
  for (const pack of packs) await components.features.put(pack.packId, features.ofPack(pack));
}

/** Every chunk of the set's packs whose super-features are here: those from start on. */
async function eachChunk(
  { features: store, logger }: Components,
  set: PackSet,
  take: (number: number, features: Uint32Array, start: number) => void,
): Promise<void> {
  for (const packId of set.packIds) {
    let features: Uint32Array | undefined;
    try {
      features = await store.get(packId);
    } catch (error) {
      if (!hasCode(error, 'ERR_INDEX_CORRUPT')) throw error;
      logger.warn('super-features left out', { error: error.message });
    }
    if (features === undefined) continue;
    let start = 0;
    for (const number of set.numbersOf(packId)) {
      take(number, features, start);
      start += SUPER_FEATURE_COUNT;
    }
  }
}

/** The super-features of new chunks, by their numbers in the set of them. */
export class NewFeatures {
  readonly #added: ChunkSet;
  readonly #features = new NumberColumn();

  constructor(added: ChunkSet) {
    this.#added = added;
  }

  /** Those of the next chunks of the set. */
  add(features: Uint32Array): void {
    for (const feature of features) this.#features.push(feature);
  }

  /** Those of a pack's chunks, in the order of its trailer; none for what cannot be a base. */
  ofPack({ entries }: SealedPack): Uint32Array {
    const chunkCount = entries.reduce((sum, entry) => sum + entry.chunks.length, 0);
    const features = new Uint32Array(chunkCount * SUPER_FEATURE_COUNT);
    let start = 0;
    for (const { chunks, baseIds } of entries) {
      for (const { id } of chunks) {
        if (baseIds.length === 0) this.#copy(id, features, start);
        start += SUPER_FEATURE_COUNT;
      }
    }
    return features;
  }

  #copy(id: Buffer, features: Uint32Array, start: number): void {
    const from = this.#added.find(id) * SUPER_FEATURE_COUNT;
    for (let index = 0; index < SUPER_FEATURE_COUNT; index += 1) {
      features[start + index] = this.#features.at(from + index);
    }
  }
}
