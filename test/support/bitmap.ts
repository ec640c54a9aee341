// SPDX-License-Identifier: GPL-2.0-or-later
// Reads the bitmaps that `muleplex transfers --json` prints.

/** Indexes of the bits set in a hex bitmap, lowest bit of the first byte first. */
export function setBits(hex: string): readonly number[] {
  const indexes: number[] = [];
  for (const [byteIndex, byte] of Buffer.from(hex, 'hex').entries()) {
    for (let bit = 0; bit < 8; bit++) {
      if ((byte & (1 << bit)) !== 0) indexes.push(byteIndex * 8 + bit);
    }
  }
  return indexes;
}
