// SPDX-License-Identifier: GPL-2.0-or-later
// Finds the chunk that a new one resembles, by super-features. It holds hints: what it names is a
// base that may or may not help.
import { SUPER_FEATURE_COUNT } from '../native/frame.ts';

const SLOTS_MIN = 1_024;

/** Super-feature => number of the newest chunk that has it, in open addressing. */
class FeatureTable {
  #features = new Uint32Array(SLOTS_MIN);
  #numbers = new Uint32Array(SLOTS_MIN);
  #count = 0;

  /** -1 when no chunk has it. */
  find(feature: number): number {
    const slot = this.#slotOf(feature);
    return this.#features[slot] === feature ? (this.#numbers[slot] ?? -1) : -1;
  }

  set(feature: number, number: number): void {
    const slot = this.#slotOf(feature);
    if (this.#features[slot] === 0) this.#count += 1;
    this.#features[slot] = feature;
    this.#numbers[slot] = number;
    if (this.#count * 3 > this.#features.length * 2) this.#grow();
  }

  /** Where the feature is, or belongs; features are hashes, so any bits of them spread well. */
  #slotOf(feature: number): number {
    const mask = this.#features.length - 1;
    let slot = feature & mask;
    while (this.#features[slot] !== 0 && this.#features[slot] !== feature) slot = (slot + 1) & mask;
    return slot;
  }

  #grow(): void {
    const features = this.#features;
    const numbers = this.#numbers;
    this.#features = new Uint32Array(features.length * 2);
    this.#numbers = new Uint32Array(features.length * 2);
    for (const [index, feature] of features.entries()) {
      if (feature === 0) continue;
      const slot = this.#slotOf(feature);
      this.#features[slot] = feature;
      this.#numbers[slot] = numbers[index] ?? 0;
    }
  }
}

export class SimilarityIndex {
  readonly #tables = Array.from({ length: SUPER_FEATURE_COUNT }, () => new FeatureTable());

  /** features has SUPER_FEATURE_COUNT numbers from start on; 0 is none. */
  add(number: number, features: Uint32Array, start: number): void {
    for (const [index, table] of this.#tables.entries()) {
      const feature = features[start + index] ?? 0;
      if (feature !== 0) table.set(feature, number);
    }
  }

  /** Number of the chunk with most super-features in common; -1 when none has any. */
  find(features: Uint32Array, start: number): number {
    let best = -1;
    let bestCount = 0;
    const found = this.#tables.map((table, index) => {
      const feature = features[start + index] ?? 0;
      return feature === 0 ? -1 : table.find(feature);
    });
    for (const number of found) {
      const count = number < 0 ? 0 : found.filter((other) => other === number).length;
      if (count > bestCount) {
        best = number;
        bestCount = count;
      }
    }
    return best;
  }
}
