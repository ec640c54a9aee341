// SPDX-License-Identifier: GPL-2.0-or-later
// The whole of `muleplex publish`: make the snapshot, push it, wait for signatures, tell what was
// done.
import type { Clock } from '../base/clock.ts';
import { MERGE_PACKS_MAX, MERGE_PACKS_START, MERGE_UNUSED_MAX } from '../base/limits.ts';
import type { SiteId } from '../dataset/ids.ts';
import type { PeerBook } from '../peers/peer-book.ts';
import type { SnapshotRow } from '../store/rows.ts';
import type { DatasetRegistry } from './dataset-registry.ts';
import type { Distribution } from './distribution.ts';
import type { Maintenance } from './maintenance.ts';
import type { PackRetirement } from './pack-retirement.ts';
import type { PublishOptions, Published, Publisher } from './publisher.ts';
import type { ReceiptLedger } from './receipt-ledger.ts';
import type { PublishProgress, PublishResult, ReceiptView } from './site-view.ts';
import type { SnapshotChain } from './snapshot-chain.ts';
import type { Waiter, WaitFor } from './waiter.ts';

interface Components {
  readonly publisher: Publisher;
  readonly maintenance: Maintenance;
  readonly retirement: PackRetirement;
  readonly registry: DatasetRegistry;
  readonly chain: SnapshotChain;
  readonly distribution: Distribution;
  readonly waiter: Waiter;
  readonly receipts: ReceiptLedger;
  readonly peers: PeerBook;
  readonly clock: Clock;
}

interface Init {
  /** From so many packs on a publish merges first. */
  readonly mergeStart: number;
  /** Packs that are left then, at most. */
  readonly maxPacks: number;
}

const DEFAULTS: Init = { mergeStart: MERGE_PACKS_START, maxPacks: MERGE_PACKS_MAX };

export interface PublishRequest extends Omit<PublishOptions, 'onProgress'> {
  readonly wait: WaitFor;
  readonly timeoutMs: number | undefined;
  readonly onProgress: (progress: PublishProgress) => void;
}

export class PublishService {
  readonly #components: Components;
  readonly #init: Init;

  constructor(components: Components, init: Init = DEFAULTS) {
    this.#components = components;
    this.#init = init;
  }

  /**
   * Resolves when the snapshot is durable and enough sites have signed, or the time is up: then
   * `missing` names those that have not. AbortError: cancelled, during the wait without effect on
   * the snapshot.
   */
  async publish(request: PublishRequest): Promise<PublishResult> {
    const { clock, distribution, publisher, retirement, waiter } = this.#components;
    const { wait: want, timeoutMs, signal, onProgress } = request;
    await this.#makeRoom(request);
    const published = await publisher.publish(request);
    const { dataset, row } = published;
    await distribution.announce(dataset, row);
    await retirement.run(dataset);
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

  /** Merges packs before there are so many that a publish would be refused. */
  async #makeRoom({ dataset: name, signal }: PublishRequest): Promise<void> {
    const { chain, maintenance, registry } = this.#components;
    const dataset = registry.find(name).find((each) => registry.isOwn(each));
    const newest = dataset && (await chain.newest(dataset.id));
    if (dataset === undefined || newest === undefined) return;
    if (newest.packs.size < this.#init.mergeStart) return;
    await maintenance.prune({
      dataset: dataset.id,
      dryRun: false,
      maxUnused: MERGE_UNUSED_MAX,
      maxPacks: this.#init.maxPacks,
      signal,
      onProgress: () => undefined,
    });
  }

  #nameOf(siteId: SiteId): string {
    return this.#components.peers.get(siteId)?.record.name ?? siteId;
  }
}

function resultOf(published: Published): Omit<PublishResult, 'waitMs' | 'receipts' | 'missing'> {
  const { dataset, row, ingest, uniqueBytes, packs, ingestMs, firstPackMs } = published;
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
    ...(firstPackMs === undefined ? {} : { firstPackMs }),
    skipped: ingest.skipped,
  };
}
