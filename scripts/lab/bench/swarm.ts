// SPDX-License-Identifier: GPL-2.0-or-later
// One publisher, N followers, all links alike: how many copies leave the publisher, and how near
// the last follower comes to what the links allow.
import { boundSeconds, sumSentBy } from '../figures.ts';
import { allComplete, type CoreGroupInit, withCores } from './core-group.ts';
import type { CoreProcess } from './core-process.ts';
import { fetchRequest, type Payload } from './payload.ts';
import { peakBytes } from './process-figures.ts';
import { median } from './results.ts';

export interface SwarmRun {
  /** Of each follower, from the common start. */
  readonly seconds: readonly number[];
  /** Payload that the publisher's core counted, as a multiple of the payload. */
  readonly publisherCopies: number;
  /** The same on shaped wires: with packet headers of eD2k and what TCP sent twice. */
  readonly wireCopies: number | null;
  /** Peak of the resident set of the publisher's core, and of the largest core of a follower. */
  readonly publisherPeakBytes: number;
  readonly followerPeakBytes: number;
}

export interface SwarmInit extends CoreGroupInit {
  readonly followers: number;
  readonly payloads: readonly Payload[];
  readonly limitMs: number;
  /** What goes over a link is counted where it is shaped. */
  readonly isShaped: boolean;
}

export async function swarmRun(init: SwarmInit): Promise<SwarmRun> {
  const { followers, payloads, network, isShaped } = init;
  const sentByPublisher = async (): Promise<number> => sumSentBy(await network.pairCounts(), 1);
  const roles = { count: followers + 1, sharing: 1, payloads };
  return withCores(init, roles, async ([publisher, ...others]) => {
    if (publisher === undefined) throw new Error('a publisher is needed');
    const bytes = payloads.reduce((sum, { size }) => sum + size, 0);
    const sentBefore = isShaped ? await sentByPublisher() : 0;
    const ends = others.map((site) => allComplete(site, payloads, init.limitMs));
    const sites = [publisher, ...others];
    const starts = await Promise.all(others.map((site) => orderAll(site, sites, payloads)));
    const startMs = Math.min(...starts);
    const endsMs = await Promise.all(ends);
    const sent = isShaped ? (await sentByPublisher()) - sentBefore : null;
    const clients = await publisher.call('clients');
    const [publisherPeakBytes = 0, ...peaks] = await Promise.all(
      sites.map(({ corePid }) => peakBytes(corePid)),
    );
    const payloadSent = clients.reduce((sum, { bytesUp }) => sum + bytesUp, 0);
    return {
      seconds: endsMs.map((endMs) => (endMs - startMs) / 1000),
      publisherCopies: payloadSent / bytes,
      wireCopies: sent === null ? null : sent / bytes,
      publisherPeakBytes,
      followerPeakBytes: Math.max(...peaks),
    };
  });
}

export interface SwarmPlace {
  readonly followers: number;
  readonly bytes: number;
  /** Null: as fast as the kernel carries it, where nothing bounds it. */
  readonly rateMbit: number | null;
  readonly rttMs: number;
}

export interface SwarmResult extends SwarmPlace {
  readonly lastSeconds: number;
  readonly boundSeconds: number | null;
  readonly ratioToBound: number | null;
  readonly publisherCopies: number;
  readonly wireCopies: number | null;
  readonly rssMb: { readonly publisher: number; readonly follower: number };
}

const MB = 1e6;

export function swarmResult(place: SwarmPlace, runs: readonly SwarmRun[]): SwarmResult {
  const { bytes, followers, rateMbit } = place;
  const of = (digits: number, read: (run: SwarmRun) => number): number =>
    Number(median(runs.map(read)).toFixed(digits));
  const lastSeconds = of(2, ({ seconds }) => Math.max(...seconds));
  const bound = rateMbit === null ? null : boundSeconds(bytes, followers, rateMbit);
  return {
    ...place,
    lastSeconds,
    boundSeconds: bound === null ? null : Number(bound.toFixed(2)),
    ratioToBound: bound === null ? null : Number((lastSeconds / bound).toFixed(3)),
    publisherCopies: of(3, (run) => run.publisherCopies),
    wireCopies: rateMbit === null ? null : of(3, (run) => run.wireCopies ?? NaN),
    rssMb: {
      publisher: of(0, (run) => run.publisherPeakBytes / MB),
      follower: of(0, (run) => run.followerPeakBytes / MB),
    },
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
