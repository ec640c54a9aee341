// SPDX-License-Identifier: GPL-2.0-or-later
// Disk space taken before the first byte is written: a file of allocated blocks that shrinks as the
// real files grow, so that nobody else can use the space up in between, but for the last megabytes.
import { randomBytes } from 'node:crypto';
import { open, statfs } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { ReplicationError, errnoOf, storageError } from '../base/errors.ts';
import { allocate } from '../native/file-system.ts';
import { realDisk } from './disk.ts';

const PREFIX = '.muleplex-reserve-';
/** What a truncation gives back beyond what was asked, so that the next ones are not needed. */
const STEP = 16 * 1024 * 1024;

export class Reservation {
  readonly #path: string;
  readonly #handle: FileHandle;
  #bytes: number;
  /** Length of the file: at most STEP less. */
  #allocated: number;
  #isReleased = false;
  /** Truncations happen one after another, in order. */
  #queue: Promise<void> = Promise.resolve();

  private constructor(path: string, handle: FileHandle, bytes: number) {
    this.#path = path;
    this.#handle = handle;
    this.#bytes = bytes;
    this.#allocated = bytes;
  }

  /**
   * Takes that many bytes of the folder's file system. ERR_SPACE_SHORT, with what is needed and
   * what is free, when there are not so many. Where the file system cannot allocate, it only
   * compares.
   */
  static async take(folder: string, bytes: number): Promise<Reservation> {
    const path = join(folder, PREFIX + randomBytes(8).toString('hex'));
    let handle: FileHandle;
    try {
      await refuseShort(folder, bytes);
      handle = await open(path, 'wx', 0o600);
    } catch (error) {
      throw storageError(folder, error);
    }
    try {
      if (bytes > 0) await allocate(handle.fd, bytes);
    } catch (error) {
      if (errnoOf(error) !== 'EOPNOTSUPP') {
        await handle.close();
        await realDisk.remove(path);
        await refuseShort(folder, bytes);
        throw storageError(folder, error);
      }
    }
    return new Reservation(path, handle, bytes);
  }

  /** Removes what dead processes left in the folder; nobody may hold a reservation in it. */
  static async sweep(folder: string): Promise<void> {
    for (const name of await realDisk.list(folder)) {
      if (name.startsWith(PREFIX)) await realDisk.remove(join(folder, name));
    }
  }

  /** Bytes that are still to be written. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Gives so many bytes back, because they are being used for what they were taken for. */
  shrink(by: number): Promise<void> {
    this.#bytes = Math.max(0, this.#bytes - by);
    if (this.#allocated <= this.#bytes) return this.#queue;
    const size = Math.max(0, this.#bytes - STEP);
    this.#allocated = size;
    return this.#inTurn(() => this.#handle.truncate(size));
  }

  /** Gives back what is held above so many bytes; a failure only leaves more held. */
  async holdAtMost(bytes: number): Promise<void> {
    const excess = this.#bytes - Math.max(0, bytes);
    if (excess > 0) await this.shrink(excess).catch(() => undefined);
  }

  /** Gives the rest back. Can be called again. */
  release(): Promise<void> {
    if (this.#isReleased) return this.#queue;
    this.#isReleased = true;
    this.#bytes = 0;
    return this.#inTurn(async () => {
      await this.#handle.close();
      await realDisk.remove(this.#path);
    });
  }

  #inTurn(change: () => Promise<void>): Promise<void> {
    const done = this.#queue.then(change).catch((error: unknown) => {
      throw storageError(this.#path, error);
    });
    this.#queue = done.catch(() => undefined);
    return done;
  }
}

/**
 * Allocating fills the disk before it fails, and takes time: what cannot fit is refused at once.
 */
async function refuseShort(folder: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  if (bytes <= free) return;
  throw new ReplicationError(
    'ERR_SPACE_SHORT',
    `${folder} needs ${bytes} bytes of free space and has ${free}`,
    { path: folder, needed: bytes, free },
  );
}
