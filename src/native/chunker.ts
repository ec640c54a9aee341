// SPDX-License-Identifier: GPL-2.0-or-later
// Content-defined chunks and their ids (HMAC-SHA-256 under K_id). Where a chunk ends depends on the
// gear key, the average and the bytes alone, never on how they were buffered.
import { ReplicationError } from '../base/errors.ts';
import { CHUNK_AVERAGE_MAX, CHUNK_AVERAGE_MIN, NATIVE_BATCH_ITEMS_MAX } from '../base/limits.ts';
import { nativeAddon, settled, type CutChunks } from './addon.ts';
import { checkBuffer, checkBuffers, checkInteger, checkKey } from './argument-checks.ts';

export type { CutChunks } from './addon.ts';

/** What decides over boundaries and ids of a key domain. Keys are 32 bytes. */
export interface ChunkKeys {
  readonly gearKey: Buffer;
  readonly idKey: Buffer;
  /** Bytes: a power of two from CHUNK_AVERAGE_MIN to CHUNK_AVERAGE_MAX. */
  readonly average: number;
}

/** The longest chunk of streams with this average (native/core/chunker.h). */
export function chunkSizeMax(average: number): number {
  return 4 * average;
}

/** Throws ERR_ARGUMENT_INVALID. */
export function checkChunkKeys({ gearKey, idKey, average }: ChunkKeys): void {
  checkKey('gearKey', gearKey);
  checkKey('idKey', idKey);
  checkInteger('average', average, CHUNK_AVERAGE_MIN, CHUNK_AVERAGE_MAX);
  if (!Number.isInteger(Math.log2(average))) {
    throw new ReplicationError('ERR_ARGUMENT_INVALID', 'average must be a power of two');
  }
}

/**
 * Cuts all complete chunks from the start of `bytes`, which are the stream from the end of the last
 * chunk on; what is left (less than the longest chunk) is to be given again with more bytes behind.
 * With isLast the rest is a chunk too.
 */
export async function cutAndName(
  keys: ChunkKeys,
  bytes: Buffer,
  isLast: boolean,
): Promise<CutChunks> {
  checkChunkKeys(keys);
  checkBuffer('bytes', bytes);
  const { gearKey, idKey, average } = keys;
  return settled(nativeAddon().cutAndName(gearKey, idKey, average, bytes, isLast));
}

/** The ids of many chunks, 32 bytes each, end to end. */
export async function nameChunks(idKey: Buffer, chunks: readonly Buffer[]): Promise<Buffer> {
  checkKey('idKey', idKey);
  const buffers = checkBuffers('chunks', chunks, NATIVE_BATCH_ITEMS_MAX);
  return settled(nativeAddon().nameChunks(idKey, buffers));
}

/** Copies each chunk to its place, a buffer of its length, and names the copies. */
export async function copyChunks(
  idKey: Buffer,
  chunks: readonly Buffer[],
  places: readonly Buffer[],
): Promise<Buffer> {
  checkKey('idKey', idKey);
  const from = checkBuffers('chunks', chunks, NATIVE_BATCH_ITEMS_MAX);
  const to = checkBuffers('places', places, NATIVE_BATCH_ITEMS_MAX);
  checkInteger('number of places', to.length, from.length, from.length);
  for (const [index, { length }] of from.entries()) {
    checkInteger('length of a place', to[index]?.length, length, length);
  }
  return settled(nativeAddon().copyChunks(idKey, from, to));
}
