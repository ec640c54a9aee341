// SPDX-License-Identifier: GPL-2.0-or-later
// One publisher, N followers, all links alike: how many copies leave the publisher, and how near
// the last follower comes to what the links allow.
import { boundSeconds, sumSentBy } from '../figures.ts';
import { allComplete, type CoreGroupInit, withCores } from './core-group.ts';
import type { CoreProcess } from './core-process.ts';
import { fetchRequest, type Payload } from './payload.ts';
import { median } from './results.ts';

export interface SwarmRun {
  /** Of each follower, from the common start. */
  readonly seconds: readonly number[];
  /** Payload that the publisher's core counted, as a multiple of the payload. */
  readonly publisherCopies: number;
  /** The same on the wire: with packet headers of eD2k and what TCP sent twice. */
  readonly wireCopies: number;
}

export interface SwarmInit extends CoreGroupInit {
  readonly followers: number;
  readonly payloads: readonly Payload[];
  readonly limitMs: number;
}

export async function swarmRun(init: SwarmInit): Promise<SwarmRun> {
  const { followers, payloads, network } = init;
  const roles = { count: followers + 1, sharing: 1, payloads };
  return withCores(init, roles, async ([publisher, ...others]) => {
    if (publisher === undefined) throw new Error('a publisher is needed');
    const bytes = payloads.reduce((sum, { size }) => sum + size, 0);
    const sentBefore = sumSentBy(await network.pairCounts(), 1);
    const ends = others.map((site) => allComplete(site, payloads, init.limitMs));
    const sites = [publisher, ...others];
    const starts = await Promise.all(others.map((site) => orderAll(site, sites, payloads)));
    const startMs = Math.min(...starts);
    const endsMs = await Promise.all(ends);
    const sent = sumSentBy(await network.pairCounts(), 1) - sentBefore;
    const clients = await publisher.call('clients');
    const payloadSent = clients.reduce((sum, { bytesUp }) => sum + bytesUp, 0);
    return {
      seconds: endsMs.map((endMs) => (endMs - startMs) / 1000),
      publisherCopies: payloadSent / bytes,
      wireCopies: sent / bytes,
    };
  });
}

export interface SwarmResult {
  readonly followers: number;
  readonly bytes: number;
  readonly rateMbit: number;
  readonly rttMs: number;
  readonly lastSeconds: number;
  readonly boundSeconds: number;
  readonly ratioToBound: number;
  readonly publisherCopies: number;
  readonly wireCopies: number;
}

export function swarmResult(
  place: {
    readonly followers: number;
    readonly bytes: number;
    readonly rateMbit: number;
    readonly rttMs: number;
  },
  runs: readonly SwarmRun[],
): SwarmResult {
  const lastSeconds = median(runs.map(({ seconds }) => Math.max(...seconds)));
  const bound = boundSeconds(place.bytes, place.followers, place.rateMbit);
  return {
    ...place,
    lastSeconds: Number(lastSeconds.toFixed(2)),
    boundSeconds: Number(bound.toFixed(2)),
    ratioToBound: Number((lastSeconds / bound).toFixed(3)),
    publisherCopies: Number(median(runs.map((run) => run.publisherCopies)).toFixed(3)),
    wireCopies: Number(median(runs.map((run) => run.wireCopies)).toFixed(3)),
  };
}

/** Every other site is a source from the beginning, also those that have nothing yet. */
function orderAll(
  site: CoreProcess,
  sites: readonly CoreProcess[],
  payloads: readonly Payload[],
): Promise<number> {
  const sources = sites.filter((other) => other !== site).map(({ endPoint }) => endPoint);
  return site.call(
    'fetch',
    payloads.map((payload) => fetchRequest(payload, site.filesFolder, sources)),
  );
}
