// SPDX-License-Identifier: GPL-2.0-or-later
// `publish --wait`: which of the sites that may read a snapshot have signed that they see it.
// A site that went on to a later snapshot of the same data set counts: it cannot go back.
import type { Clock } from '../base/clock.ts';
import type { SiteId } from '../dataset/ids.ts';
import type { PeerBook } from '../peers/peer-book.ts';
import type { SnapshotRow } from '../store/rows.ts';
import type { Dataset } from './dataset-registry.ts';
import type { ReceiptLedger } from './receipt-ledger.ts';
import type { SnapshotChain } from './snapshot-chain.ts';

/** All sites with the right to read, that many of them, or none. */
export type WaitFor = 'all' | 'none' | number;

export interface WaitState {
  readonly visible: readonly SiteId[];
  readonly missing: readonly SiteId[];
}

export interface WaitOptions {
  readonly want: WaitFor;
  /** Undefined: as long as it takes. */
  readonly timeoutMs: number | undefined;
  readonly signal: AbortSignal;
  /** Called at first and whenever a site has signed. */
  readonly onProgress: (state: WaitState) => void;
}

interface Components {
  readonly chain: SnapshotChain;
  readonly receipts: ReceiptLedger;
  readonly peers: PeerBook;
  readonly clock: Clock;
}

export class Waiter {
  readonly #components: Components;

  constructor(components: Components) {
    this.#components = components;
  }

  /**
   * Resolves when enough sites have signed, or with those that are missing when the time is up.
   * Rejects with AbortError. Peers that are added or removed meanwhile count from then on.
   */
  async wait(dataset: Dataset, snapshot: SnapshotRow, options: WaitOptions): Promise<WaitState> {
    const { clock, peers, receipts } = this.#components;
    const { want, timeoutMs, signal, onProgress } = options;
    let wake: (() => void) | undefined;
    const notify = (): void => wake?.();
    const stops = [receipts.onReceipt(notify), peers.onChange(notify)];
    const ended = new AbortController();
    const timer = AbortSignal.any([signal, ended.signal]);
    const late = new AbortController();
    late.signal.addEventListener('abort', notify);
    if (timeoutMs !== undefined) {
      clock.sleep(timeoutMs, timer).then(
        () => late.abort(),
        () => undefined,
      );
    }
    signal.addEventListener('abort', notify);
    try {
      for (;;) {
        const changed = new Promise<void>((resolve) => (wake = resolve));
        const state = await this.state(dataset, snapshot);
        onProgress(state);
        if (isEnough(want, state) || late.signal.aborted) return state;
        signal.throwIfAborted();
        await changed;
      }
    } finally {
      ended.abort();
      signal.removeEventListener('abort', notify);
      for (const stop of stops) stop();
    }
  }

  /** Of the sites that may read the data set now. */
  async state(dataset: Dataset, snapshot: SnapshotRow): Promise<WaitState> {
    const signed = await this.#signed(snapshot);
    const readers = this.#components.peers
      .list()
      .map(({ siteId }) => siteId)
      .filter((siteId) => this.#components.peers.allows(siteId, 'read', dataset));
    return {
      visible: readers.filter((siteId) => signed.has(siteId)),
      missing: readers.filter((siteId) => !signed.has(siteId)),
    };
  }

  /** Sites that signed "visible" for the snapshot or a later one. */
  async #signed(snapshot: SnapshotRow): Promise<Set<SiteId>> {
    const signed = new Set<SiteId>();
    for (const row of await this.#components.chain.list(snapshot.datasetId)) {
      const isEarlier =
        row.epoch < snapshot.epoch ||
        (row.epoch === snapshot.epoch && row.sequence < snapshot.sequence);
      if (isEarlier) break;
      for (const receipt of await this.#components.receipts.of(row.snapshotId)) {
        if (receipt.state === 'visible') signed.add(receipt.siteId);
      }
    }
    return signed;
  }
}

function isEnough(want: WaitFor, state: WaitState): boolean {
  if (want === 'none') return true;
  return want === 'all' ? state.missing.length === 0 : state.visible.length >= want;
}
