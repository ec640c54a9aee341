// SPDX-License-Identifier: GPL-2.0-or-later
// Numbers as UTF-8 sequences in the old form of up to 6 bytes (31 bits), which aMule uses for the
// structure of a packet when both sides announced EC_TAG_CAN_UTF8_NUMBERS (ECSocket.cpp).
import assert from 'node:assert/strict';

export const UTF8_NUMBER_SIZE_MAX = 6;

/** For a sequence of index+1 bytes: marker of the first byte, bits it holds, smallest value. */
const FORMS = [
  { marker: 0x00, mask: 0x80, bits: 7, least: 0 },
  { marker: 0xc0, mask: 0xe0, bits: 5, least: 0x80 },
  { marker: 0xe0, mask: 0xf0, bits: 4, least: 0x800 },
  { marker: 0xf0, mask: 0xf8, bits: 3, least: 0x10000 },
  { marker: 0xf8, mask: 0xfc, bits: 2, least: 0x200000 },
  { marker: 0xfc, mask: 0xfe, bits: 1, least: 0x4000000 },
] as const;

/** The shortest sequence of a number below 2^31. */
export function writeUtf8Number(value: number): Buffer {
  assert(Number.isInteger(value) && value >= 0 && value < 2 ** 31);
  const index = FORMS.findLastIndex((form) => value >= form.least);
  const form = FORMS[index];
  assert(form !== undefined);
  const bytes = Buffer.alloc(index + 1);
  let rest = value;
  for (let at = index; at > 0; at--) {
    bytes[at] = 0x80 | (rest & 0x3f);
    rest >>>= 6;
  }
  bytes[0] = form.marker | rest;
  return bytes;
}

/** The number at the start of bytes; undefined when there is none, or not in its shortest form. */
export function readUtf8Number(bytes: Buffer): { value: number; size: number } | undefined {
  const first = bytes[0];
  if (first === undefined) return undefined;
  const index = FORMS.findIndex((form) => (first & form.mask) === form.marker);
  const form = FORMS[index];
  if (form === undefined || bytes.length <= index) return undefined;
  let value = first & (2 ** form.bits - 1);
  for (const byte of bytes.subarray(1, index + 1)) {
    if ((byte & 0xc0) !== 0x80) return undefined;
    value = value * 64 + (byte & 0x3f);
  }
  return value < form.least ? undefined : { value, size: index + 1 };
}
