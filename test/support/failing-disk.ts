// SPDX-License-Identifier: GPL-2.0-or-later
// A disk that stops for good at the n-th change, as a killed process does: a write is left half
// done, and nothing after it happens. With n = 1, 2, 3 ... an operation is tried at each of its
// steps.
import { storageError } from '../../src/base/errors.ts';
import type { Disk, DiskFile, OpenMode } from '../../src/store/disk.ts';

export class FailingDisk implements Disk {
  readonly #inner: Disk;
  readonly #failAt: number;
  #changes = 0;

  /** failAt counts from 1. */
  constructor(inner: Disk, failAt: number) {
    this.#inner = inner;
    this.#failAt = failAt;
  }

  /** True when the n-th change was reached. */
  get hasFailed(): boolean {
    return this.#changes >= this.#failAt;
  }

  async open(path: string, mode: OpenMode, permissions?: number): Promise<DiskFile> {
    if (mode === 'create') this.#change();
    const file = await this.#inner.open(path, mode, permissions);
    return {
      write: async (bytes, offset) => {
        if (this.#changes + 1 === this.#failAt) {
          await file.write(bytes.subarray(0, Math.floor(bytes.length / 2)), offset);
        }
        this.#change();
        await file.write(bytes, offset);
      },
      truncate: (size) => this.#changing(() => file.truncate(size)),
      startWriteback: (offset, length) => file.startWriteback(offset, length),
      sync: () => this.#changing(() => file.sync()),
      read: (length, offset) => file.read(length, offset),
      size: () => file.size(),
      close: () => file.close(),
    };
  }

  rename(from: string, to: string): Promise<void> {
    return this.#changing(() => this.#inner.rename(from, to));
  }

  remove(path: string): Promise<void> {
    return this.#changing(() => this.#inner.remove(path));
  }

  makeFolder(path: string, permissions: number): Promise<void> {
    return this.#changing(() => this.#inner.makeFolder(path, permissions));
  }

  list(path: string): Promise<string[]> {
    return this.#inner.list(path);
  }

  syncFolder(path: string): Promise<void> {
    return this.#changing(() => this.#inner.syncFolder(path));
  }

  #change(): void {
    this.#changes += 1;
    if (this.hasFailed) {
      throw storageError('disk', Object.assign(new Error('EIO: it failed'), { code: 'EIO' }));
    }
  }

  async #changing(change: () => Promise<void>): Promise<void> {
    this.#change();
    await change();
  }
}

/**
 * Runs the operation failing at its 1st, 2nd, 3rd ... change until it gets through; check looks at
 * what is left each time, with the number of the change that failed.
 */
export async function failAtEachChange(
  operation: (disk: (inner: Disk) => Disk) => Promise<void>,
  check: (isDone: boolean) => Promise<void>,
): Promise<number> {
  for (let failAt = 1; ; failAt += 1) {
    const made: FailingDisk[] = [];
    const wrap = (inner: Disk): Disk => {
      const disk = new FailingDisk(inner, failAt);
      made.push(disk);
      return disk;
    };
    let isDone = true;
    try {
      await operation(wrap);
    } catch (error) {
      if (!made.some((disk) => disk.hasFailed)) throw error;
      isDone = false;
    }
    await check(isDone);
    if (!made.some((disk) => disk.hasFailed)) return failAt;
  }
}
