// SPDX-License-Identifier: GPL-2.0-or-later
// The super-features of a publish: those of the parent's packs, to find bases by, and those of the
// new chunks, which go beside the packs that get them.
import { hasCode } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import { SUPER_FEATURE_COUNT } from '../native/frame.ts';
import type { ChunkSet } from '../store/chunk-set.ts';
import type { FeatureStore } from '../store/feature-store.ts';
import { NumberColumn } from '../store/number-column.ts';
import type { PackSet } from '../store/pack-set.ts';
import type { SealedPack } from '../store/pack-writer.ts';
import { SimilarityIndex } from '../store/similarity-index.ts';

interface Components {
  readonly store: FeatureStore;
  readonly logger: Logger;
}

/** An index of all packs of the set whose super-features are here. */
export async function loadSimilarity(
  { store, logger }: Components,
  set: PackSet,
): Promise<SimilarityIndex> {
  const index = new SimilarityIndex();
  for (const packId of set.packIds) {
    let features: Uint32Array | undefined;
    try {
      features = await store.get(packId);
    } catch (error) {
      if (!hasCode(error, 'ERR_INDEX_CORRUPT')) throw error;
      logger.warn('super-features left out', { error: error.message });
    }
    let start = 0;
    for (const number of features === undefined ? [] : set.numbersOf(packId)) {
      index.add(number, features ?? new Uint32Array(), start);
      start += SUPER_FEATURE_COUNT;
    }
  }
  return index;
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
