// SPDX-License-Identifier: GPL-2.0-or-later
// A large file of a tree that is made, written some pieces at a time.
import { close, constants, ftruncate, writev } from 'node:fs';
import { promisify } from 'node:util';
import { openBeneath } from '../native/file-batch.ts';
import { startWriteback } from '../native/file-system.ts';
import { WriteBehind } from '../store/write-behind.ts';
import type { PlacedPiece } from './chunk-placement.ts';

const closeFile = promisify(close);
const truncateFile = promisify(ftruncate);
const writeBuffers = promisify(writev);

export class LargeFile {
  readonly #fd: number;
  readonly #behind: WriteBehind;

  private constructor(fd: number) {
    this.#fd = fd;
    this.#behind = new WriteBehind((offset, length) => startWriteback(fd, offset, length));
  }

  /** A new file beneath the root, to be closed. Rejects as node:fs does. */
  static async make(root: Buffer, path: Buffer): Promise<LargeFile> {
    const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;
    const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
    return new LargeFile(await openBeneath(root, path, flags));
  }

  /** Pieces in ascending order. Calls must not overlap. */
  async write(pieces: readonly PlacedPiece[]): Promise<void> {
    await writePieces(this.#fd, pieces);
    const last = pieces.at(-1);
    if (last !== undefined) this.#behind.wrote(last.offset + last.bytes.length);
  }

  /** With a size the file becomes so long: the rest is a hole. */
  async close(size?: number): Promise<void> {
    try {
      await this.#behind.settle();
      if (size !== undefined) await truncateFile(this.#fd, size);
    } finally {
      await closeFile(this.#fd);
    }
  }
}

/** Pieces that follow each other go in one call. */
async function writePieces(fd: number, pieces: readonly PlacedPiece[]): Promise<void> {
  let run: Buffer[] = [];
  let start = 0;
  let end = 0;
  for (const { bytes, offset } of pieces) {
    if (offset !== end) {
      await writeRun(fd, run, start);
      run = [];
      start = offset;
    }
    run.push(bytes);
    end = offset + bytes.length;
  }
  await writeRun(fd, run, start);
}

async function writeRun(fd: number, buffers: readonly Buffer[], start: number): Promise<void> {
  let offset = start;
  for (let left = [...buffers]; left.length > 0;) {
    const { bytesWritten } = await writeBuffers(fd, left, offset);
    offset += bytesWritten;
    left = rest(left, bytesWritten);
  }
}

/** What is behind so many bytes. */
function rest(buffers: readonly Buffer[], done: number): Buffer[] {
  const left: Buffer[] = [];
  let skip = done;
  for (const bytes of buffers) {
    if (skip < bytes.length) left.push(bytes.subarray(skip));
    skip = Math.max(skip - bytes.length, 0);
  }
  return left;
}
