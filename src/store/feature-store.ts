// SPDX-License-Identifier: GPL-2.0-or-later
// Super-features of the chunks of each pack, in a file of this site alone: what the next publish
// finds bases by. Lost or damaged ones cost bytes in later packs and nothing else.
//
// file = magic "MPXF" | version u8 = 1 | zero[3] | (super-feature u32)[4] for each chunk of the
//   pack's trailer, numbers as this machine has them | SHA-256 of all before
import { createHash } from 'node:crypto';
import { PACK_CHUNKS_MAX } from '../base/limits.ts';
import type { PackId } from '../dataset/ids.ts';
import { SUPER_FEATURE_COUNT } from '../native/frame.ts';
import { realDisk, type Disk } from './disk.ts';
import { PackFiles, fileState, type FileState } from './pack-files.ts';

const MAGIC = Buffer.from('MPXF\x01\0\0\0', 'latin1');
const HASH_SIZE = 32;
const FEATURE_SIZE = 4;
const FILE_SIZE_MAX =
  MAGIC.length + PACK_CHUNKS_MAX * SUPER_FEATURE_COUNT * FEATURE_SIZE + HASH_SIZE;

export class FeatureStore {
  readonly #files: PackFiles;

  constructor(folder: string, disk: Disk = realDisk) {
    this.#files = new PackFiles({ folder, ending: '.features', sizeMax: FILE_SIZE_MAX, disk });
  }

  /** Where the file of the pack lies, or would lie. */
  path(packId: PackId): string {
    return this.#files.path(packId);
  }

  /** features has SUPER_FEATURE_COUNT numbers for each chunk of the pack; 0 is none. */
  put(packId: PackId, features: Uint32Array): Promise<void> {
    const body = bytesOf(features);
    return this.#files.write(packId, Buffer.concat([MAGIC, body, hashOf(body)]));
  }

  /** Undefined when there is no file; ERR_INDEX_CORRUPT that names it when it is damaged. */
  async get(packId: PackId): Promise<Uint32Array | undefined> {
    const bytes = await this.#files.read(packId);
    if (bytes === undefined) return undefined;
    const bodySize = bytes.length - MAGIC.length - HASH_SIZE;
    const body = bytes.subarray(MAGIC.length, MAGIC.length + bodySize);
    const isSound =
      bodySize >= 0 &&
      bodySize % (SUPER_FEATURE_COUNT * FEATURE_SIZE) === 0 &&
      bytes.subarray(0, MAGIC.length).equals(MAGIC) &&
      bytes.subarray(-HASH_SIZE).equals(hashOf(body));
    if (!isSound) throw this.#files.damaged(packId);
    const features = new Uint32Array(bodySize / FEATURE_SIZE);
    body.copy(bytesOf(features));
    return features;
  }

  check(packId: PackId): Promise<FileState> {
    return fileState(() => this.get(packId));
  }

  /** Removes the file of a pack; absent is fine. */
  remove(packId: PackId): Promise<void> {
    return this.#files.remove(packId);
  }

  /** Removes the files of packs that are not in the set, and what interrupted writes left. */
  sweep(packIds: ReadonlySet<string>): Promise<void> {
    return this.#files.sweep(packIds);
  }
}

function hashOf(body: Buffer): Buffer {
  return createHash('sha256').update(MAGIC).update(body).digest();
}

function bytesOf(features: Uint32Array): Buffer {
  return Buffer.from(features.buffer, features.byteOffset, features.byteLength);
}
