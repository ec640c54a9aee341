// SPDX-License-Identifier: GPL-2.0-or-later
// eD2k, AICH and SHA-256 hashes of files, computed off the JavaScript thread in slices, so that a
// long hash neither holds a thread of the pool nor goes on after it was cancelled.
import { open } from 'node:fs/promises';
import { ReplicationError } from '../base/errors.ts';
import { PART_SIZE } from '../ed2k/constants.ts';
import { PartBitmap } from '../ed2k/part-bitmap.ts';
import { nativeAddon, settled, type FileHashes, type NativeFileHasher } from './addon.ts';
import { checkBuffer, checkInteger, checkSize } from './argument-checks.ts';

export type { FileHashes } from './addon.ts';

export interface HashOptions {
  /** Called after each slice. */
  readonly onProgress?: ((doneBytes: number, totalBytes: number) => void) | undefined;
  /** Ends the work at the next slice with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Hashes a stream of bytes while it is made. Updates are taken in the order of the calls. */
export class PackHasher {
  readonly #hasher: NativeFileHasher = new (nativeAddon().FileHasher)();
  #tail: Promise<void> = Promise.resolve();
  #isFinished = false;

  /** Resolves when the bytes are hashed; until then the caller must not change them. */
  async update(bytes: Buffer): Promise<void> {
    checkBuffer('bytes', bytes);
    this.#assertOpen();
    this.#tail = this.#tail.then(() => settled(this.#hasher.update(bytes)));
    await this.#tail;
  }

  /** The hashes of all bytes so far. Ends the hasher. */
  async finish(): Promise<FileHashes> {
    this.#assertOpen();
    this.#isFinished = true;
    await this.#tail;
    return settled(this.#hasher.finish());
  }

  #assertOpen(): void {
    if (this.#isFinished) {
      throw new ReplicationError('ERR_ARGUMENT_INVALID', 'the hasher has already finished');
    }
  }
}

/**
 * All hashes of a file, with one read of it. Rejects with node:fs errors, with the signal's reason,
 * and with ERR_SOURCE_CHANGED when the file's size changed meanwhile.
 */
export async function hashFile(
  path: string | Buffer,
  { onProgress, signal }: HashOptions = {},
): Promise<FileHashes> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const hasher = new (nativeAddon().FileHasher)();
    for (let offset = 0; offset < size;) {
      signal?.throwIfAborted();
      const got = await settled(hasher.updateFromFile(file.fd, offset, PART_SIZE));
      if (got === 0) break;
      offset += got;
      onProgress?.(offset, size);
    }
    const hashes = await settled(hasher.finish());
    if (hashes.size !== size) {
      throw new ReplicationError('ERR_SOURCE_CHANGED', `${path.toString()} changed while hashed`);
    }
    return hashes;
  } finally {
    await file.close();
  }
}

/** The two hashes of a part. */
export interface HashedPart {
  readonly partIndex: number;
  /** 16 bytes. */
  readonly md4: Buffer;
  /** 32 bytes. */
  readonly sha256: Buffer;
}

// Parts hashed at once: enough for two cores, and few enough that other tasks get their turn.
const PARTS_AT_ONCE = 2;

/**
 * Hashes the named parts (or all) of a file that should have `size` bytes, in the order named.
 * Where the file ends early, the hash is over the bytes there are, and so matches nothing.
 */
export async function hashParts(
  path: string | Buffer,
  size: number,
  partIndexes: readonly number[] | 'all',
  { onProgress, signal }: HashOptions = {},
): Promise<HashedPart[]> {
  checkSize('size', size);
  const partCount = Math.ceil(size / PART_SIZE);
  const wanted =
    partIndexes === 'all' ? Array.from({ length: partCount }, (_, i) => i) : [...partIndexes];
  for (const partIndex of wanted) checkInteger('partIndex', partIndex, 0, partCount - 1);
  const file = await open(path, 'r');
  const parts: HashedPart[] = [];
  let doneBytes = 0;
  const lengthOf = (partIndex: number): number => Math.min(PART_SIZE, size - partIndex * PART_SIZE);
  const totalBytes = wanted.reduce((sum, partIndex) => sum + lengthOf(partIndex), 0);
  const hashPart = async (partIndex: number): Promise<HashedPart> => {
    const length = lengthOf(partIndex);
    const call = nativeAddon().hashRange(file.fd, partIndex * PART_SIZE, length);
    const { md4, sha256 } = await settled(call);
    doneBytes += length;
    onProgress?.(doneBytes, totalBytes);
    return { partIndex, md4, sha256 };
  };
  try {
    for (let start = 0; start < wanted.length; start += PARTS_AT_ONCE) {
      signal?.throwIfAborted();
      const slice = wanted.slice(start, start + PARTS_AT_ONCE).map(hashPart);
      // All must have ended before the file is closed, also when one fails.
      await Promise.allSettled(slice);
      parts.push(...(await Promise.all(slice)));
    }
    return parts;
  } finally {
    await file.close();
  }
}

const SHA256_SIZE = 32;

/**
 * Which parts of a file that should have `size` bytes match their SHA-256 (32 bytes each, in
 * order). Options and errors as hashParts.
 */
export async function verifyParts(
  path: string | Buffer,
  size: number,
  partSha256: Buffer,
  options: HashOptions = {},
): Promise<PartBitmap> {
  checkBuffer('partSha256', partSha256);
  const parts = await hashParts(path, size, 'all', options);
  checkInteger('length of partSha256', partSha256.length / SHA256_SIZE, parts.length, parts.length);
  const isGood = ({ partIndex, sha256 }: HashedPart): boolean =>
    sha256.equals(partSha256.subarray(partIndex * SHA256_SIZE, (partIndex + 1) * SHA256_SIZE));
  return PartBitmap.of(
    parts.length,
    parts.filter(isGood).map(({ partIndex }) => partIndex),
  );
}
