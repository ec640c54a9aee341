// SPDX-License-Identifier: GPL-2.0-or-later
// Finds the chunk that a new one resembles, by super-features. It holds hints: what it names is a
// base that may or may not help. So it has a fixed size, and of what finds no room something goes.
import { SUPER_FEATURE_COUNT } from '../native/frame.ts';

/** Slots that a super-feature may be in. */
const WAYS = 4;
/** Slots for each chunk, which has SUPER_FEATURE_COUNT super-features: 15 bytes a chunk. */
const SLOTS_PER_CHUNK = 3;
/** Numbers of chunks have 24 bits: 16 million chunks are a terabyte. What is beyond is no base. */
const NUMBER_BITS = 24;
const NUMBER_MASK = 2 ** NUMBER_BITS - 1;

/** Words of a bucket: one a slot, and one with a byte for each of them. */
const WORDS = WAYS + 1;

/**
 * A slot is the number of a chunk and 16 bits of a super-feature, in 5 bytes: the number + 1 with 8
 * of the bits above it, or 0 when it is free, and the other 8 in the last word of the bucket. One
 * look at memory finds a bucket.
 */
export class SimilarityIndex {
  readonly #words: Uint32Array;
  readonly #buckets: number;
  /** Slots that were taken from others; says which goes next. */
  #evicted = 0;

  constructor(init: { readonly chunkCount: number }) {
    this.#buckets = Math.max(1, Math.ceil((init.chunkCount * SLOTS_PER_CHUNK) / WAYS));
    this.#words = new Uint32Array(this.#buckets * WORDS);
  }

  get byteLength(): number {
    return this.#words.byteLength;
  }

  /** The chunks with the next numbers from one on: SUPER_FEATURE_COUNT super-features for each. */
  addAll(firstNumber: number, features: Uint32Array): void {
    const count = features.length / SUPER_FEATURE_COUNT;
    for (let index = 0; index < count; index += 1) {
      this.add(firstNumber + index, features, index * SUPER_FEATURE_COUNT);
    }
  }

  /** features has SUPER_FEATURE_COUNT numbers from start on; 0 is none. */
  add(number: number, features: Uint32Array, start: number): void {
    if (number >= NUMBER_MASK) return;
    for (let index = 0; index < SUPER_FEATURE_COUNT; index += 1) {
      const feature = features[start + index] ?? 0;
      if (feature !== 0) this.#set(mix(feature, index), number + 1);
    }
  }

  /** Number of the chunk with most super-features in common; -1 when none has any. */
  find(features: Uint32Array, start: number): number {
    let best = -1;
    let bestCount = 0;
    const found: number[] = [];
    for (let index = 0; index < SUPER_FEATURE_COUNT; index += 1) {
      const feature = features[start + index] ?? 0;
      const number = feature === 0 ? -1 : this.#get(mix(feature, index));
      if (number < 0) continue;
      found.push(number);
      const count = found.reduce((sum, other) => sum + (other === number ? 1 : 0), 0);
      // Of equals that of the earlier super-feature.
      if (count > bestCount) {
        best = number;
        bestCount = count;
      }
    }
    return best;
  }

  #get(hash: number): number {
    const bucket = this.#bucketOf(hash);
    const way = this.#wayOf(bucket, hash);
    return way < 0 ? -1 : ((this.#words[bucket + way] ?? 0) & NUMBER_MASK) - 1;
  }

  /** The newest chunk with a super-feature takes the place of others with it. */
  #set(hash: number, taken: number): void {
    const bucket = this.#bucketOf(hash);
    const own = this.#wayOf(bucket, hash);
    const way = own >= 0 ? own : this.#freeWay(bucket);
    const words = this.#words;
    words[bucket + way] = ((hash << NUMBER_BITS) | taken) >>> 0;
    const shift = 8 * way;
    const others = (words[bucket + WAYS] ?? 0) & ~(0xff << shift);
    words[bucket + WAYS] = (others | (((hash >>> 8) & 0xff) << shift)) >>> 0;
  }

  #wayOf(bucket: number, hash: number): number {
    const words = this.#words;
    const low = hash & 0xff;
    const high = (hash >>> 8) & 0xff;
    const highs = words[bucket + WAYS] ?? 0;
    for (let way = 0; way < WAYS; way += 1) {
      const slot = words[bucket + way] ?? 0;
      const isTag = slot >>> NUMBER_BITS === low && ((highs >>> (8 * way)) & 0xff) === high;
      if (isTag && slot !== 0) return way;
    }
    return -1;
  }

  #freeWay(bucket: number): number {
    for (let way = 0; way < WAYS; way += 1) if (this.#words[bucket + way] === 0) return way;
    this.#evicted = (this.#evicted + 1) % WAYS;
    return this.#evicted;
  }

  /** Where its bucket starts. */
  #bucketOf(hash: number): number {
    return Math.floor((hash / 2 ** 32) * this.#buckets) * WORDS;
  }
}

/** One table has all super-features of a chunk: the same number at another place is another one. */
function mix(feature: number, place: number): number {
  const hash = Math.imul(feature ^ Math.imul(place + 1, 0x9e37_79b9), 0x85eb_ca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}
