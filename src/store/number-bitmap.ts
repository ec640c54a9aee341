// SPDX-License-Identifier: GPL-2.0-or-later
// A growing set of small numbers, one bit each: which chunks of a pack set are wanted, without an
// object a chunk.
import assert from 'node:assert/strict';

const BYTES_MIN = 1_024;

export class NumberBitmap {
  #bits = new Uint8Array(BYTES_MIN);

  /** Whole numbers from 0. */
  has(number: number): boolean {
    return ((this.#bits[Math.floor(number / 8)] ?? 0) & (1 << (number & 7))) !== 0;
  }

  /** True when the number was not in the set before. */
  add(number: number): boolean {
    assert(Number.isInteger(number) && number >= 0);
    const index = Math.floor(number / 8);
    if (index >= this.#bits.length) this.#grow(index + 1);
    const mask = 1 << (number & 7);
    const byte = this.#bits[index] ?? 0;
    this.#bits[index] = byte | mask;
    return (byte & mask) === 0;
  }

  /** Ascending. */
  *[Symbol.iterator](): Generator<number> {
    for (const [index, byte] of this.#bits.entries()) {
      if (byte === 0) continue;
      for (let bit = 0; bit < 8; bit += 1) {
        if ((byte & (1 << bit)) !== 0) yield index * 8 + bit;
      }
    }
  }

  #grow(length: number): void {
    const bits = new Uint8Array(Math.max(length, this.#bits.length * 2));
    bits.set(this.#bits);
    this.#bits = bits;
  }
}
