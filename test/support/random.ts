// SPDX-License-Identifier: GPL-2.0-or-later
// Numbers that are the same for the same seed, so that a failure can be made again.
import type { TestContext } from 'node:test';

/** Numbers from 0 to 1 (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Numbers from SEED of the environment, or from a seed that the test prints. */
export function seededRandom(t: TestContext): () => number {
  const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
  t.diagnostic(`SEED=${seed}`);
  return randomFrom(seed);
}
