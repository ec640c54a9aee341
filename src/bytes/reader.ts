// SPDX-License-Identifier: GPL-2.0-or-later
// Reads fixed-width numbers and byte strings from a buffer; every overrun is a malformed error.
import { malformed, PLAIN_FORMAT, type Format } from './malformed.ts';
import type { ReplicationError } from '../base/errors.ts';

/**
 * A cursor over bytes from outside. Slices it hands out share memory with the input. The optional
 * field of each method is the path that an error names.
 */
export class BufferReader {
  readonly #bytes: Buffer;
  readonly #format: Format;
  #offset = 0;

  constructor(bytes: Buffer, format: Format = PLAIN_FORMAT) {
    this.#bytes = bytes;
    this.#format = format;
  }

  /** Bytes read so far. */
  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  u8(field = ''): number {
    return this.#bytes.readUInt8(this.#take(1, field));
  }

  u16le(field = ''): number {
    return this.#bytes.readUInt16LE(this.#take(2, field));
  }

  u32le(field = ''): number {
    return this.#bytes.readUInt32LE(this.#take(4, field));
  }

  /** Refuses numbers above Number.MAX_SAFE_INTEGER. */
  u64le(field = ''): number {
    return this.#safe(this.#bytes.readBigUInt64LE(this.#take(8, field)), field);
  }

  /** Signed; refuses numbers beyond Number.MAX_SAFE_INTEGER. */
  i64le(field = ''): number {
    return this.#safe(this.#bytes.readBigInt64LE(this.#take(8, field)), field);
  }

  u16be(field = ''): number {
    return this.#bytes.readUInt16BE(this.#take(2, field));
  }

  u32be(field = ''): number {
    return this.#bytes.readUInt32BE(this.#take(4, field));
  }

  /** Refuses numbers above Number.MAX_SAFE_INTEGER. */
  u64be(field = ''): number {
    return this.#safe(this.#bytes.readBigUInt64BE(this.#take(8, field)), field);
  }

  bytes(length: number, field = ''): Buffer {
    const start = this.#take(length, field);
    return this.#bytes.subarray(start, start + length);
  }

  /** Refuses unless the next bytes are these. */
  expect(expected: Buffer, field: string): void {
    if (!this.bytes(expected.length, field).equals(expected)) {
      throw this.error(field, `is not ${expected.toString('hex')}`);
    }
  }

  /** Refuses bytes after the last field. */
  end(): void {
    if (this.remaining > 0) throw this.error('', `has ${this.remaining} bytes too many`);
  }

  /** The malformed error for a field that ends where the cursor stands. */
  error(field: string, problem: string): ReplicationError {
    return malformed(this.#format, field, problem, this.#offset);
  }

  #take(length: number, field: string): number {
    const start = this.#offset;
    if (length > this.remaining) {
      throw this.error(field, `needs ${length} bytes, ${this.remaining} are left`);
    }
    this.#offset += length;
    return start;
  }

  #safe(value: bigint, field: string): number {
    const number = Number(value);
    if (!Number.isSafeInteger(number)) throw this.error(field, 'is beyond 2^53 - 1');
    return number;
  }
}
