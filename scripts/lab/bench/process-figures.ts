// SPDX-License-Identifier: GPL-2.0-or-later
// What the kernel says of a process: CPU time of all its threads, and the peak of its memory.
import { readFile } from 'node:fs/promises';

/** USER_HZ, which Linux fixes for /proc on all machines that Node runs on. */
const TICKS_PER_SECOND = 100;
/** Index of utime in /proc/pid/stat behind the name (proc(5), fields 14 and 15). */
const UTIME_INDEX = 11;

/** User and system CPU seconds of a process since its start, from the text of /proc/pid/stat. */
export function parseCpuSeconds(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[UTIME_INDEX]) + Number(fields[UTIME_INDEX + 1]);
  if (!Number.isFinite(ticks)) throw new Error('no CPU times in /proc/pid/stat');
  return ticks / TICKS_PER_SECOND;
}

/** Peak of the resident set in bytes, from the text of /proc/pid/status. */
export function parsePeakBytes(status: string): number {
  const kibibytes = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
  if (kibibytes === undefined) throw new Error('no VmHWM in /proc/pid/status');
  return Number(kibibytes) * 1024;
}

export async function cpuSeconds(pid: number): Promise<number> {
  return parseCpuSeconds(await readFile(`/proc/${pid}/stat`, 'latin1'));
}

export async function peakBytes(pid: number): Promise<number> {
  return parsePeakBytes(await readFile(`/proc/${pid}/status`, 'latin1'));
}
