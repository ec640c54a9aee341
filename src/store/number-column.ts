// SPDX-License-Identifier: GPL-2.0-or-later
// A growing list of 32-bit numbers in typed arrays: growing adds a segment and copies nothing.
import assert from 'node:assert/strict';

const SEGMENT_COUNT = 65_536;
const NUMBER_MAX = 0xffff_ffff;

export class NumberColumn {
  readonly #segments: Uint32Array[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Appends a number of 0 to 2^32 - 1. */
  push(value: number): void {
    assert(Number.isInteger(value) && value >= 0 && value <= NUMBER_MAX);
    const within = this.#length % SEGMENT_COUNT;
    if (within === 0) this.#segments.push(new Uint32Array(SEGMENT_COUNT));
    this.#segment(this.#length)[within] = value;
    this.#length += 1;
  }

  at(index: number): number {
    assert(index >= 0 && index < this.#length);
    return this.#segment(index)[index % SEGMENT_COUNT] ?? 0;
  }

  #segment(index: number): Uint32Array {
    const segment = this.#segments[Math.floor(index / SEGMENT_COUNT)];
    assert(segment !== undefined);
    return segment;
  }
}
