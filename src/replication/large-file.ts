// SPDX-License-Identifier: GPL-2.0-or-later
// A large file of a tree that is made, written some pieces at a time.
import { close, constants, ftruncate } from 'node:fs';
import { promisify } from 'node:util';
import { openBeneath } from '../native/file-batch.ts';
import { FileWriter, type PlacedPiece } from '../native/file-writer.ts';

const closeFile = promisify(close);
const truncateFile = promisify(ftruncate);

export class LargeFile {
  readonly #fd: number;
  readonly #writer: FileWriter;

  private constructor(fd: number) {
    this.#fd = fd;
    this.#writer = new FileWriter(fd);
  }

  /** A new file beneath the root, to be closed. Rejects as node:fs does. */
  static async make(root: Buffer, path: Buffer): Promise<LargeFile> {
    const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;
    const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
    return new LargeFile(await openBeneath(root, path, flags));
  }

  /** Pieces in ascending order. */
  async write(pieces: readonly PlacedPiece[]): Promise<void> {
    await this.#writer.write(pieces);
  }

  /** All of it is written, with holes where there were no pieces. */
  async finish(size: number): Promise<void> {
    await this.#writer.flush();
    await truncateFile(this.#fd, size);
  }

  async close(): Promise<void> {
    await closeFile(this.#fd);
  }
}
