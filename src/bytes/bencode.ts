// SPDX-License-Identifier: GPL-2.0-or-later
// Canonical bencode. Bytes from outside pass the strict scanner first, because the package loops,
// overflows its stack or silently accepts more than one spelling on hostile input.
import assert from 'node:assert/strict';
import bencode from 'bencode';
import { scanBencode, KEY_PATTERN, type BencodeLimits } from './bencode-scanner.ts';

/**
 * A value: safe integers, byte strings, lists, dictionaries. Keys match KEY_PATTERN; those that
 * start with a capital may be ignored by a reader that does not know them.
 */
export type Bencode = number | Buffer | readonly Bencode[] | ReadonlyMap<string, Bencode>;

/** The one encoding of the value: dictionary keys sorted by their bytes. */
export function encodeBencode(value: Bencode): Buffer {
  assertEncodable(value);
  const encoded: Uint8Array = bencode.encode(value);
  return Buffer.from(encoded.buffer, encoded.byteOffset, encoded.byteLength);
}

/**
 * Decodes canonical bencode and nothing else (ERR_BENCODE_MALFORMED). The input is one value of at
 * most limits.sizeMax bytes. Byte strings are copies.
 */
export function decodeBencode(bytes: Buffer, limits: BencodeLimits): Bencode {
  scanBencode(bytes, limits);
  return fromPackage(bencode.decode(bytes) as unknown);
}

/** Recursion ends: the scanner has bounded the depth. */
function fromPackage(value: unknown): Bencode {
  if (typeof value === 'number') return value;
  if (value instanceof Uint8Array) {
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  }
  if (Array.isArray(value)) return value.map(fromPackage);
  assert(typeof value === 'object' && value !== null, 'the scanner passes four kinds of values');
  return new Map(Object.entries(value).map(([key, item]) => [key, fromPackage(item)]));
}

function assertEncodable(value: Bencode): void {
  if (typeof value === 'number') {
    assert(Number.isSafeInteger(value), `${value} is not a whole number within 2^53`);
  } else if (value instanceof Map) {
    for (const [key, item] of value as ReadonlyMap<string, Bencode>) {
      assert(KEY_PATTERN.test(key), `${key} is no key of ours`);
      assertEncodable(item);
    }
  } else if (Array.isArray(value)) {
    (value as readonly Bencode[]).forEach(assertEncodable);
  } else {
    assert(Buffer.isBuffer(value), 'neither number, buffer, list nor map');
  }
}
