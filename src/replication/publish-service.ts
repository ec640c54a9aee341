// SPDX-License-Identifier: GPL-2.0-or-later
// The whole of `muleplex publish`: make the snapshot, push it, wait for signatures, tell what was
// done.
import type { Clock } from '../base/clock.ts';
import type { SiteId } from '../dataset/ids.ts';
import type { PeerBook } from '../peers/peer-book.ts';
import type { SnapshotRow } from '../store/rows.ts';
import type { Distribution } from './distribution.ts';
import type { PublishOptions, Published, Publisher } from './publisher.ts';
import type { ReceiptLedger } from './receipt-ledger.ts';
import type { PublishProgress, PublishResult, ReceiptView } from './site-view.ts';
import type { Waiter, WaitFor } from './waiter.ts';

interface Components {
  readonly publisher: Publisher;
  readonly distribution: Distribution;
  readonly waiter: Waiter;
  readonly receipts: ReceiptLedger;
  readonly peers: PeerBook;
  readonly clock: Clock;
}

export interface PublishRequest extends Omit<PublishOptions, 'onProgress'> {
  readonly wait: WaitFor;
  readonly timeoutMs: number | undefined;
  readonly onProgress: (progress: PublishProgress) => void;
}

export class PublishService {
  readonly #components: Components;

  constructor(components: Components) {
    this.#components = components;
  }

  /**
   * Resolves when the snapshot is durable and enough sites have signed, or the time is up: then
   * `missing` names those that have not. AbortError: cancelled, during the wait without effect on
   * the snapshot.
   */
  async publish(request: PublishRequest): Promise<PublishResult> {
    const { clock, distribution, publisher, waiter } = this.#components;
    const { wait: want, timeoutMs, signal, onProgress } = request;
    const published = await publisher.publish(request);
    const { dataset, row } = published;
    await distribution.announce(dataset, row);
    onProgress({ stage: 'push', snapshotId: row.snapshotId });
    const startMs = clock.monotonicMs();
    const state = await waiter.wait(dataset, row, {
      want,
      timeoutMs,
      signal,
      onProgress: ({ visible, missing }) =>
        onProgress({
          stage: 'wait',
          snapshotId: row.snapshotId,
          visible: visible.map((siteId) => this.#nameOf(siteId)),
          missing: missing.map((siteId) => this.#nameOf(siteId)),
        }),
    });
    const isEnough =
      want === 'none' ||
      (want === 'all' ? state.missing.length === 0 : state.visible.length >= want);
    return {
      ...resultOf(published),
      waitMs: Math.round(clock.monotonicMs() - startMs),
      receipts: await this.receiptsOf(row),
      missing: isEnough ? [] : state.missing.map((siteId) => this.#nameOf(siteId)),
    };
  }

  async receiptsOf(row: SnapshotRow): Promise<ReceiptView[]> {
    const receipts = await this.#components.receipts.of(row.snapshotId);
    return receipts.map(({ siteId, state, atMs }) => ({
      site: this.#nameOf(siteId),
      siteId,
      state,
      atMs,
    }));
  }

  #nameOf(siteId: SiteId): string {
    return this.#components.peers.get(siteId)?.record.name ?? siteId;
  }
}

function resultOf(published: Published): Omit<PublishResult, 'waitMs' | 'receipts' | 'missing'> {
  const { dataset, row, ingest, uniqueBytes, packs, ingestMs } = published;
  return {
    dataset: dataset.name,
    datasetId: dataset.id,
    snapshotId: row.snapshotId,
    epoch: row.epoch,
    sequence: row.sequence,
    files: ingest.fileCount,
    bytes: ingest.contentBytes,
    bytesRead: ingest.bytesRead,
    uniqueBytes,
    packs: packs.length,
    newPackBytes: row.newPackBytes,
    manifestBytes: row.bodySize,
    ingestMs,
    skipped: ingest.skipped,
  };
}
