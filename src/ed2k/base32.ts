// SPDX-License-Identifier: GPL-2.0-or-later
// Base 32 (RFC 4648, 6) as ed2k links spell AICH hashes: capitals, no padding.

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** For lengths that are multiples of 5 bytes, as AICH hashes are. */
export function encodeBase32(bytes: Buffer): string {
  let text = '';
  let bits = 0;
  let pending = 0;
  for (const byte of bytes) {
    pending = (pending << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += ALPHABET.charAt((pending >> bits) & 31);
    }
    pending &= (1 << bits) - 1;
  }
  return text;
}

/** Small letters too; undefined unless whole groups of 8 characters of the alphabet. */
export function decodeBase32(text: string): Buffer | undefined {
  if (text.length % 8 !== 0) return undefined;
  const bytes: number[] = [];
  let bits = 0;
  let pending = 0;
  for (const character of text.toUpperCase()) {
    const value = ALPHABET.indexOf(character);
    if (value < 0) return undefined;
    pending = (pending << 5) | value;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes.push(pending >> bits);
      pending &= (1 << bits) - 1;
    }
  }
  return Buffer.from(bytes);
}
