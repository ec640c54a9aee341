// SPDX-License-Identifier: GPL-2.0-or-later
// The packed list of chunks that names the bytes of something: 36 bytes each, id[32] length u32le.
// Files, recipe and recipe root use it, and the file digest is made of it.
import assert from 'node:assert/strict';
import { CHUNK_SIZE_MAX } from '../base/limits.ts';
import { malformed, type Format } from '../bytes/malformed.ts';
import { hashWithDomain } from './domains.ts';
import type { ChunkId } from './ids.ts';

export const CHUNK_ID_SIZE = 32;
/** Bytes of one reference. */
export const CHUNK_REF_SIZE = CHUNK_ID_SIZE + 4;

export interface ChunkRef {
  readonly id: ChunkId;
  /** 1 to CHUNK_SIZE_MAX. */
  readonly length: number;
}

export function encodeChunkList(chunks: readonly ChunkRef[]): Buffer {
  const bytes = Buffer.allocUnsafe(chunks.length * CHUNK_REF_SIZE);
  let offset = 0;
  for (const { id, length } of chunks) {
    assert(id.length === CHUNK_ID_SIZE && length >= 1 && length <= CHUNK_SIZE_MAX);
    bytes.set(id, offset);
    offset = bytes.writeUInt32LE(length, offset + CHUNK_ID_SIZE);
  }
  return bytes;
}

/** Ids share memory with the input. */
export function decodeChunkList(bytes: Buffer, format: Format, path = 'chunks'): ChunkRef[] {
  if (bytes.length % CHUNK_REF_SIZE !== 0) {
    throw malformed(format, path, `are no multiple of ${CHUNK_REF_SIZE} bytes`);
  }
  const chunks: ChunkRef[] = [];
  for (let offset = 0; offset < bytes.length; offset += CHUNK_REF_SIZE) {
    const length = bytes.readUInt32LE(offset + CHUNK_ID_SIZE);
    if (length < 1 || length > CHUNK_SIZE_MAX) {
      throw malformed(format, path, `have a chunk of ${length} bytes`);
    }
    chunks.push({ id: bytes.subarray(offset, offset + CHUNK_ID_SIZE), length });
  }
  return chunks;
}

/** Sum of the lengths. */
export function chunkListLength(chunks: readonly ChunkRef[]): number {
  return chunks.reduce((sum, chunk) => sum + chunk.length, 0);
}

/** SHA-256 over the domain prefix and the packed list: equal for equal bytes in one key domain. */
export function fileDigest(chunks: readonly ChunkRef[]): Buffer {
  return hashWithDomain('fileDigest', encodeChunkList(chunks));
}
