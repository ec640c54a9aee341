// SPDX-License-Identifier: GPL-2.0-or-later
// Writes fixed-width numbers and byte strings into a growing buffer.
import assert from 'node:assert/strict';

const CAPACITY_START = 256;

/** Numbers out of the range of their width are a bug of the caller (RangeError of Node). */
export class BufferWriter {
  #buffer: Buffer;
  #length = 0;

  constructor(capacity = CAPACITY_START) {
    this.#buffer = Buffer.allocUnsafe(Math.max(capacity, 1));
  }

  get length(): number {
    return this.#length;
  }

  u8(value: number): this {
    this.#length = this.#room(1).writeUInt8(value, this.#length);
    return this;
  }

  u16le(value: number): this {
    this.#length = this.#room(2).writeUInt16LE(value, this.#length);
    return this;
  }

  u32le(value: number): this {
    this.#length = this.#room(4).writeUInt32LE(value, this.#length);
    return this;
  }

  u64le(value: number): this {
    const { low, high } = halves(value);
    this.#length = this.#room(8).writeUInt32LE(low, this.#length);
    this.#length = this.#buffer.writeUInt32LE(high, this.#length);
    return this;
  }

  i64le(value: number): this {
    const { low, high } = halves(value);
    this.#length = this.#room(8).writeUInt32LE(low, this.#length);
    this.#length = this.#buffer.writeInt32LE(high, this.#length);
    return this;
  }

  u16be(value: number): this {
    this.#length = this.#room(2).writeUInt16BE(value, this.#length);
    return this;
  }

  u32be(value: number): this {
    this.#length = this.#room(4).writeUInt32BE(value, this.#length);
    return this;
  }

  u64be(value: number): this {
    const { low, high } = halves(value);
    this.#length = this.#room(8).writeUInt32BE(high, this.#length);
    this.#length = this.#buffer.writeUInt32BE(low, this.#length);
    return this;
  }

  bytes(value: Uint8Array): this {
    this.#room(value.length).set(value, this.#length);
    this.#length += value.length;
    return this;
  }

  /** Overwrites four bytes written earlier, for a length that is known only afterwards. */
  setU32le(offset: number, value: number): this {
    assert(offset + 4 <= this.#length);
    this.#buffer.writeUInt32LE(value, offset);
    return this;
  }

  /** What was written; shares memory with the writer, which must not be used afterwards. */
  toBuffer(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  #room(length: number): Buffer {
    const needed = this.#length + length;
    if (needed > this.#buffer.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
      this.#buffer.copy(grown, 0, 0, this.#length);
      this.#buffer = grown;
    }
    return this.#buffer;
  }
}

/** Of a number of 64 bits; numbers without a fraction are quicker than bigints. */
function halves(value: number): { readonly low: number; readonly high: number } {
  assert(Number.isSafeInteger(value), `${value} is not a whole number within 2^53`);
  return { low: value >>> 0, high: Math.floor(value / 2 ** 32) };
}
