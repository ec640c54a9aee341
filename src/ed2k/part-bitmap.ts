// SPDX-License-Identifier: GPL-2.0-or-later
// Which parts of a file are there. Part i is bit i & 7 of byte i >> 3, least significant bit first,
// as on the wire (OP_FILESTATUS of eD2k, HAVE_PARTS of ours); bits after the last part are 0.
import assert from 'node:assert/strict';
import { malformed, PLAIN_FORMAT, type Format } from '../bytes/malformed.ts';

/** Immutable: with() and union() make new ones. */
export class PartBitmap {
  /** Parts of the file, there or not. */
  readonly partCount: number;
  /** Parts that are there. */
  readonly count: number;
  readonly #bytes: Buffer;

  private constructor(partCount: number, bytes: Buffer) {
    this.partCount = partCount;
    this.#bytes = bytes;
    this.count = bytes.reduce((sum, byte) => sum + bitCount(byte), 0);
  }

  /** None of the parts. */
  static empty(partCount: number): PartBitmap {
    return new PartBitmap(partCount, Buffer.alloc(byteCount(partCount)));
  }

  /** All of the parts. */
  static full(partCount: number): PartBitmap {
    const bytes = Buffer.alloc(byteCount(partCount), 0xff);
    const last = bytes.length - 1;
    if (partCount % 8 !== 0) bytes[last] = (1 << (partCount % 8)) - 1;
    return new PartBitmap(partCount, bytes);
  }

  static of(partCount: number, partIndexes: Iterable<number>): PartBitmap {
    const bytes = Buffer.alloc(byteCount(partCount));
    for (const partIndex of partIndexes) setBit(bytes, partIndex, partCount);
    return new PartBitmap(partCount, bytes);
  }

  /** Exactly ceil(partCount / 8) bytes without stray bits, else malformed. */
  static fromBytes(bytes: Buffer, partCount: number, format: Format = PLAIN_FORMAT): PartBitmap {
    if (bytes.length !== byteCount(partCount)) {
      throw malformed(format, 'bitmap', `has ${bytes.length} bytes for ${partCount} parts`);
    }
    const last = bytes.at(-1) ?? 0;
    if (partCount % 8 !== 0 && last >> (partCount % 8) !== 0) {
      throw malformed(format, 'bitmap', 'has bits after the last part');
    }
    return new PartBitmap(partCount, Buffer.from(bytes));
  }

  has(partIndex: number): boolean {
    const byte = this.#bytes[partIndex >> 3] ?? 0;
    return partIndex >= 0 && (byte & (1 << (partIndex & 7))) !== 0;
  }

  get isFull(): boolean {
    return this.count === this.partCount;
  }

  /** This one and that part. */
  with(partIndex: number): PartBitmap {
    const bytes = Buffer.from(this.#bytes);
    setBit(bytes, partIndex, this.partCount);
    return new PartBitmap(this.partCount, bytes);
  }

  /** This one without that part. */
  without(partIndex: number): PartBitmap {
    assert(partIndex >= 0 && partIndex < this.partCount);
    const bytes = Buffer.from(this.#bytes);
    bytes[partIndex >> 3] = (bytes[partIndex >> 3] ?? 0) & ~(1 << (partIndex & 7));
    return new PartBitmap(this.partCount, bytes);
  }

  /** The parts of either; both are of one file. */
  union(other: PartBitmap): PartBitmap {
    assert(other.partCount === this.partCount);
    const bytes = Buffer.from(this.#bytes.map((byte, index) => byte | (other.#bytes[index] ?? 0)));
    return new PartBitmap(this.partCount, bytes);
  }

  /** Indexes of the parts that are there, ascending. */
  indexes(): number[] {
    return this.#select(true);
  }

  /** Indexes of the parts that are not there, ascending. */
  missing(): number[] {
    return this.#select(false);
  }

  /** A copy of the bytes. */
  toBytes(): Buffer {
    return Buffer.from(this.#bytes);
  }

  toHex(): string {
    return this.#bytes.toString('hex');
  }

  #select(isThere: boolean): number[] {
    const indexes = Array.from({ length: this.partCount }, (_, partIndex) => partIndex);
    return indexes.filter((partIndex) => this.has(partIndex) === isThere);
  }
}

function byteCount(partCount: number): number {
  assert(Number.isSafeInteger(partCount) && partCount >= 0);
  return Math.ceil(partCount / 8);
}

function setBit(bytes: Buffer, partIndex: number, partCount: number): void {
  assert(partIndex >= 0 && partIndex < partCount, `no part ${partIndex} of ${partCount}`);
  bytes[partIndex >> 3] = (bytes[partIndex >> 3] ?? 0) | (1 << (partIndex & 7));
}

function bitCount(byte: number): number {
  let count = 0;
  for (let rest = byte; rest > 0; rest &= rest - 1) count += 1;
  return count;
}
