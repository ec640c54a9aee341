// SPDX-License-Identifier: GPL-2.0-or-later
// Which peers are to get which manifests of this site: all that may read the data set, each the
// whole chain in order, as far as the peer has not signed for it.
import type { Logger } from '../base/logger.ts';
import { messageOf } from '../base/errors.ts';
import type { SiteId } from '../dataset/ids.ts';
import type { Outbox } from '../peers/outbox.ts';
import type { PeerBook } from '../peers/peer-book.ts';
import type { SnapshotRow } from '../store/rows.ts';
import type { Dataset, DatasetRegistry } from './dataset-registry.ts';
import type { ReceiptLedger } from './receipt-ledger.ts';
import type { SnapshotChain } from './snapshot-chain.ts';

interface Components {
  readonly registry: DatasetRegistry;
  readonly chain: SnapshotChain;
  readonly receipts: ReceiptLedger;
  readonly outbox: Pick<Outbox, 'enqueue' | 'drop' | 'kick'>;
  readonly peers: PeerBook;
  readonly logger: Logger;
}

export class Distribution {
  readonly #components: Components;
  #stopWatching: (() => void) | undefined;

  constructor(components: Components) {
    this.#components = components;
  }

  /** Queues what peers may have missed, now and whenever a peer is added or changes. */
  async start(): Promise<void> {
    const { logger, peers } = this.#components;
    this.#stopWatching = peers.onChange(({ kind, siteId }) => {
      const work = kind === 'removed' ? this.#forget(siteId) : this.catchUp(siteId);
      work.catch((error: unknown) =>
        logger.error('manifests not queued', { peer: siteId, reason: messageOf(error) }),
      );
    });
    for (const { siteId } of peers.list()) await this.catchUp(siteId);
  }

  stop(): void {
    this.#stopWatching?.();
  }

  /** Sends a new snapshot to everyone who may read it; queued durably when this resolves. */
  async announce(dataset: Dataset, row: SnapshotRow): Promise<void> {
    const { outbox, peers } = this.#components;
    const readers = peers
      .list()
      .map(({ siteId }) => siteId)
      .filter((siteId) => peers.allows(siteId, 'read', dataset));
    await outbox.enqueue(readers, {
      kind: 'manifest',
      snapshotId: row.snapshotId,
      lane: dataset.id,
    });
  }

  /** Queues the own snapshots that the peer has not signed for, oldest first. */
  async catchUp(siteId: SiteId): Promise<void> {
    const { chain, outbox, peers, registry } = this.#components;
    for (const dataset of registry.list()) {
      if (!registry.isOwn(dataset) || !peers.allows(siteId, 'read', dataset)) continue;
      const missed: SnapshotRow[] = [];
      for (const row of await chain.list(dataset.id)) {
        if (await this.#hasSigned(siteId, row)) break;
        missed.unshift(row);
      }
      for (const { snapshotId } of missed) {
        await outbox.enqueue([siteId], { kind: 'manifest', snapshotId, lane: dataset.id });
      }
    }
    // A right that changed may let pass what was refused.
    outbox.kick(siteId);
  }

  async #hasSigned(siteId: SiteId, row: SnapshotRow): Promise<boolean> {
    const receipts = await this.#components.receipts.of(row.snapshotId);
    return receipts.some((receipt) => receipt.siteId === siteId);
  }

  async #forget(siteId: SiteId): Promise<void> {
    await this.#components.outbox.drop(siteId);
  }
}
