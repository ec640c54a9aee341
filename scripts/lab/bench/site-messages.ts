// SPDX-License-Identifier: GPL-2.0-or-later
// What the benchmark and a core's owner in a namespace (core-site.ts) say to each other over the
// channel of the child process.
import type {
  ClientTotals,
  CoreEvent,
  CoreTrust,
  FetchRequest,
  FetchState,
  SharedPack,
  SourceState,
} from '../../../src/core/core.ts';

/** Bitmaps do not survive the channel, and nobody needs them. */
export type FetchFigures = Pick<FetchState, 'fileHash' | 'state' | 'size' | 'bytesDone'>;
export type SourceFigures = Pick<SourceState, 'source' | 'state' | 'bytesDown' | 'rate'>;

/** What a site can be asked, with its arguments and its answer. */
export interface SiteCalls {
  setTrust: (trust: CoreTrust) => null;
  share: (packs: readonly SharedPack[]) => null;
  /** Orders all of them, one after another; the answer is when the first was ordered. */
  fetch: (requests: readonly FetchRequest[]) => number;
  fetches: () => readonly FetchFigures[];
  sources: (fileHash: string) => readonly SourceFigures[];
  clients: () => readonly ClientTotals[];
  /** Resolves with the time of the first payload byte from anybody. */
  firstByte: () => number;
  stop: () => null;
}

export type SiteMethod = keyof SiteCalls;

/** Times are milliseconds of the machine's monotonic clock, which all processes share. */
export type SiteMessage =
  | { readonly kind: 'ready'; readonly corePid: number }
  | { readonly kind: 'event'; readonly atMs: number; readonly event: CoreEvent }
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'failed'; readonly id: number | null; readonly text: string };

export interface SiteRequest {
  readonly id: number;
  readonly method: SiteMethod;
  readonly argument: unknown;
}

/** Milliseconds of CLOCK_MONOTONIC. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
