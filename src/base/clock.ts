// SPDX-License-Identifier: GPL-2.0-or-later
// Time, injected, so that nothing below the edges reads the wall clock itself.
import { setTimeout as delay } from 'node:timers/promises';

export interface Clock {
  /** Milliseconds since 1970, UTC; may jump. */
  now(): number;
  /** Milliseconds that only grow. */
  monotonicMs(): number;
  /** Resolves after that many milliseconds; rejects with AbortError when the signal fires. */
  sleep(durationMs: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: async (durationMs, signal) => {
    await delay(durationMs, undefined, signal === undefined ? {} : { signal });
  },
};
