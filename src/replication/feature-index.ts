// SPDX-License-Identifier: GPL-2.0-or-later
// The super-features of packs: read, to find bases by, and copied to packs that are merged.
import { hasCode } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import type { PackId } from '../dataset/ids.ts';
import { chunkCountOf, chunksOf } from '../dataset/pack-layout.ts';
import { SUPER_FEATURE_COUNT } from '../native/frame.ts';
import type { FeatureStore } from '../store/feature-store.ts';
import type { PackSet } from '../store/pack-set.ts';
import type { WrittenPack } from '../store/pack-writer.ts';
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
  const index = new SimilarityIndex({ chunkCount: set.chunkCount });
  for (const packId of set.packIds) {
    const features = await featuresOf(components, packId);
    if (features !== undefined) index.addAll(set.firstNumberOf(packId), features);
  }
  return index;
}

/** Writes the super-features of a pack that was made of frames of the set. */
export async function copyFeatures(
  components: Components,
  set: PackSet,
  { packId, trailer }: WrittenPack,
): Promise<void> {
  const copied = new Uint32Array(chunkCountOf(trailer) * SUPER_FEATURE_COUNT);
  const kept = new Map<PackId, Uint32Array | undefined>();
  let start = 0;
  for (const { id } of chunksOf(trailer)) {
    const number = set.find(id);
    const from = set.packIdAt(number);
    if (!kept.has(from)) {
      kept.clear();
      kept.set(from, await featuresOf(components, from));
    }
    const at = set.indexInPack(number) * SUPER_FEATURE_COUNT;
    copied.set(kept.get(from)?.subarray(at, at + SUPER_FEATURE_COUNT) ?? [], start);
    start += SUPER_FEATURE_COUNT;
  }
  await components.features.put(packId, copied);
}

/** Undefined when they are not here, or damaged. */
async function featuresOf(
  { features, logger }: Components,
  packId: PackId,
): Promise<Uint32Array | undefined> {
  try {
    return await features.get(packId);
  } catch (error) {
    if (!hasCode(error, 'ERR_INDEX_CORRUPT')) throw error;
    logger.warn('super-features left out', { error: error.message });
    return undefined;
  }
}
