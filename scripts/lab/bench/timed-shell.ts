// SPDX-License-Identifier: GPL-2.0-or-later
// A shell command measured by time(1).
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../run.ts';

const MB = 1e6;

export interface Folders {
  readonly v1: string;
  readonly v2: string;
  /** Of this tool alone. */
  readonly work: string;
}

export interface Spent {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakRssMb: number;
}

/** The script finds the folders as `$v1`, `$v2` and `$work`. */
export async function shell(folders: Folders, script: string): Promise<Spent> {
  const { v1, v2, work } = folders;
  const figures = join(work, 'time');
  const env = [`v1=${v1}`, `v2=${v2}`, `work=${work}`];
  const timed = ['/usr/bin/time', '-f', '%e %U %S %M', '-o', figures, 'bash', '-ec', script];
  await run(['env', ...env, ...timed]);
  const line = (await readFile(figures, 'latin1')).trim().split('\n').at(-1) ?? '';
  const [seconds = NaN, user = NaN, system = NaN, kib = NaN] = line.split(' ').map(Number);
  return { seconds, cpuSeconds: user + system, peakRssMb: (kib * 1024) / MB };
}
