// SPDX-License-Identifier: GPL-2.0-or-later
// Bytes that are written once and read several times in order, also while they are written, as the
// scan of a tree: in memory while they are few, else in a file without a name, which is gone with
// the process.
import { join } from 'node:path';
import { SPOOL_MEMORY_MAX } from '../base/limits.ts';
import { temporaryPath } from './atomic-file.ts';
import { realDisk, type Disk, type DiskFile } from './disk.ts';

interface Block {
  readonly length: number;
  /** Undefined: in the file, at the offset. */
  readonly bytes: Buffer | undefined;
  readonly offset: number;
}

export class Spool {
  readonly #folder: string;
  readonly #disk: Disk;
  readonly #blocks: Block[] = [];
  #file: DiskFile | undefined;
  #memory = 0;
  #fileSize = 0;
  #isEnded = false;
  #failure: Error | undefined;
  /** Readers that wait for a block, or for the end. */
  #waiting: (() => void)[] = [];

  /** The file is made in the folder, when there is need of one. */
  constructor(folder: string, disk: Disk = realDisk) {
    this.#folder = folder;
    this.#disk = disk;
  }

  /** Appends a block, which must not be changed later. Calls must not overlap. */
  async append(bytes: Buffer): Promise<void> {
    this.#blocks.push(await this.#store(bytes));
    this.#wakeAll();
  }

  /** There are no more blocks. With a failure readers throw it after those that there are. */
  end(failure?: Error): void {
    this.#failure = failure;
    this.#isEnded = true;
    this.#wakeAll();
  }

  /** The blocks as they are appended, until the end. Several readers may be at work. */
  async *blocks(): AsyncGenerator<Buffer> {
    for (let index = 0; ; index += 1) {
      while (index >= this.#blocks.length && !this.#isEnded) await this.#change();
      const block = this.#blocks[index];
      if (block !== undefined) {
        yield await this.#read(block);
      } else if (this.#failure === undefined) {
        return;
      } else {
        throw this.#failure;
      }
    }
  }

  /** Lets go of everything. Can be called again. */
  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    this.#blocks.length = 0;
    this.end();
    await file?.close();
  }

  async #store(bytes: Buffer): Promise<Block> {
    const { length } = bytes;
    if (this.#memory + length <= SPOOL_MEMORY_MAX) {
      this.#memory += length;
      return { length, bytes, offset: 0 };
    }
    this.#file ??= await this.#create();
    const offset = this.#fileSize;
    await this.#file.write(bytes, offset);
    this.#fileSize += length;
    return { length, bytes: undefined, offset };
  }

  async #read({ length, bytes, offset }: Block): Promise<Buffer> {
    if (bytes !== undefined) return bytes;
    if (this.#file === undefined) throw new TypeError('the spool is closed');
    return this.#file.read(length, offset);
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #wakeAll(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  async #create(): Promise<DiskFile> {
    const path = temporaryPath(join(this.#folder, 'spool'));
    const file = await this.#disk.open(path, 'create');
    await this.#disk.remove(path);
    return file;
  }
}
