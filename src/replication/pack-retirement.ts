// SPDX-License-Identifier: GPL-2.0-or-later
// Removes packs from this site, under one rule: a pack may go only if neither the newest manifest
// of its data set, nor what is visible, staged or announced here, nor a pin, nor anybody at work
// names it.
import { messageOf } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import type { PackId, SnapshotId } from '../dataset/ids.ts';
import type { Catalogue } from '../store/catalogue.ts';
import type { FeatureStore } from '../store/feature-store.ts';
import type { IndexStore } from '../store/index-store.ts';
import type { SnapshotRow } from '../store/rows.ts';
import { announcedPacks } from './announced-session.ts';
import type { Dataset, DatasetRegistry } from './dataset-registry.ts';
import type { PackExchange } from './pack-exchange.ts';
import type { PackHolds } from './pack-holds.ts';
import type { SnapshotChain } from './snapshot-chain.ts';

interface Components {
  readonly catalogue: Catalogue;
  readonly registry: DatasetRegistry;
  readonly chain: SnapshotChain;
  readonly exchange: PackExchange;
  readonly index: IndexStore;
  readonly features: FeatureStore;
  readonly holds: PackHolds;
  readonly logger: Logger;
}

export class PackRetirement {
  readonly #components: Components;
  /** One at a time: each sees what the one before left. */
  #queue: Promise<unknown> = Promise.resolve();

  constructor(components: Components) {
    this.#components = components;
  }

  /** For the start of a daemon, before anybody works with packs. */
  async runAll(): Promise<void> {
    for (const dataset of this.#components.registry.list()) await this.run(dataset);
  }

  /**
   * Removes what is not needed any more, durably; the number of packs. What fails is logged, and
   * made up for the next time.
   */
  run(dataset: Dataset): Promise<number> {
    const done = this.#queue.then(() => this.#run(dataset));
    const safe = done.catch((error: unknown) => {
      const reason = messageOf(error);
      this.#components.logger.warn('packs not removed', { dataset: dataset.name, reason });
      return 0;
    });
    this.#queue = safe;
    return safe;
  }

  async #run(dataset: Dataset): Promise<number> {
    const { catalogue, exchange, features, holds, index, logger } = this.#components;
    // Read first: whoever needs a pack says so in the catalogue before it has a row there.
    const rows = await catalogue.packs.entries();
    const needed = await this.#needed(dataset);
    let count = 0;
    for (const { key, value } of rows) {
      const packId = key as PackId;
      if (value.datasetId !== dataset.id || needed.has(packId) || holds.has(packId)) continue;
      await exchange.remove(packId, value);
      await index.remove(packId);
      await features.remove(packId);
      count += 1;
    }
    if (count > 0) logger.info('packs removed', { dataset: dataset.name, packs: count });
    return count;
  }

  async #needed(dataset: Dataset): Promise<Set<PackId>> {
    const { catalogue, chain } = this.#components;
    // Before the manifests: one that counts has taken its packs over from here.
    const needed = new Set<PackId>(await announcedPacks(catalogue, dataset.id));
    const head = await chain.head(dataset.id);
    for (const row of head === undefined ? [] : await this.#snapshots(dataset, head.snapshotId)) {
      for (const packId of (await chain.packs(row)).keys()) needed.add(packId);
    }
    for (const { value } of await catalogue.pins.entries(`${dataset.id}/`)) {
      for (const packId of value.packs) needed.add(packId);
    }
    return needed;
  }

  /** The newest one, and at a site that follows the visible one and what is staged after it. */
  async #snapshots(dataset: Dataset, head: SnapshotId): Promise<SnapshotRow[]> {
    const { catalogue, chain } = this.#components;
    const visible = new Set<SnapshotId>();
    for (const { value } of await catalogue.follows.entries()) {
      if (value.datasetId === dataset.id && value.visible !== null) visible.add(value.visible);
    }
    const rows = await chain.list(dataset.id);
    const firstVisible = rows.findIndex(({ snapshotId }) => visible.has(snapshotId));
    return rows.filter(({ snapshotId, state }, index) => {
      const isStaged = state === 'staged' && (firstVisible < 0 || index < firstVisible);
      return snapshotId === head || visible.has(snapshotId) || isStaged;
    });
  }
}
