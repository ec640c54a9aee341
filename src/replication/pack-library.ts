// SPDX-License-Identifier: GPL-2.0-or-later
// The packs of each data set, opened for reading once and kept open; a damaged pack that a reader
// meets is repaired from peers, named by pack and part.
import { ReplicationError, hasCode } from '../base/errors.ts';
import { REPAIR_ROUNDS_MAX } from '../base/limits.ts';
import type { Logger } from '../base/logger.ts';
import type { DatasetId, PackId } from '../dataset/ids.ts';
import type { ChunkIndexInit } from '../store/chunk-index.ts';
import type { IndexStore } from '../store/index-store.ts';
import { PackSet } from '../store/pack-set.ts';
import type { PackStore } from '../store/pack-store.ts';
import type { Dataset, DatasetRegistry } from './dataset-registry.ts';
import type { PackExchange } from './pack-exchange.ts';
import type { PackMap } from './snapshot-chain.ts';

interface Components {
  readonly packs: PackStore;
  readonly index: IndexStore;
  readonly logger: Logger;
  readonly registry: DatasetRegistry;
  /** Undefined: damage is reported and not repaired. */
  readonly exchange: PackExchange | undefined;
}

export class PackLibrary {
  readonly #components: Components;
  readonly #init: ChunkIndexInit;
  readonly #sets = new Map<DatasetId, PackSet>();

  constructor(components: Components, init: ChunkIndexInit = {}) {
    this.#components = components;
    this.#init = init;
  }

  /**
   * Runs work with all these packs open. When it meets a damaged or lost pack, or index file, that
   * is repaired and the work is run again from its start.
   */
  async reading<T>(
    dataset: Dataset,
    packs: PackMap,
    signal: AbortSignal,
    work: (set: PackSet) => Promise<T>,
  ): Promise<T> {
    for (let round = 1; ; round += 1) {
      try {
        return await work(await this.#open(dataset, packs));
      } catch (error) {
        if (round < REPAIR_ROUNDS_MAX && (await this.#dropIndex(dataset, error))) continue;
        const packId = damagedPack(error);
        const descriptor = packId === undefined ? undefined : packs.get(packId);
        const { exchange } = this.#components;
        if (packId === undefined || descriptor === undefined || exchange === undefined) throw error;
        if (round === REPAIR_ROUNDS_MAX) throw error;
        const bad = await exchange.repair({ packId, descriptor, dataset }, signal);
        // Whole by its hashes and still unreadable: its publisher made it so.
        if (bad.length === 0) throw asMalformed(packId, error);
      }
    }
  }

  /** Runs work with all these packs open; a damaged or lost one ends it. */
  async readingOnce<T>(
    dataset: Dataset,
    packs: PackMap,
    work: (set: PackSet) => Promise<T>,
  ): Promise<T> {
    return work(await this.#open(dataset, packs));
  }

  /** Opens some packs beside those that are kept open. ERR_PACK_MISSING, ERR_PACK_CORRUPT. */
  async openApart(dataset: Dataset, packs: PackMap): Promise<PackSet> {
    const secrets = await this.#components.registry.secretsOf(dataset);
    const set = new PackSet(this.#components, { secrets, ...this.#init });
    for (const [packId, descriptor] of packs) await set.add(packId, descriptor);
    return set;
  }

  /** True when an index file was damaged: it is gone, and will be made anew of its pack. */
  async #dropIndex(dataset: Dataset, error: unknown): Promise<boolean> {
    if (!hasCode(error, 'ERR_INDEX_CORRUPT')) return false;
    const { index, logger } = this.#components;
    logger.warn('index file removed', { error: error.message });
    this.#sets.delete(dataset.id);
    await index.remove(error.details['packId'] as PackId);
    return true;
  }

  async #open(dataset: Dataset, packs: PackMap): Promise<PackSet> {
    let set = this.#sets.get(dataset.id);
    if (set === undefined || [...set.packIds].some((packId) => !packs.has(packId))) {
      const secrets = await this.#components.registry.secretsOf(dataset);
      set = new PackSet(this.#components, { secrets, ...this.#init });
      this.#sets.set(dataset.id, set);
    }
    for (const [packId, descriptor] of packs) await set.add(packId, descriptor);
    return set;
  }
}

function damagedPack(error: unknown): PackId | undefined {
  if (!hasCode(error, 'ERR_PACK_CORRUPT') && !hasCode(error, 'ERR_PACK_MISSING')) return undefined;
  return error.details['packId'] as PackId;
}

function asMalformed(packId: PackId, cause: unknown): ReplicationError {
  return new ReplicationError(
    'ERR_PACK_MALFORMED',
    `pack ${packId} is as it was published and cannot be read`,
    { packId },
    cause,
  );
}
