// SPDX-License-Identifier: GPL-2.0-or-later
// Typed access to the fields of a bencoded dictionary. Every field is read once, then finish()
// refuses what is left: keys with a small first letter are critical, capitals may be ignored.
import { decodeBencode, type Bencode } from './bencode.ts';
import type { BencodeLimits } from './bencode-scanner.ts';
import { malformed, type Format } from './malformed.ts';
import { hasCode, messageOf, type ReplicationError } from '../base/errors.ts';

/** Decodes bytes that hold one dictionary; errors carry the code of the format. */
export function decodeFields(bytes: Buffer, limits: BencodeLimits, format: Format): FieldReader {
  let value: Bencode;
  try {
    value = decodeBencode(bytes, limits);
  } catch (error) {
    if (!hasCode(error, 'ERR_BENCODE_MALFORMED')) throw error;
    throw malformed(format, '', messageOf(error));
  }
  if (!(value instanceof Map)) throw malformed(format, '', 'is no dictionary');
  return new FieldReader(value, format);
}

export class FieldReader {
  readonly #fields: ReadonlyMap<string, Bencode>;
  readonly #format: Format;
  readonly #read = new Set<string>();

  constructor(fields: ReadonlyMap<string, Bencode>, format: Format) {
    this.#fields = fields;
    this.#format = format;
  }

  has(key: string): boolean {
    return this.#fields.has(key);
  }

  /** A whole number from min to max, both included. */
  int(key: string, min: number, max: number): number {
    const value = this.#take(key);
    if (typeof value !== 'number') throw this.error(key, 'is no number');
    if (value < min || value > max) {
      throw this.error(key, `is ${value}, allowed are ${min} to ${max}`);
    }
    return value;
  }

  /** 0 or 1. */
  flag(key: string): boolean {
    return this.int(key, 0, 1) === 1;
  }

  /** A byte string of min to max bytes; of exactly min when max is left out. */
  bytes(key: string, min: number, max = min): Buffer {
    const value = this.#take(key);
    if (!Buffer.isBuffer(value)) throw this.error(key, 'is no byte string');
    if (value.length < min || value.length > max) {
      throw this.error(key, `has ${value.length} bytes, allowed are ${min} to ${max}`);
    }
    return value;
  }

  /** A byte string of that length, or an empty one for none. */
  optionalBytes(key: string, length: number): Buffer | null {
    const bytes = this.bytes(key, 0, length);
    if (bytes.length !== 0 && bytes.length !== length) {
      throw this.error(key, `has ${bytes.length} bytes, allowed are 0 and ${length}`);
    }
    return bytes.length === 0 ? null : bytes;
  }

  /** A byte string of printable ASCII that the pattern accepts. */
  text(key: string, lengthMax: number, pattern: RegExp): string {
    const text = this.bytes(key, 0, lengthMax).toString('latin1');
    if (!/^[\x21-\x7e]*$/.test(text) || !pattern.test(text)) {
      throw this.error(key, 'has characters or a form that is not allowed');
    }
    return text;
  }

  /** Items of equal size packed in one byte string. */
  packed(key: string, itemSize: number, countMax: number): Buffer[] {
    const bytes = this.bytes(key, 0, itemSize * countMax);
    if (bytes.length % itemSize !== 0) {
      throw this.error(key, `is no multiple of ${itemSize} bytes`);
    }
    return Array.from({ length: bytes.length / itemSize }, (_, index) =>
      bytes.subarray(index * itemSize, (index + 1) * itemSize),
    );
  }

  list(key: string, countMax: number): readonly Bencode[] {
    const value = this.#take(key);
    if (!Array.isArray(value)) throw this.error(key, 'is no list');
    const items = value as readonly Bencode[];
    if (items.length > countMax) {
      throw this.error(key, `has ${items.length} items, ${countMax} are allowed`);
    }
    return items;
  }

  /** A dictionary inside this one, to be finished by itself. */
  dict(key: string): FieldReader {
    const value = this.#take(key);
    if (!(value instanceof Map)) throw this.error(key, 'is no dictionary');
    return new FieldReader(value, { ...this.#format, name: `${this.#format.name} ${key}` });
  }

  /** Refuses unknown critical keys; with closed set, unknown keys of any kind. */
  finish(closed = false): void {
    for (const key of this.#fields.keys()) {
      const isCritical = closed || key.charAt(0) >= 'a';
      if (isCritical && !this.#read.has(key)) throw this.error(key, 'is unknown and critical');
    }
  }

  error(key: string, problem: string): ReplicationError {
    return malformed(this.#format, key, problem);
  }

  #take(key: string): Bencode {
    const value = this.#fields.get(key);
    if (value === undefined) throw this.error(key, 'is missing');
    this.#read.add(key);
    return value;
  }
}
