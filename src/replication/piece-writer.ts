// SPDX-License-Identifier: GPL-2.0-or-later
// Writes the content of a large file, some pieces at a time.
import { writev } from 'node:fs';
import { promisify } from 'node:util';
import type { PlacedPiece } from './chunk-placement.ts';

const writeBuffers = promisify(writev);

/** Pieces that follow each other go in one call. */
export async function writePieces(fd: number, pieces: readonly PlacedPiece[]): Promise<void> {
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
