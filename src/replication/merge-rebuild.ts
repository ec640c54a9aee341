// SPDX-License-Identifier: GPL-2.0-or-later
// Makes merged packs at a site that follows, from the packs that they replace, instead of fetching
// them: the same frames in the same order under the same keys are the same pack. What comes out
// differently, under another version of the program, is fetched, as far as its parts differ.
import { messageOf } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import { packIdOf } from '../dataset/descriptor.ts';
import { decodeGenesis } from '../dataset/genesis.ts';
import type { KeyLookup } from '../dataset/envelope.ts';
import type { PackId } from '../dataset/ids.ts';
import type { ManifestBody } from '../dataset/manifest.ts';
import type { Catalogue } from '../store/catalogue.ts';
import type { PackStore } from '../store/pack-store.ts';
import type { SealedPack } from '../store/pack-writer.ts';
import type { SecretsStore } from '../store/secrets-store.ts';
import type { SnapshotRow } from '../store/rows.ts';
import { datasetKeys } from './dataset-keys.ts';
import type { Dataset, DatasetRegistry } from './dataset-registry.ts';
import { LiveChunks } from './live-chunks.ts';
import type { PackExchange } from './pack-exchange.ts';
import type { PackLibrary } from './pack-library.ts';
import { completeRow } from './pack-fetch.ts';
import { mergePacks } from './pack-merge.ts';
import type { PackMap, SnapshotChain } from './snapshot-chain.ts';

interface Components {
  readonly catalogue: Catalogue;
  readonly packs: PackStore;
  readonly secrets: SecretsStore;
  readonly registry: DatasetRegistry;
  readonly chain: SnapshotChain;
  readonly library: PackLibrary;
  readonly exchange: PackExchange;
  readonly keyOf: KeyLookup;
  readonly logger: Logger;
}

interface Init {
  readonly packsFolder: string;
}

export class MergeRebuild {
  readonly #components: Components;
  readonly #init: Init;

  constructor(components: Components, init: Init) {
    this.#components = components;
    this.#init = init;
  }

  /**
   * Makes those merged packs of the snapshot that can be made of what is here. The others are to be
   * fetched. Resolves with the bytes made. AbortError.
   */
  async make(dataset: Dataset, row: SnapshotRow, signal: AbortSignal): Promise<number> {
    const { chain, exchange, logger } = this.#components;
    const packs = await chain.packs(row);
    const missing = await exchange.missing(dataset, packs);
    const wanted = new Set(missing.map(({ packId }) => packId));
    if (wanted.size === 0) return 0;
    let bytes = 0;
    for (const merge of await this.#mergesOf(dataset, row, wanted)) {
      try {
        bytes += await this.#make(dataset, merge, wanted, signal);
      } catch (error) {
        signal.throwIfAborted();
        const { snapshotId } = merge;
        logger.info('merged packs are fetched', { snapshotId, reason: messageOf(error) });
      }
    }
    return bytes;
  }

  /** Maintenance snapshots that added some of the wanted packs, oldest first. */
  async #mergesOf(
    dataset: Dataset,
    row: SnapshotRow,
    wanted: ReadonlySet<PackId>,
  ): Promise<SnapshotRow[]> {
    const { chain } = this.#components;
    const left = new Set(wanted);
    const merges: SnapshotRow[] = [];
    for (let next: SnapshotRow | undefined = row; next !== undefined && left.size > 0;) {
      const added = (await chain.body(next)).packsAdded.map(packIdOf);
      const isAny = added.filter((packId) => left.delete(packId)).length > 0;
      if (isAny && next.kind === 'maintenance') merges.unshift(next);
      next = next.parent === null ? undefined : await chain.find(dataset.id, next.parent);
    }
    return merges;
  }

  async #make(
    dataset: Dataset,
    merge: SnapshotRow,
    wanted: ReadonlySet<PackId>,
    signal: AbortSignal,
  ): Promise<number> {
    const { chain, exchange } = this.#components;
    if (merge.parent === null) return 0;
    const parent = await chain.packs(await chain.snapshot(dataset.id, merge.parent));
    if ((await exchange.missing(dataset, parent)).length > 0) return 0;
    const body = await chain.body(merge);
    const sealed = await this.#merge(dataset, body, parent, signal);
    return this.#keep(dataset, { body, sealed, wanted });
  }

  async #merge(
    dataset: Dataset,
    body: ManifestBody,
    parent: PackMap,
    signal: AbortSignal,
  ): Promise<SealedPack[]> {
    const { chain, keyOf, library, packs, registry, secrets } = this.#components;
    const genesisBytes = await secrets.genesis(dataset.id);
    const keyEpoch = body.packsAdded[0]?.keyEpoch;
    if (genesisBytes === undefined || keyEpoch === undefined) return [];
    const { genesis } = decodeGenesis(genesisBytes, keyOf);
    const keys = datasetKeys(await registry.secretsOf(dataset));
    const recipes = [body.recipe];
    for (const snapshotId of body.retained) {
      recipes.push((await chain.body(await chain.snapshot(dataset.id, snapshotId))).recipe);
    }
    return library.readingOnce(dataset, parent, async (set) => {
      const live = await LiveChunks.of(set, recipes, signal);
      return mergePacks(packs, live.framesToCopy(parent, new Set(body.packsRemoved)), {
        packsFolder: this.#init.packsFolder,
        keys: { ...keys.epochKeys(keyEpoch), keyEpoch, level: genesis.zstdLevel },
        signal,
      });
    });
  }

  /** Those of the manifest count as complete; of others the parts that fit are kept. */
  async #keep(
    dataset: Dataset,
    made: {
      readonly body: ManifestBody;
      readonly sealed: readonly SealedPack[];
      readonly wanted: ReadonlySet<PackId>;
    },
  ): Promise<number> {
    let bytes = 0;
    const { catalogue, exchange, logger, packs } = this.#components;
    for (const [index, { packId, descriptor }] of made.sealed.entries()) {
      const expected = made.body.packsAdded[index];
      const expectedId = expected === undefined ? undefined : packIdOf(expected);
      if (expectedId === undefined || !made.wanted.has(expectedId)) {
        await packs.remove(packId);
      } else if (expectedId === packId) {
        await catalogue.packs.put(packId, completeRow({ packId, descriptor, dataset }));
        await exchange.share([{ packId, descriptor }]);
        bytes += descriptor.size;
      } else {
        logger.info('merged pack differs', { packId: expectedId });
        await packs.adopt(expectedId, packs.path(packId));
      }
    }
    return bytes;
  }
}
