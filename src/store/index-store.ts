// SPDX-License-Identifier: GPL-2.0-or-later
// The index files of packs (pack-index.ts), and the pages of them that were used last: who asks for
// a chunk of a pack asks for its neighbours next.
import { closeSync, openSync, readSync } from 'node:fs';
import { INDEX_FILE_SIZE_MAX, INDEX_PAGES_KEPT_SIZE_MAX } from '../base/limits.ts';
import type { PackId } from '../dataset/ids.ts';
import { realDisk, type Disk } from './disk.ts';
import { PackFiles, fileState, type FileState } from './pack-files.ts';
import {
  IndexPage,
  decodeIndex,
  encodeIndex,
  isWholePage,
  type IndexDirectory,
  type PageEntry,
} from './pack-index.ts';

/** An index file as it was read whole. */
export interface LoadedIndex {
  readonly directory: IndexDirectory;
  /** All pages in order; they share the memory of the whole file. */
  readonly pages: () => Iterable<IndexPage>;
}

export class IndexStore {
  readonly #files: PackFiles;
  /** In the order of their last use. */
  readonly #pages = new Map<string, { readonly page: IndexPage; readonly size: number }>();
  #size = 0;

  constructor(folder: string, disk: Disk = realDisk) {
    this.#files = new PackFiles({ folder, ending: '.chunks', sizeMax: INDEX_FILE_SIZE_MAX, disk });
  }

  /** Where the index of the pack lies, or would lie. */
  path(packId: PackId): string {
    return this.#files.path(packId);
  }

  /** Writes the index of the pack whose trailer this is; durable when it resolves. */
  async put(packId: PackId, trailer: Buffer): Promise<LoadedIndex> {
    const bytes = encodeIndex(packId, trailer);
    await this.#files.write(packId, bytes);
    return this.#decode(packId, bytes);
  }

  /** Undefined when there is no file; ERR_INDEX_CORRUPT that names it when it is damaged. */
  async load(packId: PackId): Promise<LoadedIndex | undefined> {
    const bytes = await this.#files.read(packId);
    return bytes && this.#decode(packId, bytes);
  }

  check(packId: PackId): Promise<FileState> {
    return fileState(() => this.load(packId));
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
    await this.#files.remove(packId);
  }

  /** Removes the files of packs that are not in the set, and what interrupted writes left. */
  sweep(packIds: ReadonlySet<string>): Promise<void> {
    return this.#files.sweep(packIds);
  }

  #decode(packId: PackId, bytes: Buffer): LoadedIndex {
    const directory = decodeIndex(packId, bytes);
    if (directory === undefined) throw this.#files.damaged(packId);
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
      throw this.#files.damaged(packId, error);
    }
    if (done !== length || !isWholePage(bytes)) throw this.#files.damaged(packId);
    return bytes;
  }
}
