// SPDX-License-Identifier: GPL-2.0-or-later
// Content-defined chunks and their ids (HMAC-SHA-256 under K_id). Where a chunk ends depends on the
// gear key, the average and the bytes alone, never on how they were buffered.
import { ReplicationError } from '../base/errors.ts';
import { CHUNK_AVERAGE_MAX, CHUNK_AVERAGE_MIN, NATIVE_BATCH_ITEMS_MAX } from '../base/limits.ts';
import { nativeAddon, settled, type CutChunks } from './addon.ts';
import { checkBuffer, checkBuffers, checkInteger, checkKey } from './argument-checks.ts';

export type { CutChunks } from './addon.ts';

const CHUNK_ID_SIZE = 32;

/** What decides over boundaries and ids of a key domain. Keys are 32 bytes. */
export interface ChunkKeys {
  readonly gearKey: Buffer;
  readonly idKey: Buffer;
  /** Bytes: a power of two from CHUNK_AVERAGE_MIN to CHUNK_AVERAGE_MAX. */
  readonly average: number;
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

/** Shortest chunk but the last of a file, and longest chunk, in bytes. */
export function chunkBounds(average: number): { min: number; max: number } {
  return { min: average / 4, max: average * 4 };
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
  const call = nativeAddon().cutAndName(gearKey, idKey, average, [bytes], isLast);
  const [chunks] = await settled(call);
  if (chunks === undefined) throw new TypeError('the addon gave no result for a buffer');
  return chunks;
}

/** As cutAndName with isLast, for many small files in one call. */
export async function cutAndNameMany(
  keys: ChunkKeys,
  files: readonly Buffer[],
): Promise<CutChunks[]> {
  checkChunkKeys(keys);
  const buffers = checkBuffers('files', files, NATIVE_BATCH_ITEMS_MAX);
  const { gearKey, idKey, average } = keys;
  return settled(nativeAddon().cutAndName(gearKey, idKey, average, buffers, true));
}

/** The ids of many chunks, 32 bytes each, end to end. */
export async function nameChunks(idKey: Buffer, chunks: readonly Buffer[]): Promise<Buffer> {
  checkKey('idKey', idKey);
  const buffers = checkBuffers('chunks', chunks, NATIVE_BATCH_ITEMS_MAX);
  return settled(nativeAddon().nameChunks(idKey, buffers));
}

/** The id of one chunk. */
export async function nameChunk(idKey: Buffer, chunk: Buffer): Promise<Buffer> {
  return nameChunks(idKey, [chunk]);
}

/** A chunk with its id. The bytes share memory with the chunks cut beside it. */
export interface NamedChunk {
  readonly id: Buffer;
  readonly bytes: Buffer;
}

/** Cuts one file's stream. Calls must not overlap. Holds less than one longest chunk. */
export class Chunker {
  readonly #keys: ChunkKeys;
  #rest: Buffer = Buffer.alloc(0);

  constructor(keys: ChunkKeys) {
    checkChunkKeys(keys);
    this.#keys = keys;
  }

  /** The chunks that end within the bytes so far. */
  async push(bytes: Buffer): Promise<NamedChunk[]> {
    checkBuffer('bytes', bytes);
    return this.#cut(this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]), false);
  }

  /** The last chunks of the stream; the chunker is then ready for another one. */
  async finish(): Promise<NamedChunk[]> {
    return this.#cut(this.#rest, true);
  }

  async #cut(stream: Buffer, isLast: boolean): Promise<NamedChunk[]> {
    const { lengths, ids, consumed } = await cutAndName(this.#keys, stream, isLast);
    // A copy: a slice would keep the whole of the caller's buffer, which may be used again.
    this.#rest = Buffer.from(stream.subarray(consumed));
    const chunks: NamedChunk[] = [];
    let offset = 0;
    for (const [index, length] of lengths.entries()) {
      const id = ids.subarray(index * CHUNK_ID_SIZE, (index + 1) * CHUNK_ID_SIZE);
      chunks.push({ id, bytes: stream.subarray(offset, offset + length) });
      offset += length;
    }
    return chunks;
  }
}
