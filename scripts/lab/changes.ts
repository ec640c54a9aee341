// SPDX-License-Identifier: GPL-2.0-or-later
// The changes that the demo makes in its copy of the input: 1 % of the files grow, get bytes in the
// middle, move, or go, in turn; the same every time for the same tree.
import { appendFile, lstat, open, readFile, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

export interface Changes {
  readonly appended: number;
  readonly inserted: number;
  readonly renamed: number;
  readonly deleted: number;
}

/** A file larger than this is not rewritten to insert bytes; it is appended to. */
const INSERT_SIZE_MAX = 64 * 1024 * 1024;
const INSERTED = Buffer.from('bytes that were not here before\n');

/** Changes every hundredth file below folder (at least one of each kind where there are four). */
export async function changeOnePercent(folder: string): Promise<Changes> {
  const files = await listFiles(folder);
  const step = Math.max(1, Math.min(100, Math.floor(files.length / 4)));
  const counts = { appended: 0, inserted: 0, renamed: 0, deleted: 0 };
  for (let index = 0, turn = 0; index < files.length; index += step, turn++) {
    const file = files[index];
    if (file === undefined) break;
    counts[await changeFile(file, turn % 4)]++;
  }
  return counts;
}

async function changeFile(file: string, turn: number): Promise<keyof Changes> {
  const { size } = await lstat(file);
  if (turn === 1 && size <= INSERT_SIZE_MAX) {
    const content = await readFile(file);
    const middle = Math.floor(size / 2);
    const handle = await open(file, 'w');
    try {
      await handle.writeFile(
        Buffer.concat([content.subarray(0, middle), INSERTED, content.subarray(middle)]),
      );
    } finally {
      await handle.close();
    }
    return 'inserted';
  }
  if (turn === 2) {
    await rename(file, `${file}.renamed`);
    return 'renamed';
  }
  if (turn === 3) {
    await rm(file);
    return 'deleted';
  }
  await appendFile(file, 'a line that was not here before\n');
  return 'appended';
}

/** Regular files with one link below folder, in byte order of their paths. */
async function listFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  return paths.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}
