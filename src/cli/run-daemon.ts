// SPDX-License-Identifier: GPL-2.0-or-later
// The life of a daemon: up, until it is told to stop, down.
import { setFlagsFromString } from 'node:v8';
import { returnFreeMemory } from '../native/memory.ts';
import { startDaemon } from './assemble.ts';

/**
 * Old objects are collected when there are twice as many, not several times as many: a publish of
 * small files takes less memory by it. A fifth more instead costs a tenth of the time of an ingest.
 */
const HEAP_GROWTH_FLAG = '--heap-growing-percent=100';

/** Runs a daemon until the signal fires; resolves when all of it has ended. */
export async function runDaemon(homePath: string, signal: AbortSignal): Promise<void> {
  setFlagsFromString(HEAP_GROWTH_FLAG);
  returnFreeMemory();
  const daemon = await startDaemon(homePath, signal);
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
  daemon.logger.info('muleplexd stops');
  await daemon.stop();
}
