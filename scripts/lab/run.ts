// SPDX-License-Identifier: GPL-2.0-or-later
// Runs a program to its end and returns what it printed.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const execute = promisify(execFile);

const OUTPUT_SIZE_MAX = 64 * 1024 * 1024;

/** Runs argv, returns its stdout; rejects with its stderr when it ends with another code than 0. */
export async function run(argv: readonly string[]): Promise<string> {
  const [program, ...rest] = argv;
  if (program === undefined) throw new Error('no program given');
  const { stdout } = await execute(program, rest, { maxBuffer: OUTPUT_SIZE_MAX });
  return stdout;
}
