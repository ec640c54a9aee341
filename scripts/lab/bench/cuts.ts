// SPDX-License-Identifier: GPL-2.0-or-later
// Two sources and one follower whose links are all cut again and again: how long until each source
// is used again after a mend, and how much was fetched twice.
import { setTimeout as delay } from 'node:timers/promises';
import { allComplete, type CoreGroupInit, withCores } from './core-group.ts';
import type { CoreProcess } from './core-process.ts';
import { fetchRequest, type Payload } from './payload.ts';
import { monotonicMs } from './site-messages.ts';

const SOURCES = [1, 2] as const;
const FOLLOWER = 3;
export const CUT_SITES = 3;
const PERIOD_MS = 20_000;
const CUT_MS = 5000;
/** The first cut comes when the transfer runs. */
const FIRST_CUT_MS = 5000;
const POLL_MS = 20;

export interface CutsResult {
  readonly cuts: number;
  readonly seconds: number;
  /** A list for each mend, with an element for each source; null: not before the next cut. */
  readonly usedAgainSeconds: readonly (readonly (number | null)[])[];
  /** Payload received, as a multiple of the payload: above 1 is what was fetched again. */
  readonly fetchedCopies: number;
}

export interface CutsInit extends CoreGroupInit {
  readonly payloads: readonly Payload[];
  readonly limitMs: number;
}

export async function cutsRun(init: CutsInit): Promise<CutsResult> {
  const roles = { count: CUT_SITES, sharing: SOURCES.length, payloads: init.payloads };
  return withCores(init, roles, async (sites) => {
    const follower = sites[FOLLOWER - 1];
    if (follower === undefined) throw new Error('a follower is needed');
    const { payloads } = init;
    const sources = sites.slice(0, SOURCES.length);
    const ends = sources.map(({ endPoint }) => endPoint);
    const requests = payloads.map((each) => fetchRequest(each, follower.filesFolder, ends));
    const ending = new AbortController();
    const ended = allComplete(follower, payloads, init.limitMs).finally(() => ending.abort());
    const startMs = await follower.call('fetch', requests);
    const cutting = cutAgainAndAgain(init, follower, ending.signal);
    const [endMs, usedAgainSeconds] = await Promise.all([ended, cutting]);
    const received = [...(await bytesFrom(follower)).values()].reduce((sum, each) => sum + each, 0);
    const bytes = payloads.reduce((sum, { size }) => sum + size, 0);
    return {
      cuts: usedAgainSeconds.length,
      seconds: Number(((endMs - startMs) / 1000).toFixed(2)),
      usedAgainSeconds,
      fetchedCopies: Number((received / bytes).toFixed(4)),
    };
  });
}

/** Until the signal; a cut that the transfer did not outlive is not counted. */
async function cutAgainAndAgain(
  init: CutsInit,
  follower: CoreProcess,
  signal: AbortSignal,
): Promise<(number | null)[][]> {
  const usedAgain: (number | null)[][] = [];
  await pause(FIRST_CUT_MS, signal);
  while (!signal.aborted) {
    for (const source of SOURCES) await init.network.cut(source, FOLLOWER);
    await pause(CUT_MS, signal);
    const before = await bytesFrom(follower);
    const mendedMs = monotonicMs();
    for (const source of SOURCES) await init.network.mend(source, FOLLOWER);
    const nextMs = mendedMs + PERIOD_MS - CUT_MS;
    const seconds = await usedAfter(init, follower, { before, mendedMs, nextMs, signal });
    if (!signal.aborted) usedAgain.push(seconds);
    await pause(nextMs - monotonicMs(), signal);
  }
  return usedAgain;
}

async function usedAfter(
  init: CutsInit,
  follower: CoreProcess,
  mend: {
    readonly before: ReadonlyMap<string, number>;
    readonly mendedMs: number;
    readonly nextMs: number;
    readonly signal: AbortSignal;
  },
): Promise<(number | null)[]> {
  const seconds: (number | null)[] = SOURCES.map(() => null);
  while (seconds.includes(null) && monotonicMs() < mend.nextMs && !mend.signal.aborted) {
    const bytes = await bytesFrom(follower);
    const atMs = monotonicMs();
    for (const [index, source] of SOURCES.entries()) {
      const host = init.network.address(source);
      if (seconds[index] !== null) continue;
      if ((bytes.get(host) ?? 0) <= (mend.before.get(host) ?? 0)) continue;
      seconds[index] = Number(((atMs - mend.mendedMs) / 1000).toFixed(2));
    }
    await pause(POLL_MS, mend.signal);
  }
  return seconds;
}

/** Payload received by address of the sender, over all connections. */
async function bytesFrom(follower: CoreProcess): Promise<Map<string, number>> {
  const clients = await follower.call('clients');
  return new Map(clients.map(({ client, bytesDown }) => [client.host, bytesDown]));
}

/** Shorter when the signal comes. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(Math.max(0, ms), undefined, { signal }).catch(() => undefined);
}
