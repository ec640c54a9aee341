// SPDX-License-Identifier: GPL-2.0-or-later
// `muleplex prune`: forgets snapshots by the rules, removes the packs that nobody needs and merges
// those that are half empty or too many, in a manifest that changes nothing a reader sees.
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { PackId } from '../dataset/ids.ts';
import type { ManifestBody } from '../dataset/manifest.ts';
import { packsToMerge, type MergeRules } from '../dataset/merge-plan.ts';
import type { PackSet } from '../store/pack-set.ts';
import type { FeatureStore } from '../store/feature-store.ts';
import type { IndexStore } from '../store/index-store.ts';
import type { PackStore } from '../store/pack-store.ts';
import type { SealedPack } from '../store/pack-writer.ts';
import type { SnapshotRow } from '../store/rows.ts';
import { datasetKeys } from './dataset-keys.ts';
import type { DatasetLocks } from './dataset-locks.ts';
import type { Dataset, DatasetRegistry } from './dataset-registry.ts';
import type { Distribution } from './distribution.ts';
import { LiveChunks, type FramesOfPack } from './live-chunks.ts';
import type { PackExchange } from './pack-exchange.ts';
import { copyFeatures } from './feature-index.ts';
import type { PackLibrary } from './pack-library.ts';
import { mergePacks, sizeOfFrames } from './pack-merge.ts';
import type { PackRetirement } from './pack-retirement.ts';
import { writerOther, type RetentionService } from './retention-service.ts';
import type { PruneProgress, PruneResult } from './site-view.ts';
import { nothingHere, sizeOfPacks, type PackMap, type SnapshotChain } from './snapshot-chain.ts';
import type { Parent, SnapshotCommit } from './snapshot-commit.ts';
import type { StampStore } from './stamp-store.ts';

interface Components {
  readonly registry: DatasetRegistry;
  readonly chain: SnapshotChain;
  readonly packs: PackStore;
  readonly features: FeatureStore;
  readonly index: IndexStore;
  readonly library: PackLibrary;
  readonly exchange: PackExchange;
  readonly distribution: Pick<Distribution, 'announce'>;
  readonly retention: RetentionService;
  readonly retirement: PackRetirement;
  readonly commit: SnapshotCommit;
  readonly stamps: StampStore;
  readonly locks: DatasetLocks;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Init {
  readonly packsFolder: string;
}

export interface PruneOptions extends MergeRules {
  /** Name or id. */
  readonly dataset: string;
  /** Only says what would be done. */
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: PruneProgress) => void;
}

interface Plan {
  readonly retained: readonly SnapshotRow[];
  /** Needed by no snapshot; and merged, without those. */
  readonly dead: ReadonlySet<PackId>;
  readonly merged: ReadonlySet<PackId>;
  readonly frames: readonly FramesOfPack[];
}

interface Done {
  readonly plan: Plan;
  readonly sealed: readonly SealedPack[];
}

export class Maintenance {
  readonly #components: Components;
  readonly #init: Init;

  constructor(components: Components, init: Init) {
    this.#components = components;
    this.#init = init;
  }

  /**
   * The new manifest is durable and on its way, and what it frees is gone here, when this resolves.
   * When it rejects nothing has changed. ERR_WRITER_OTHER, ERR_DATASET_BUSY, ERR_SPACE_SHORT,
   * ERR_PACK_CORRUPT, ERR_CHUNK_MISSING, AbortError.
   */
  async prune(options: PruneOptions): Promise<PruneResult> {
    const { locks, registry } = this.#components;
    const dataset = registry.resolve(options.dataset);
    if (!registry.isOwn(dataset)) throw writerOther(dataset);
    return locks.alone(dataset.id, dataset.name, () => this.#prune(dataset, options));
  }

  async #prune(dataset: Dataset, options: PruneOptions): Promise<PruneResult> {
    const { chain, clock, distribution, library, logger, retirement } = this.#components;
    const startMs = clock.monotonicMs();
    options.onProgress({ stage: 'mark' });
    const newest = await chain.newest(dataset.id);
    if (newest === undefined) throw nothingHere(dataset);
    const parent = { ...newest, body: await chain.body(newest.row) };
    const done = await library.reading(dataset, parent.packs, options.signal, (set) =>
      this.#work(dataset, parent, set, options),
    );
    const isSame = this.#isSame(parent.body, done);
    const next = options.dryRun || isSame ? undefined : await this.#commit(dataset, parent, done);
    if (next !== undefined) {
      await distribution.announce(dataset, next);
      await retirement.run(dataset);
    }
    const pruneMs = Math.round(clock.monotonicMs() - startMs);
    const result = { ...resultOf(dataset, parent, done, next), dryRun: options.dryRun, pruneMs };
    if (next !== undefined) {
      const { bytesFreed, packsBefore, packsAfter } = result;
      logger.info('data set pruned', {
        dataset: dataset.name,
        ...{ bytesFreed, packsBefore, packsAfter, pruneMs },
      });
    }
    return result;
  }

