// SPDX-License-Identifier: GPL-2.0-or-later
// Which site holds which snapshot, by signed receipts; and who waits for them.
import type { Clock } from '../base/clock.ts';
import { ReplicationError } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import { Listeners } from '../core/listeners.ts';
import type { KeyLookup } from '../dataset/envelope.ts';
import type { DatasetId, SiteId, SnapshotId } from '../dataset/ids.ts';
import { decodeReceipt, encodeReceipt, type ReceiptState } from '../dataset/receipt.ts';
import type { Identity } from '../peers/identity.ts';
import type { PeerBook } from '../peers/peer-book.ts';
import type { Catalogue, CatalogueOp } from '../store/catalogue.ts';
import type { ReceiptRow } from '../store/rows.ts';
import type { DatasetRegistry } from './dataset-registry.ts';
import type { SnapshotChain } from './snapshot-chain.ts';

interface Components {
  readonly catalogue: Catalogue;
  readonly registry: DatasetRegistry;
  readonly chain: SnapshotChain;
  readonly identity: Identity;
  readonly peers: PeerBook;
  readonly keyOf: KeyLookup;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface ReceiptEvent {
  readonly datasetId: DatasetId;
  readonly snapshotId: SnapshotId;
  readonly siteId: SiteId;
  readonly state: ReceiptState;
}

export class ReceiptLedger {
  readonly #components: Components;
  readonly #changes: Listeners<ReceiptEvent>;

  constructor(components: Components) {
    this.#components = components;
    this.#changes = new Listeners(components.logger);
  }

  /**
   * Keeps a receipt that a peer pushed; durable when it resolves. The signer needs the right to
   * read the data set, a peer that passes on another's receipt the right to relay it.
   */
  async take(peer: SiteId, bytes: Buffer): Promise<void> {
    const { catalogue, chain, keyOf, peers, registry } = this.#components;
    const { receipt, signer } = decodeReceipt(bytes, keyOf);
    const { datasetId, snapshotId, state, atMs } = receipt;
    const dataset = registry.get(datasetId);
    if (dataset === undefined) {
      throw new ReplicationError('ERR_SNAPSHOT_UNKNOWN', `data set ${datasetId} is not known here`);
    }
    await chain.snapshot(datasetId, snapshotId);
    if (!peers.allows(signer, 'read', dataset)) throw noRight(signer, 'read', datasetId);
    if (peer !== signer && !peers.allows(peer, 'relay', dataset)) {
      throw noRight(peer, 'relay', datasetId);
    }
    await catalogue.receipts.put(keyOfReceipt(snapshotId, signer, state), {
      snapshotId,
      siteId: signer,
      state,
      receipt: bytes,
      atMs,
    });
    this.#changes.emit({ datasetId, snapshotId, siteId: signer, state });
  }

  /** An own receipt and the change that keeps it; send it once that is durable. */
  sign(
    datasetId: DatasetId,
    snapshotId: SnapshotId,
    state: ReceiptState,
  ): { readonly bytes: Buffer; readonly op: CatalogueOp } {
    const { catalogue, clock, identity } = this.#components;
    const atMs = clock.now();
    const bytes = encodeReceipt({ datasetId, snapshotId, state, atMs }, identity.signer);
    const key = keyOfReceipt(snapshotId, identity.siteId, state);
    const row = { snapshotId, siteId: identity.siteId, state, receipt: bytes, atMs };
    return { bytes, op: catalogue.receipts.putOp(key, row) };
  }

  /** Of each site the furthest state it signed for this snapshot. */
  async of(snapshotId: SnapshotId): Promise<ReceiptRow[]> {
    const furthest = new Map<SiteId, ReceiptRow>();
    for (const { value } of await this.#components.catalogue.receipts.entries(`${snapshotId}/`)) {
      const known = furthest.get(value.siteId);
      if (known === undefined || ORDER[value.state] > ORDER[known.state]) {
        furthest.set(value.siteId, value);
      }
    }
    return [...furthest.values()];
  }

  /** Called after each receipt that was kept. */
  onReceipt(listener: (event: ReceiptEvent) => void): () => void {
    return this.#changes.add(listener);
  }
}

const ORDER: Readonly<Record<ReceiptState, number>> = {
  staged: 0,
  visible: 1,
  withdrawn: 2,
  fenced: 3,
};

function keyOfReceipt(snapshotId: SnapshotId, siteId: SiteId, state: ReceiptState): string {
  return `${snapshotId}/${siteId}/${state}`;
}

function noRight(site: SiteId, right: string, datasetId: DatasetId): ReplicationError {
  return new ReplicationError(
    'ERR_RIGHT_MISSING',
    `site ${site} has no right to ${right} data set ${datasetId}`,
    { siteId: site, right, datasetId },
  );
}
