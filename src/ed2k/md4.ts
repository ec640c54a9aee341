// SPDX-License-Identifier: GPL-2.0-or-later
// MD4 (RFC 1320), for hashsets of a few kilobytes: OpenSSL 3 offers it no more. Files are hashed by
// the addon.

const BLOCK = 64;
const LENGTH_SIZE = 8;
/** Order of the words and rotations of the three rounds (RFC 1320, 3.4). */
const ORDER: readonly (readonly number[])[] = [
  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
  [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15],
  [0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15],
];
const SHIFTS: readonly (readonly number[])[] = [
  [3, 7, 11, 19],
  [3, 5, 9, 13],
  [3, 9, 11, 15],
];
const ADDENDS = [0, 0x5a827999, 0x6ed9eba1];

type State = [number, number, number, number];

/** 16 bytes. */
export function md4(message: Uint8Array): Buffer {
  const paddedSize = Math.ceil((message.length + 1 + LENGTH_SIZE) / BLOCK) * BLOCK;
  const padded = Buffer.alloc(paddedSize);
  padded.set(message);
  padded[message.length] = 0x80;
  padded.writeBigUInt64LE(BigInt(message.length) * 8n, paddedSize - LENGTH_SIZE);
  let state: State = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476];
  for (let offset = 0; offset < paddedSize; offset += BLOCK) {
    state = compress(state, padded.subarray(offset, offset + BLOCK));
  }
  const digest = Buffer.alloc(16);
  state.forEach((word, index) => digest.writeUInt32LE(word >>> 0, index * 4));
  return digest;
}

function compress(state: State, block: Buffer): State {
  let [a, b, c, d] = state;
  ORDER.forEach((order, round) => {
    order.forEach((word, step) => {
      const shift = SHIFTS[round]?.[step % 4] ?? 0;
      const sum = a + mix(round, b, c, d) + block.readUInt32LE(word * 4) + (ADDENDS[round] ?? 0);
      const rotated = (sum << shift) | (sum >>> (32 - shift));
      [a, b, c, d] = [d, rotated, b, c];
    });
  });
  return [(state[0] + a) | 0, (state[1] + b) | 0, (state[2] + c) | 0, (state[3] + d) | 0];
}

function mix(round: number, x: number, y: number, z: number): number {
  if (round === 0) return (x & y) | (~x & z);
  if (round === 1) return (x & y) | (x & z) | (y & z);
  return x ^ y ^ z;
}
