// SPDX-License-Identifier: GPL-2.0-or-later
// A disk in memory that can lose its power: what was not synced is gone then, as POSIX allows.
// Names need the folder's sync, content needs the file's sync, and the two are independent.
import { dirname } from 'node:path';
import { storageError } from '../../src/base/errors.ts';
import type { Disk, DiskFile, OpenMode } from '../../src/store/disk.ts';

class Content {
  /** What readers see. */
  bytes: Buffer = Buffer.alloc(0);
  /** What a power cut leaves. */
  durable: Buffer = Buffer.alloc(0);
}

class Folder {
  readonly entries = new Map<string, Content>();
  durable = new Map<string, Content>();
}

export class MemoryDisk implements Disk {
  readonly #folders = new Map<string, Folder>();

  /** Folders count as durable from the start; only files are of interest here. */
  constructor(...folders: readonly string[]) {
    for (const path of folders) this.#folders.set(path, new Folder());
  }

  /** Everything that was not synced is lost. */
  cutPower(): void {
    for (const folder of this.#folders.values()) {
      folder.entries.clear();
      for (const [name, content] of folder.durable) {
        content.bytes = content.durable;
        folder.entries.set(name, content);
      }
    }
  }

  open(path: string, mode: OpenMode): Promise<DiskFile> {
    const folder = this.#folderOf(path);
    let content = folder.entries.get(path);
    if (mode === 'create') {
      if (content !== undefined) return Promise.reject(failure(path, 'EEXIST'));
      content = new Content();
      folder.entries.set(path, content);
    }
    if (content === undefined) return Promise.reject(failure(path, 'ENOENT'));
    return Promise.resolve(new MemoryFile(content));
  }

  rename(from: string, to: string): Promise<void> {
    const content = this.#folderOf(from).entries.get(from);
    if (content === undefined) return Promise.reject(failure(from, 'ENOENT'));
    this.#folderOf(from).entries.delete(from);
    this.#folderOf(to).entries.set(to, content);
    return Promise.resolve();
  }

  remove(path: string): Promise<void> {
    for (const name of this.#folders.keys()) {
      if (name === path || name.startsWith(`${path}/`)) this.#folders.delete(name);
    }
    this.#folders.get(dirname(path))?.entries.delete(path);
    return Promise.resolve();
  }

  makeFolder(path: string): Promise<void> {
    if (!this.#folders.has(path)) this.#folders.set(path, new Folder());
    return Promise.resolve();
  }

  list(path: string): Promise<string[]> {
    const files = [...(this.#folders.get(path)?.entries.keys() ?? [])];
    const folders = [...this.#folders.keys()].filter((name) => dirname(name) === path);
    return Promise.resolve(
      [...files, ...folders].map((name) => name.slice(path.length + 1)).sort(),
    );
  }

  syncFolder(path: string): Promise<void> {
    const folder = this.#folders.get(path);
    if (folder === undefined) return Promise.reject(failure(path, 'ENOENT'));
    folder.durable = new Map(folder.entries);
    return Promise.resolve();
  }

  #folderOf(path: string): Folder {
    const folder = this.#folders.get(dirname(path));
    if (folder === undefined) throw failure(path, 'ENOENT');
    return folder;
  }
}

class MemoryFile implements DiskFile {
  readonly #content: Content;

  constructor(content: Content) {
    this.#content = content;
  }

  write(bytes: Buffer, offset: number): Promise<void> {
    const size = Math.max(this.#content.bytes.length, offset + bytes.length);
    const next = Buffer.alloc(size);
    this.#content.bytes.copy(next);
    bytes.copy(next, offset);
    this.#content.bytes = next;
    return Promise.resolve();
  }

  read(length: number, offset: number): Promise<Buffer> {
    return Promise.resolve(Buffer.from(this.#content.bytes.subarray(offset, offset + length)));
  }

  size(): Promise<number> {
    return Promise.resolve(this.#content.bytes.length);
  }

  truncate(size: number): Promise<void> {
    const next = Buffer.alloc(size);
    this.#content.bytes.copy(next);
    this.#content.bytes = next;
    return Promise.resolve();
  }

  startWriteback(): Promise<void> {
    return Promise.resolve();
  }

  sync(): Promise<void> {
    this.#content.durable = this.#content.bytes;
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

function failure(path: string, code: string): Error {
  return storageError(path, Object.assign(new Error(`${code}: ${path}`), { code }));
}
