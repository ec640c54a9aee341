// SPDX-License-Identifier: GPL-2.0-or-later
// Finds bases for the deltas of new chunks among the chunks of the parent's packs: one that is
// similar by its super-features; else those that follow, in the order of the packs, what the stream
// had last in common with them.
import { FRAME_RAW_SIZE_MAX } from '../base/limits.ts';
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

/** Old chunks at a place that one new chunk is laid over when nothing says which it resembles. */
const FOLLOWING_MAX = 3;
/** A chunk so many numbers from a place is met there. */
const NEAR = 8;
/** New chunks for which the place before is kept. */
const FORMER_MAX = 64;
/** Places are not followed over more known bytes than these: they would lead anywhere. */
const GAP_SIZE_MAX = 64 * 1024 * 1024;

export class BaseFinder {
  readonly #candidates: BaseCandidates;
  readonly #similar: SimilarChunks;
  /** Where the stream is in the order of the packs. */
  #place: Place | undefined;
  /**
   * Where it was before: what was met elsewhere may only resemble what is here, as the files of a
   * package may resemble each other.
   */
  #former: Place | undefined;
  /** New chunks since then. */
  #formerAge = 0;

  constructor(candidates: BaseCandidates, similar: SimilarChunks) {
    this.#candidates = candidates;
    this.#similar = similar;
  }

  /** So many bytes of the stream are in the parent's packs; they end with this chunk. */
  pass(number: number, bytes: number): void {
    if (bytes > GAP_SIZE_MAX) {
      this.#place = undefined;
      this.#former = undefined;
    }
    this.#advance(bytes);
    this.#meet(number);
  }

  /**
   * Bases for the new chunk that comes next, with which it fits in a frame; features has its own at
   * the given index.
   */
  basesOf(length: number, features: Uint32Array, index: number): ChunkRef[] {
    const similar = this.#similar.find(features, index * SUPER_FEATURE_COUNT);
    const numbers = similar < 0 ? this.#under(length) : [similar];
    this.#advance(length);
    if (similar >= 0) this.#meet(similar);
    this.#formerAge += 1;
    if (this.#formerAge >= FORMER_MAX) this.#former = undefined;
    const bases = numbers.map((number) => this.#candidates.baseFor(number));
    let room = FRAME_RAW_SIZE_MAX - length;
    return bases.filter((base) => (room -= base.length) >= 0);
  }

  #under(length: number): number[] {
    return [this.#place, this.#former].flatMap((place) => place?.under(length) ?? []);
  }

  #advance(bytes: number): void {
    this.#place?.advance(bytes);
    this.#former?.advance(bytes);
  }

  /** The stream is behind this chunk. */
  #meet(number: number): void {
    if (this.#place?.isNear(number) !== true) {
      this.#former = this.#place;
      this.#formerAge = 0;
    }
    this.#place = new Place(this.#candidates, number + 1);
  }
}

/** A place in the order of the packs that moves as the stream does. */
class Place {
  readonly #candidates: BaseCandidates;
  /** Number of the chunk that comes next. */
  #next: number;
  /** Bytes by which the chunks before that one reach beyond the stream. */
  #ahead = 0;

  constructor(candidates: BaseCandidates, next: number) {
    this.#candidates = candidates;
    this.#next = next;
  }

  isNear(number: number): boolean {
    return Math.abs(number - this.#next) <= NEAR;
  }

  /** Numbers of what would be there if the next so many bytes had only been overwritten. */
  under(length: number): number[] {
    const numbers = this.#ahead > 0 ? [this.#next - 1] : [];
    let end = this.#ahead;
    for (let number = this.#next; end < length && numbers.length < FOLLOWING_MAX; number += 1) {
      if (number >= this.#candidates.chunkCount) break;
      numbers.push(number);
      end += this.#candidates.lengthOf(number);
    }
    return numbers;
  }

  advance(bytes: number): void {
    this.#ahead -= bytes;
    while (this.#ahead < 0 && this.#next < this.#candidates.chunkCount) {
      this.#ahead += this.#candidates.lengthOf(this.#next);
      this.#next += 1;
    }
  }
}
