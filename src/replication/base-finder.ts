// SPDX-License-Identifier: GPL-2.0-or-later
// Finds bases for the deltas of new chunks among the chunks of the parent's packs: one that is
// similar by its super-features; else those that follow, in the order of the packs, what the stream
// had last in common with them.
import type { ChunkRef } from '../dataset/chunk-list.ts';
import { SUPER_FEATURE_COUNT } from '../native/frame.ts';

/** The chunks that a base may be, by their numbers in the order of the packs. */
export interface BaseCandidates {
  readonly chunkCount: number;
  /** Bytes of the chunk. */
  lengthOf(number: number): number;
  /** The chunk itself, or one that its own delta is taken from. */
  baseFor(number: number): ChunkRef;
}

/** Finds chunks by super-features; -1 when none has any in common. */
export interface SimilarChunks {
  find(features: Uint32Array, start: number): number;
}

/** Old chunks that one new chunk is laid over when nothing says which it resembles. */
const FOLLOWING_MAX = 3;

export class BaseFinder {
  readonly #candidates: BaseCandidates;
  readonly #similar: SimilarChunks;
  /** Number of the chunk that comes next if the stream is as it was; -1 when nobody knows. */
  #next = -1;
  /** Bytes by which the chunks before that one reach beyond the stream. */
  #ahead = 0;

  constructor(candidates: BaseCandidates, similar: SimilarChunks) {
    this.#candidates = candidates;
    this.#similar = similar;
  }

  /** The stream goes on with this chunk of the parent's packs. */
  pass(number: number): void {
    this.#next = number + 1;
    this.#ahead = 0;
  }

  /** Bases for the new chunk that comes next; features has its own at the given index. */
  basesOf(length: number, features: Uint32Array, index: number): ChunkRef[] {
    const similar = this.#similar.find(features, index * SUPER_FEATURE_COUNT);
    if (similar < 0) return this.#following(length);
    this.pass(similar);
    return [this.#candidates.baseFor(similar)];
  }

  /** What lies where the chunk would if bytes had only been overwritten. */
  #following(length: number): ChunkRef[] {
    if (this.#next < 0) return [];
    const bases: ChunkRef[] = [];
    if (this.#ahead > 0) bases.push(this.#candidates.baseFor(this.#next - 1));
    while (this.#ahead < length && bases.length < FOLLOWING_MAX) {
      if (this.#next >= this.#candidates.chunkCount) break;
      bases.push(this.#candidates.baseFor(this.#next));
      this.#ahead += this.#candidates.lengthOf(this.#next);
      this.#next += 1;
    }
    this.#ahead = Math.max(this.#ahead - length, 0);
    return bases;
  }
}
