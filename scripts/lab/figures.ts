// SPDX-License-Identifier: GPL-2.0-or-later
// What the lab reads from the command line's JSON, and the figures it makes of it.
import type { PairCount } from './network.ts';

/** Last line of `muleplex publish --json`. */
export interface Published {
  readonly snapshotId: string;
  readonly files: number;
  readonly bytes: number;
  readonly uniqueBytes: number;
  readonly newPackBytes: number;
  readonly manifestBytes: number;
  readonly packs: number;
  readonly ingestMs: number;
  readonly firstPackMs?: number;
}

/** One element of `muleplex snapshots --json`. */
export interface SnapshotRow {
  readonly dataset: string;
  readonly snapshotId: string;
  readonly sequence: number;
  readonly role: 'publisher' | 'follower';
  readonly state: string;
  readonly newPackBytes: number;
  readonly fetchedBytes: number;
  readonly timesMs: {
    readonly accepted?: number;
    readonly fetchStarted?: number;
    readonly fetchComplete?: number;
    readonly staged?: number;
    readonly visible?: number;
  };
  readonly error?: { readonly code: string; readonly message: string };
}

/** `muleplex transfers --json`. */
export interface Transfers {
  readonly transfers: readonly {
    readonly dataset: string;
    readonly snapshotId: string;
    readonly packId: string;
    readonly state: string;
    readonly size: number;
    readonly bytesDone: number;
    readonly rate: number;
    readonly verifiedParts: number;
    readonly partCount: number;
    /** Bitmap of the verified parts in hex, lowest bit first. */
    readonly verified: string;
  }[];
  readonly clients: readonly {
    readonly site: string;
    readonly bytesUp: number;
    readonly bytesDown: number;
  }[];
}

/** How one follower got one snapshot. */
export interface FollowerFigures {
  readonly site: string;
  readonly transferSeconds: number;
  readonly recomposeSeconds: number;
  /** From the start of publish until the replica was switched. */
  readonly visibleSeconds: number;
}

export function followerFigures(
  site: string,
  row: SnapshotRow,
  publishStartedMs: number,
): FollowerFigures {
  const { fetchStarted, fetchComplete, visible } = row.timesMs;
  if (fetchStarted === undefined || fetchComplete === undefined || visible === undefined) {
    throw new Error(`${site}: the snapshot ${row.snapshotId} is ${row.state}, not visible`);
  }
  return {
    site,
    transferSeconds: (fetchComplete - fetchStarted) / 1000,
    recomposeSeconds: (visible - fetchComplete) / 1000,
    visibleSeconds: (visible - publishStartedMs) / 1000,
  };
}

/** What was counted between two readings. */
export function countsBetween(
  before: readonly PairCount[],
  after: readonly PairCount[],
): readonly PairCount[] {
  return after.map((count) => {
    const earlier = before.find(
      ({ sender, receiver }) => sender === count.sender && receiver === count.receiver,
    );
    return { ...count, payloadBytes: count.payloadBytes - (earlier?.payloadBytes ?? 0) };
  });
}

export function sumSentBy(counts: readonly PairCount[], sender: number): number {
  return counts
    .filter((count) => count.sender === sender)
    .reduce((sum, count) => sum + count.payloadBytes, 0);
}

/**
 * Seconds in which nobody can be faster: F bytes to N followers, each site's uplink u bytes/s:
 * max(F/u, N F / (u (N + 1))).
 */
export function boundSeconds(bytes: number, followers: number, rateMbit: number): number {
  const uplink = (rateMbit * 1e6) / 8;
  return Math.max(bytes / uplink, (followers * bytes) / (uplink * (followers + 1)));
}
