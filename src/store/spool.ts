// SPDX-License-Identifier: GPL-2.0-or-later
// Bytes that are written once and read several times in order, as the scan of a tree: in memory
// while they are few, else in a file without a name, which is gone with the process.
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

  /** The file is made in the folder, when there is need of one. */
  constructor(folder: string, disk: Disk = realDisk) {
    this.#folder = folder;
    this.#disk = disk;
  }

  /** Appends a block, which must not be changed later. Calls must not overlap. */
  async append(bytes: Buffer): Promise<void> {
    const { length } = bytes;
    if (this.#memory + length <= SPOOL_MEMORY_MAX) {
      this.#memory += length;
      this.#blocks.push({ length, bytes, offset: 0 });
      return;
    }
    this.#file ??= await this.#create();
    await this.#file.write(bytes, this.#fileSize);
    this.#blocks.push({ length, bytes: undefined, offset: this.#fileSize });
    this.#fileSize += length;
  }

  /** The blocks as they were appended. Several readers may be at work. */
  async *blocks(): AsyncGenerator<Buffer> {
    for (const { length, bytes, offset } of this.#blocks) {
      if (bytes !== undefined) yield bytes;
      else if (this.#file !== undefined) yield await this.#file.read(length, offset);
    }
  }

  /** Lets go of everything. Can be called again. */
  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    this.#blocks.length = 0;
    await file?.close();
  }

  async #create(): Promise<DiskFile> {
    const path = temporaryPath(join(this.#folder, 'spool'));
    const file = await this.#disk.open(path, 'create');
    await this.#disk.remove(path);
    return file;
  }
}
