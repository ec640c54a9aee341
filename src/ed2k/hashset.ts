// SPDX-License-Identifier: GPL-2.0-or-later
// The hashset of a file: the MD4 hashes of its parts, and how they make the file hash.
import { FILE_HASH_SIZE } from './constants.ts';
import { md4 } from './md4.ts';
import { ed2kHashCount } from './part-arithmetic.ts';

/** MD4 of nothing, the last hash of a file whose size is a multiple of PART_SIZE. */
export const EMPTY_PART_HASH = Buffer.from('31d6cfe0d16ae931b73c59d7e0c089c0', 'hex');

/** The file hash: the only hash of the set, or the MD4 of all of them one after another. */
export function fileHashOf(partHashes: Buffer): Buffer {
  return partHashes.length === FILE_HASH_SIZE ? Buffer.from(partHashes) : md4(partHashes);
}

/**
 * What is wrong with the hashset of a file of that size, or undefined. A hashset has
 * ed2kHashCount(size) hashes of 16 bytes.
 */
export function hashsetProblem(
  size: number,
  fileHash: Buffer,
  partHashes: Buffer,
): string | undefined {
  if (partHashes.length !== ed2kHashCount(size) * FILE_HASH_SIZE) {
    return `has ${partHashes.length} bytes of part hashes for a size of ${size}`;
  }
  return fileHashOf(partHashes).equals(fileHash) ? undefined : 'does not make the file hash';
}
