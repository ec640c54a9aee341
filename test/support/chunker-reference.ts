// SPDX-License-Identifier: GPL-2.0-or-later
// A second, slow implementation of the chunker (docs/formats.md, Chunker): the window is summed up
// anew at every position, so nothing can depend on what was before it.
import { createHmac } from 'node:crypto';

const WINDOW = 32;
const TABLE_BYTES = 128;

/** HKDF-Expand with SHA-256 (RFC 5869, 2.3). */
function hkdfExpand(key: Buffer, info: string, size: number): Buffer {
  let output = Buffer.alloc(0);
  let block = Buffer.alloc(0);
  for (let counter = 1; output.length < size; counter++) {
    const suffix = Buffer.concat([Buffer.from(info), Buffer.from([counter])]);
    block = createHmac('sha256', key).update(block).update(suffix).digest();
    output = Buffer.concat([output, block]);
  }
  return output.subarray(0, size);
}

export function gearOf(gearKey: Buffer): (byte: number) => number {
  const tables = hkdfExpand(gearKey, 'muleplex gear tables', TABLE_BYTES);
  const word = (index: number): number => tables.readUInt32LE(4 * index);
  return (byte) => (word(byte & 15) ^ word(16 + (byte >> 4))) >>> 0;
}

/** The lengths of the chunks of a whole stream. */
export function referenceCut(gearKey: Buffer, average: number, data: Buffer): number[] {
  const gear = gearOf(gearKey);
  const threshold = Math.floor(2 ** 34 / (3 * average));
  const hashBefore = (position: number): number => {
    let hash = 0;
    for (let k = 0; k < WINDOW; k++) {
      hash = (hash + (gear(data[position - 1 - k] ?? 0) << k)) >>> 0;
    }
    return hash;
  };
  const lengths: number[] = [];
  for (let start = 0; start < data.length;) {
    const longest = Math.min(start + 4 * average, data.length);
    let end = start + average / 4;
    while (end < longest && hashBefore(end) >= threshold) end++;
    end = Math.min(end, data.length);
    lengths.push(end - start);
    start = end;
  }
  return lengths;
}

export function referenceId(idKey: Buffer, chunk: Buffer): Buffer {
  return createHmac('sha256', idKey).update(chunk).digest();
}
