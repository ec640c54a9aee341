// SPDX-License-Identifier: GPL-2.0-or-later
// `muleplex index rebuild`: makes the index files of a data set's packs anew where they are missing
// or damaged, from the packs themselves.
import { NEW_CHUNKS_BATCH_SIZE } from '../base/limits.ts';
import type { ChunkId, PackId } from '../dataset/ids.ts';
import { SUPER_FEATURE_COUNT, superFeatures } from '../native/frame.ts';
import type { FeatureStore } from '../store/feature-store.ts';
import type { IndexStore } from '../store/index-store.ts';
import type { PackSet } from '../store/pack-set.ts';
import type { DatasetRegistry } from './dataset-registry.ts';
import type { PackLibrary } from './pack-library.ts';
import type { IndexRebuilt } from './site-view.ts';
import { nothingHere, type SnapshotChain } from './snapshot-chain.ts';

interface Components {
  readonly registry: DatasetRegistry;
  readonly chain: SnapshotChain;
  readonly library: PackLibrary;
  readonly features: FeatureStore;
  readonly index: IndexStore;
}

interface Options {
  /** Name or id. */
  readonly dataset: string;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: { readonly packsDone: number; readonly packs: number }) => void;
}

export class IndexRebuilder {
  readonly #components: Components;

  constructor(components: Components) {
    this.#components = components;
  }

  /** Packs whose file was whole are left as they are. */
  async rebuild({ dataset: name, signal, onProgress }: Options): Promise<IndexRebuilt> {
    const { chain, features, library, registry } = this.#components;
    const dataset = registry.resolve(name);
    const newest = await chain.newest(dataset.id);
    if (newest === undefined) throw nothingHere(dataset);
    const { packs } = newest;
    const lost = await this.#lostIndexes(packs.keys());
    return library.reading(dataset, packs, signal, async (set) => {
      let rebuilt = 0;
      let packsDone = 0;
      for (const [packId, descriptor] of packs) {
        signal.throwIfAborted();
        const isWhole = !lost.has(packId) && (await features.check(packId)) === 'whole';
        if (lost.has(packId)) await set.makeIndex(packId, descriptor);
        if ((await features.check(packId)) !== 'whole') {
          await this.#rebuildPack(set, packId, signal);
        }
        if (!isWhole) rebuilt += 1;
        packsDone += 1;
        onProgress({ packsDone, packs: packs.size });
      }
      return { dataset: dataset.name, packs: packs.size, rebuilt };
    });
  }

  /** Packs whose chunks are not indexed, before anybody opens them and makes up for it. */
  async #lostIndexes(packIds: Iterable<PackId>): Promise<ReadonlySet<PackId>> {
    const lost = new Set<PackId>();
    for (const packId of packIds) {
      if ((await this.#components.index.check(packId)) !== 'whole') lost.add(packId);
    }
    return lost;
  }

  async #rebuildPack(set: PackSet, packId: PackId, signal: AbortSignal): Promise<void> {
    const numbers = [...set.numbersOf(packId)];
    const features = new Uint32Array(numbers.length * SUPER_FEATURE_COUNT);
    let indices: number[] = [];
    let ids: ChunkId[] = [];
    let size = 0;
    const flush = async (): Promise<void> => {
      const found = await superFeatures(await set.readChunks(ids, signal));
      for (const [place, index] of indices.entries()) {
        const from = place * SUPER_FEATURE_COUNT;
        features.set(found.subarray(from, from + SUPER_FEATURE_COUNT), index * SUPER_FEATURE_COUNT);
      }
      indices = [];
      ids = [];
      size = 0;
    };
    for (const [index, number] of numbers.entries()) {
      const id = set.plainId(number);
      // What is a delta itself is no base.
      if (id === undefined) continue;
      indices.push(index);
      ids.push(id);
      size += set.lengthOf(number);
      if (size >= NEW_CHUNKS_BATCH_SIZE) await flush();
    }
    if (ids.length > 0) await flush();
    await this.#components.features.put(packId, features);
  }
}
