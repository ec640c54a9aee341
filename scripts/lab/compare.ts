// SPDX-License-Identifier: GPL-2.0-or-later
// Is a replica equal to its source? rsync says: metadata with every detail, and content by
// checksum.
import { run } from './run.ts';

/** The differences that rsync would repair, a line each; empty when the trees are equal. */
export async function differences(source: string, replica: string): Promise<readonly string[]> {
  const options = ['-aHAXni', '--checksum', '--delete'];
  const output = await run(['rsync', ...options, `${source}/`, `${replica}/`]);
  return output.split('\n').filter((line) => line !== '');
}
