// SPDX-License-Identifier: GPL-2.0-or-later
// The chunks that one publish stores: whole ids and super-features only until their pack is sealed,
// then as those of any pack, by fingerprints and the index files.
import { chunkCountOf, chunksOf } from '../dataset/pack-layout.ts';
import { SUPER_FEATURE_COUNT } from '../native/frame.ts';
import { ChunkIndex, type ChunkIndexInit } from '../store/chunk-index.ts';
import { ChunkSet } from '../store/chunk-set.ts';
import type { FeatureStore } from '../store/feature-store.ts';
import type { IndexStore } from '../store/index-store.ts';
import type { WrittenPack } from '../store/pack-writer.ts';

interface Components {
  readonly index: IndexStore;
  readonly features: FeatureStore;
}

const CHUNKS_MIN = 1_024;

export class NewChunks {
  readonly #components: Components;
  /** Of packs that are sealed. */
  readonly #sealed: ChunkIndex;
  #pending = new ChunkSet();
  /** Of those, by their numbers. */
  #features: Uint32Array = new Uint32Array(CHUNKS_MIN * SUPER_FEATURE_COUNT);

  constructor(components: Components, init: ChunkIndexInit = {}) {
    this.#components = components;
    this.#sealed = new ChunkIndex(components.index, init);
  }

  /** True for a chunk that was added; its id is at ids[offset..offset+32). */
  has(ids: Buffer, offset = 0): boolean {
    return this.#pending.has(ids, offset) || this.#sealed.find(ids, offset) >= 0;
  }

  /** Adds a chunk that is not there. */
  add(id: Buffer): void {
    this.#pending.add(id);
    const length = this.#pending.size * SUPER_FEATURE_COUNT;
    if (length > this.#features.length) this.#features = grown(this.#features, length * 2);
  }

  /** Super-features of chunks that were added and not sealed. */
  addFeatures(ids: readonly Buffer[], features: Uint32Array): void {
    for (const [index, id] of ids.entries()) {
      const start = index * SUPER_FEATURE_COUNT;
      const own = features.subarray(start, start + SUPER_FEATURE_COUNT);
      this.#features.set(own, this.#pending.find(id) * SUPER_FEATURE_COUNT);
    }
  }

  /** Writes the index files of a pack of such chunks; durable when it resolves. */
  async seal({ packId, trailer }: WrittenPack): Promise<void> {
    const { features, index } = this.#components;
    await features.put(packId, this.#featuresOf(trailer));
    this.#sealed.add(packId, await index.put(packId, trailer));
    this.#forgetSealed();
  }

  /** None for what cannot be a base. */
  #featuresOf(trailer: Buffer): Uint32Array {
    const features = new Uint32Array(chunkCountOf(trailer) * SUPER_FEATURE_COUNT);
    let start = 0;
    for (const { id, isDelta } of chunksOf(trailer)) {
      const from = this.#pending.find(id) * SUPER_FEATURE_COUNT;
      if (!isDelta) features.set(this.#features.subarray(from, from + SUPER_FEATURE_COUNT), start);
      start += SUPER_FEATURE_COUNT;
    }
    return features;
  }

  #forgetSealed(): void {
    const left = new ChunkSet();
    const features = new Uint32Array(this.#features.length);
    for (let number = 0; number < this.#pending.size; number += 1) {
      const id = this.#pending.idAt(number);
      if (this.#sealed.find(id) >= 0) continue;
      const from = number * SUPER_FEATURE_COUNT;
      const own = this.#features.subarray(from, from + SUPER_FEATURE_COUNT);
      features.set(own, left.add(id) * SUPER_FEATURE_COUNT);
    }
    this.#pending = left;
    this.#features = features;
  }
}

function grown(features: Uint32Array, length: number): Uint32Array {
  const copy = new Uint32Array(length);
  copy.set(features);
  return copy;
}
