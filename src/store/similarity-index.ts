// SPDX-License-Identifier: GPL-2.0-or-later
// Finds the chunk that a new one resembles, by super-features. It holds hints: what it names is a
// base that may or may not help. So it has a fixed size, and of what finds no room something goes.
import { SUPER_FEATURE_COUNT } from '../native/frame.ts';

/** Slots that a super-feature may be in. */
const WAYS = 4;
/** Slots for each chunk, which has SUPER_FEATURE_COUNT super-features: 12.5 bytes a chunk. */
const SLOTS_PER_CHUNK = 2.5;
/** Numbers of chunks have 24 bits: 16 million chunks are a terabyte. What is beyond is no base. */
const NUMBER_BITS = 24;
const NUMBER_MASK = 2 ** NUMBER_BITS - 1;

/** A slot is a number and 16 bits of a super-feature, in 5 bytes; a number of 0 is a free one. */
export class SimilarityIndex {
  /** Number + 1, and the lower half of the tag above it. */
  readonly #numbers: Uint32Array;
  readonly #tags: Uint8Array;
  readonly #buckets: number;
  /** Slots that were taken from others; says which goes next. */
  #evicted = 0;

  constructor(init: { readonly chunkCount: number }) {
    this.#buckets = Math.max(1, Math.ceil((init.chunkCount * SLOTS_PER_CHUNK) / WAYS));
    this.#numbers = new Uint32Array(this.#buckets * WAYS);
    this.#tags = new Uint8Array(this.#buckets * WAYS);
  }

  get byteLength(): number {
    return this.#numbers.byteLength + this.#tags.byteLength;
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
    const slot = this.#slotOf(hash);
    return slot < 0 ? -1 : ((this.#numbers[slot] ?? 0) & NUMBER_MASK) - 1;
  }

  /** The newest chunk with a super-feature takes the place of others with it. */
  #set(hash: number, taken: number): void {
    const own = this.#slotOf(hash);
    const slot = own >= 0 ? own : this.#freeSlot(hash);
    this.#numbers[slot] = ((hash << NUMBER_BITS) | taken) >>> 0;
    this.#tags[slot] = hash >>> 8;
  }

  #slotOf(hash: number): number {
    const first = this.#firstSlot(hash);
    const low = hash & 0xff;
    const high = (hash >>> 8) & 0xff;
    for (let slot = first; slot < first + WAYS; slot += 1) {
      const entry = this.#numbers[slot] ?? 0;
      if (entry >>> NUMBER_BITS === low && this.#tags[slot] === high && entry !== 0) return slot;
    }
    return -1;
  }

  #freeSlot(hash: number): number {
    const first = this.#firstSlot(hash);
    for (let slot = first; slot < first + WAYS; slot += 1) {
      if (((this.#numbers[slot] ?? 0) & NUMBER_MASK) === 0) return slot;
    }
    this.#evicted = (this.#evicted + 1) % WAYS;
    return first + this.#evicted;
  }

  #firstSlot(hash: number): number {
    return Math.floor((hash / 2 ** 32) * this.#buckets) * WAYS;
  }
}

/** One table has all super-features of a chunk: the same number at another place is another one. */
function mix(feature: number, place: number): number {
  const hash = Math.imul(feature ^ Math.imul(place + 1, 0x9e37_79b9), 0x85eb_ca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}
