// SPDX-License-Identifier: GPL-2.0-or-later
// Which process runs the core of a home, on disk: after a kill -9 of this program the next start
// must end that process before two cores write the same part files. The start time guards against
// a pid that was given to another program since.
import { readFile, rm, writeFile } from 'node:fs/promises';
import type { Clock } from '../base/clock.ts';
import { errnoOf, storageError } from '../base/errors.ts';
import { CORE_STOP_TIMEOUT_MS } from '../base/limits.ts';
import type { Logger } from '../base/logger.ts';

const CHECK_INTERVAL_MS = 20;
/** Index of starttime in /proc/pid/stat behind the name (proc(5), field 22). */
const START_TIME_INDEX = 19;

export async function recordProcess(path: string, pid: number): Promise<void> {
  const startTime = await startTimeOf(pid);
  if (startTime === undefined) return;
  try {
    await writeFile(path, `${pid} ${startTime}\n`, { mode: 0o600 });
  } catch (error) {
    throw storageError(path, error);
  }
}

export async function forgetProcess(path: string): Promise<void> {
  await rm(path, { force: true });
}

/**
 * Ends the recorded process if it still runs: in order, then by force. Resolves when it is gone.
 */
export async function stopRecorded(
  path: string,
  components: { readonly clock: Clock; readonly log: Logger },
): Promise<void> {
  const { clock, log } = components;
  const record = await readRecord(path);
  if (record !== undefined) {
    const { pid, startTime } = record;
    const isAlive = async () => (await startTimeOf(pid)) === startTime;
    if (await isAlive()) {
      log.warn('ending the core that an earlier run left', { pid });
      signalProcess(pid, 'SIGTERM');
      const deadlineMs = clock.monotonicMs() + CORE_STOP_TIMEOUT_MS;
      while ((await isAlive()) && clock.monotonicMs() < deadlineMs) {
        await clock.sleep(CHECK_INTERVAL_MS);
      }
      while (await isAlive()) {
        signalProcess(pid, 'SIGKILL');
        await clock.sleep(CHECK_INTERVAL_MS);
      }
    }
  }
  await forgetProcess(path);
}

async function readRecord(path: string): Promise<{ pid: number; startTime: string } | undefined> {
  const text = await readFile(path, 'latin1').catch(() => '');
  const [, pid, startTime] = /^([1-9]\d{0,9}) (\d{1,20})\n$/.exec(text) ?? [];
  return pid === undefined || startTime === undefined ? undefined : { pid: Number(pid), startTime };
}

/** Undefined when there is no such process, or only its remains. */
async function startTimeOf(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '');
  const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return state === 'Z' ? undefined : fields[START_TIME_INDEX - 1];
}

function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error;
  }
}
