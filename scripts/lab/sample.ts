// SPDX-License-Identifier: GPL-2.0-or-later
// A part of the input as the source of a second data set.
import { copyFile, lstat, mkdir, readdir } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';

/**
 * Copies regular files below input, in the folder's order, to target until size bytes are there.
 */
export async function copySample(input: string, target: string, size: number): Promise<void> {
  await mkdir(target, { recursive: true });
  const entries = await readdir(input, { recursive: true, withFileTypes: true });
  let copied = 0;
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const { size: fileSize } = await lstat(path);
    if (copied + fileSize > size) continue;
    const to = join(target, relative(input, path));
    await mkdir(dirname(to), { recursive: true });
    await copyFile(path, to);
    copied += fileSize;
  }
}
