// SPDX-License-Identifier: GPL-2.0-or-later
// The index files of packs (pack-index.ts), and the pages of them that were used last: who asks for
// a chunk of a pack asks for its neighbours next.
import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { ReplicationError, hasCode } from '../base/errors.ts';
import { INDEX_FILE_SIZE_MAX, INDEX_PAGES_KEPT_SIZE_MAX } from '../base/limits.ts';
import type { PackId } from '../dataset/ids.ts';
import { TEMPORARY_SUFFIX, readBounded, writeAtomic } from './atomic-file.ts';
import { realDisk, type Disk } from './disk.ts';
import {
  IndexPage,
  decodeIndex,
  encodeIndex,
  isWholePage,
  type IndexDirectory,
  type PageEntry,
} from './pack-index.ts';

const FILE_NAME = /^([0-9a-f]{64})\.chunks$/;

/** An index file as it was read whole. */
export interface LoadedIndex {
  readonly directory: IndexDirectory;
  /** All pages in order; they share the memory of the whole file. */
  readonly pages: () => Iterable<IndexPage>;
}

export type IndexState = 'whole' | 'missing' | 'damaged';

/** What is to be said of a file that load() reads. */
export async function indexState(load: () => Promise<object | undefined>): Promise<IndexState> {
  try {
    return (await load()) === undefined ? 'missing' : 'whole';
  } catch (error) {
    if (hasCode(error, 'ERR_INDEX_CORRUPT')) return 'damaged';
    throw error;
  }
}

export class IndexStore {
  readonly #folder: string;
  readonly #disk: Disk;
  /** In the order of their last use. */
  readonly #pages = new Map<string, { readonly page: IndexPage; readonly size: number }>();
  #size = 0;

  constructor(folder: string, disk: Disk = realDisk) {
    this.#folder = folder;
    this.#disk = disk;
  }

  /** Where the index of the pack lies, or would lie. */
  path(packId: PackId): string {
    return join(this.#folder, `${packId}.chunks`);
  }

  /** Writes the index of the pack whose trailer this is; durable when it resolves. */
  put(packId: PackId, trailer: Buffer): Promise<void> {
    return writeAtomic(this.path(packId), encodeIndex(packId, trailer), { disk: this.#disk });
  }

  /** Undefined when there is no file; ERR_INDEX_CORRUPT that names it when it is damaged. */
  async load(packId: PackId): Promise<LoadedIndex | undefined> {
    const bytes = await readBounded(this.path(packId), INDEX_FILE_SIZE_MAX, this.#disk);
    if (bytes === undefined) return undefined;
    const directory = decodeIndex(packId, bytes);
    if (directory === undefined) throw this.#damaged(packId);
    return {
      directory,
      *pages() {
        for (let index = 0; index < directory.pageCount; index += 1) {
          const { offset, length } = directory.page(index);
          yield new IndexPage(bytes.subarray(offset, offset + length));
        }
      },
    };
  }

  async check(packId: PackId): Promise<IndexState> {
    return indexState(() => this.load(packId));
  }

  /**
   * A page of an index that was loaded before. It is read at once, and not beside other work: most
   * are kept here or by the system. ERR_INDEX_CORRUPT when it is not what it was.
   */
  page(packId: PackId, { offset, length }: PageEntry): IndexPage {
    const key = `${packId}/${offset}`;
    const kept = this.#pages.get(key);
    if (kept !== undefined) {
      this.#pages.delete(key);
      this.#pages.set(key, kept);
      return kept.page;
    }
    const page = new IndexPage(this.#read(packId, offset, length));
    this.#pages.set(key, { page, size: length });
    this.#size += length;
    for (const [oldest, { size }] of this.#pages) {
      if (this.#size <= INDEX_PAGES_KEPT_SIZE_MAX || oldest === key) break;
      this.#pages.delete(oldest);
      this.#size -= size;
    }
    return page;
  }

  /** Removes the index of a pack; absent is fine. */
  async remove(packId: PackId): Promise<void> {
    for (const [key, { size }] of this.#pages) {
      if (!key.startsWith(packId)) continue;
      this.#pages.delete(key);
      this.#size -= size;
    }
    await this.#disk.remove(this.path(packId));
  }

  /** Removes the files of packs that are not in the set, and what interrupted writes left. */
  async sweep(packIds: ReadonlySet<string>): Promise<void> {
    for (const name of await this.#disk.list(this.#folder)) {
      const packId = FILE_NAME.exec(name)?.[1];
      const isUnused = packId !== undefined && !packIds.has(packId);
      if (isUnused || name.endsWith(TEMPORARY_SUFFIX)) {
        await this.#disk.remove(join(this.#folder, name));
      }
    }
  }

  #read(packId: PackId, offset: number, length: number): Buffer {
    const bytes = Buffer.allocUnsafeSlow(length);
    let done = 0;
    try {
      const fd = openSync(this.path(packId), 'r');
      try {
        done = readSync(fd, bytes, 0, length, offset);
      } finally {
        closeSync(fd);
      }
    } catch (error) {
      throw this.#damaged(packId, error);
    }
    if (done !== length || !isWholePage(bytes)) throw this.#damaged(packId);
    return bytes;
  }

  #damaged(packId: PackId, cause?: unknown): ReplicationError {
    const path = this.path(packId);
    return new ReplicationError('ERR_INDEX_CORRUPT', `${path} is damaged`, { path, packId }, cause);
  }
}
