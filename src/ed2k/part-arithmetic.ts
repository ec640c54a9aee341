// SPDX-License-Identifier: GPL-2.0-or-later
// How a file of a given size divides into parts and blocks.
import assert from 'node:assert/strict';
import { BLOCK_SIZE, PART_SIZE } from './constants.ts';

/** Bytes [start, end) of a file. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** Parts that hold bytes: 0 for an empty file. */
export function partCount(size: number): number {
  return Math.ceil(size / PART_SIZE);
}

/**
 * Hashes in the hashset: one more than parts when the size is a multiple of PART_SIZE, because
 * eD2k ends such a file with the hash of an empty part (aMule: GetED2KPartHashCount is 0 below
 * PART_SIZE, where the file hash itself is the only one; here that is 1).
 */
export function ed2kHashCount(size: number): number {
  return Math.floor(size / PART_SIZE) + 1;
}

/** The bytes of a part; the last may be short. */
export function partRange(size: number, partIndex: number): ByteRange {
  assert(partIndex >= 0 && partIndex < partCount(size), `no part ${partIndex} in ${size} bytes`);
  const start = partIndex * PART_SIZE;
  return { start, end: Math.min(start + PART_SIZE, size) };
}

/** The part that holds the byte at the offset. */
export function partIndexAt(offset: number): number {
  return Math.floor(offset / PART_SIZE);
}

/** Blocks of a part: blocks start anew with each part. */
export function blockCount(partSize: number): number {
  return Math.ceil(partSize / BLOCK_SIZE);
}
