// SPDX-License-Identifier: GPL-2.0-or-later
// The life of a daemon: up, until it is told to stop, down.
import { startDaemon } from './assemble.ts';

/** Runs a daemon until the signal fires; resolves when all of it has ended. */
export async function runDaemon(homePath: string, signal: AbortSignal): Promise<void> {
  const daemon = await startDaemon(homePath, signal);
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
  daemon.logger.info('muleplexd stops');
  await daemon.stop();
}