  async #work(
    dataset: Dataset,
    parent: Parent,
    set: PackSet,
    options: PruneOptions,
  ): Promise<Done> {
    const plan = await this.#plan(dataset, parent, set, options);
    if (options.dryRun || plan.merged.size === 0) return { plan, sealed: [] };
    const { index, packs, registry } = this.#components;
    const { signal, onProgress } = options;
    const bytesTotal = sizeOfFrames(plan.frames);
    const { genesis } = await registry.genesisOf(dataset);
    const keys = datasetKeys(await registry.secretsOf(dataset));
    const { keyEpoch } = keys;
    const sealed = await mergePacks(packs, plan.frames, {
      packsFolder: this.#init.packsFolder,
      keys: { ...keys.epochKeys(keyEpoch), keyEpoch, level: genesis.zstdLevel },
      signal,
      onBytes: (bytesDone) => onProgress({ stage: 'merge', bytesDone, bytesTotal }),
      onPack: async (pack) => {
        await index.put(pack.packId, pack.trailer);
        await copyFeatures(this.#components, set, pack);
      },
    });
    return { plan, sealed };
  }

  async #plan(
    dataset: Dataset,
    parent: Parent,
    set: PackSet,
    options: PruneOptions,
  ): Promise<Plan> {
    const { chain, retention } = this.#components;
    const retained = await retention.retained(dataset, parent, undefined);
    const recipes = [parent.body.recipe];
    for (const row of retained) recipes.push((await chain.body(row)).recipe);
    const live = await LiveChunks.of(set, recipes, options.signal);
    const needed = live.neededPacks();
    const stay: PackMap = new Map([...parent.packs].filter(([packId]) => needed.has(packId)));
    const merged = packsToMerge(live.use(stay), options);
    const dead = new Set([...parent.packs.keys()].filter((packId) => !needed.has(packId)));
    const frames =
      merged.size === 0 ? [] : live.framesToCopy(parent.packs, new Set([...dead, ...merged]));
    return { retained, dead, merged, frames };
  }

  #isSame(body: ManifestBody, { plan, sealed }: Done): boolean {
    const before = body.retained.join();
    const after = idsOf(plan).join();
    return before === after && plan.dead.size + plan.merged.size + sealed.length === 0;
  }

  async #commit(dataset: Dataset, parent: Parent, { plan, sealed }: Done): Promise<SnapshotRow> {
    const { commit, exchange, stamps } = this.#components;
    const { recipe, fileCount, contentBytes, allocatedBytes } = parent.body;
    // When this fails, the packs stay until the next start: who knows whether the manifest counts.
    const row = await commit.commit(dataset, {
      kind: 'maintenance',
      parent,
      body: {
        ...{ recipe, fileCount, contentBytes, allocatedBytes },
        retained: idsOf(plan),
        packsAdded: sealed.map(({ descriptor }) => descriptor),
        packsRemoved: [...plan.dead, ...plan.merged].sort(),
      },
    });
    // The files are those of the parent: the next publish need not read them again.
    await stamps.carry(dataset.id, parent.row.snapshotId, row.snapshotId);
    await exchange.share(sealed);
    return row;
  }
}

function idsOf({ retained }: Plan): SnapshotRow['snapshotId'][] {
  return retained.map(({ snapshotId }) => snapshotId).sort();
}

function resultOf(
  dataset: Dataset,
  parent: Parent,
  { plan, sealed }: Done,
  next: SnapshotRow | undefined,
): Omit<PruneResult, 'dryRun' | 'pruneMs'> {
  const { dead, frames, merged, retained } = plan;
  const keptIds = new Set(retained.map(({ snapshotId }) => snapshotId));
  const left = [...parent.packs].filter(([packId]) => !dead.has(packId) && !merged.has(packId));
  const copiedBytes = sizeOfFrames(frames);
  const bytesBefore = sizeOfPacks(parent.packs.values());
  const addedBytes =
    sealed.length === 0 ? copiedBytes : sizeOfPacks(sealed.map(({ descriptor }) => descriptor));
  const bytesAfter = sizeOfPacks(left.map(([, descriptor]) => descriptor)) + addedBytes;
  return {
    dataset: dataset.name,
    datasetId: dataset.id,
    ...(next === undefined ? {} : { snapshotId: next.snapshotId, sequence: next.sequence }),
    retained: [...keptIds],
    forgotten: parent.body.retained.filter((snapshotId) => !keptIds.has(snapshotId)),
    packsBefore: parent.packs.size,
    packsAfter: left.length + (sealed.length === 0 && frames.length > 0 ? 1 : sealed.length),
    packsMerged: merged.size,
    bytesBefore,
    bytesAfter,
    bytesFreed: bytesBefore - bytesAfter,
    bytesCopied: copiedBytes,
  };
}
