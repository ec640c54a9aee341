// SPDX-License-Identifier: GPL-2.0-or-later
// What the outbox sends for a snapshot: header, genesis, and the data set's secrets sealed to the
// peer, made at the moment of sending, so that a right or key that changed meanwhile counts.
import type { SiteId, SnapshotId } from '../dataset/ids.ts';
import { sealSecrets } from '../dataset/keys.ts';
import type { ManifestSource, OutgoingManifest } from '../peers/outbox.ts';
import type { PeerBook } from '../peers/peer-book.ts';
import type { ManifestStore } from '../store/manifest-store.ts';
import type { SnapshotRow } from '../store/rows.ts';
import type { SecretsStore } from '../store/secrets-store.ts';
import type { Dataset, DatasetRegistry } from './dataset-registry.ts';
import type { SnapshotChain } from './snapshot-chain.ts';

interface Components {
  readonly manifests: ManifestStore;
  readonly secrets: SecretsStore;
  readonly registry: DatasetRegistry;
  readonly chain: SnapshotChain;
  readonly peers: PeerBook;
}

export class StoredManifests implements ManifestSource {
  readonly #components: Components;

  constructor(components: Components) {
    this.#components = components;
  }

  async load(to: SiteId, snapshotId: SnapshotId): Promise<OutgoingManifest | undefined> {
    const { chain, manifests, peers, registry, secrets } = this.#components;
    const found = await this.#find(snapshotId);
    const peer = peers.get(to);
    if (found === undefined || peer === undefined) return undefined;
    const { dataset, row } = found;
    if (!peers.allows(to, 'read', dataset)) return undefined;
    const header = await manifests.header(snapshotId);
    const genesis = await secrets.genesis(dataset.id);
    if (header === undefined || genesis === undefined) return undefined;
    const sealed = await sealSecrets(
      await registry.secretsOf(dataset),
      dataset.id,
      peer.record.sealingKey,
    );
    return { header, genesis, secrets: sealed, body: () => chain.bodyBytes(row) };
  }

  async #find(
    snapshotId: SnapshotId,
  ): Promise<{ readonly dataset: Dataset; readonly row: SnapshotRow } | undefined> {
    for (const dataset of this.#components.registry.list()) {
      const row = await this.#components.chain.find(dataset.id, snapshotId);
      if (row !== undefined) return { dataset, row };
    }
    return undefined;
  }
}
