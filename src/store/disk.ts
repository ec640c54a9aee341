// SPDX-License-Identifier: GPL-2.0-or-later
// The few calls that make a file durable, as an interface, so that fault tests can fail each one.
// Every error names its path (ERR_STORAGE_FAILED, ERR_SPACE_SHORT).
import { constants } from 'node:fs';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { errnoOf, storageError } from '../base/errors.ts';
import { startWriteback } from '../native/file-system.ts';

export interface DiskFile {
  /** Writes all of the bytes at that offset. */
  write(bytes: Buffer, offset: number): Promise<void>;
  /** Reads up to length bytes; fewer only at the end of the file. */
  read(length: number, offset: number): Promise<Buffer>;
  size(): Promise<number>;
  truncate(size: number): Promise<void>;
  /** The disk may begin with these bytes, so that sync has less to wait for. Never fails. */
  startWriteback(offset: number, length: number): Promise<void>;
  /** Data and size survive a power cut once it resolves. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** create: a new file, an error when the name exists; write, read: an existing one. */
export type OpenMode = 'create' | 'write' | 'read';

export interface Disk {
  /** Never follows a symbolic link in the last component. */
  open(path: string, mode: OpenMode, permissions?: number): Promise<DiskFile>;
  /** Replaces an existing target; durable only after syncFolder. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file or a whole folder; absent is fine. */
  remove(path: string): Promise<void>;
  /** Makes one folder; existing is fine. */
  makeFolder(path: string, permissions: number): Promise<void>;
  /** Names in a folder, sorted; empty when it is absent. */
  list(path: string): Promise<string[]>;
  /** Names made, renamed or removed in the folder survive a power cut once it resolves. */
  syncFolder(path: string): Promise<void>;
}

const OPEN_FLAGS: Record<OpenMode, number> = {
  create: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
  write: constants.O_RDWR | constants.O_NOFOLLOW,
  read: constants.O_RDONLY | constants.O_NOFOLLOW,
};

class RealFile implements DiskFile {
  readonly #path: string;
  readonly #handle: FileHandle;

  constructor(path: string, handle: FileHandle) {
    this.#path = path;
    this.#handle = handle;
  }

  async write(bytes: Buffer, offset: number): Promise<void> {
    let done = 0;
    while (done < bytes.length) {
      const { bytesWritten } = await attempt(this.#path, () =>
        this.#handle.write(bytes, done, bytes.length - done, offset + done),
      );
      done += bytesWritten;
    }
  }

  async read(length: number, offset: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafe(length);
    let done = 0;
    while (done < length) {
      const { bytesRead } = await attempt(this.#path, () =>
        this.#handle.read(bytes, done, length - done, offset + done),
      );
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return bytes.subarray(0, done);
  }

  async size(): Promise<number> {
    return (await attempt(this.#path, () => this.#handle.stat())).size;
  }

  truncate(size: number): Promise<void> {
    return attempt(this.#path, () => this.#handle.truncate(size));
  }

  startWriteback(offset: number, length: number): Promise<void> {
    return startWriteback(this.#handle.fd, offset, length);
  }

  sync(): Promise<void> {
    return attempt(this.#path, () => this.#handle.datasync());
  }

  close(): Promise<void> {
    return attempt(this.#path, () => this.#handle.close());
  }
}

export const realDisk: Disk = {
  open: async (path, mode, permissions = 0o600) =>
    new RealFile(path, await attempt(path, () => open(path, OPEN_FLAGS[mode], permissions))),
  rename: (from, to) => attempt(from, () => rename(from, to)),
  remove: (path) => attempt(path, () => rm(path, { recursive: true, force: true })),
  makeFolder: async (path, permissions) => {
    try {
      await mkdir(path, { mode: permissions });
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw storageError(path, error);
    }
  },
  list: async (path) => {
    try {
      return (await readdir(path)).sort();
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return [];
      throw storageError(path, error);
    }
  },
  syncFolder: async (path) => {
    const handle = await attempt(path, () =>
      open(path, constants.O_RDONLY | constants.O_DIRECTORY),
    );
    try {
      await attempt(path, () => handle.sync());
    } finally {
      await handle.close();
    }
  },
};

async function attempt<T>(path: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw storageError(path, error);
  }
}
