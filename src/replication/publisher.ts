// SPDX-License-Identifier: GPL-2.0-or-later
// Makes snapshots of folders: scan, ingest, packs, manifest; durable, then shared, then pushed.
import type { Clock } from '../base/clock.ts';
import { ENTRY_INDEX_SIZE, PACK_GROWTH, PACK_OVERHEAD } from '../base/limits.ts';
import type { Logger } from '../base/logger.ts';
import type { ChunkIndexInit } from '../store/chunk-index.ts';
import type { FeatureStore } from '../store/feature-store.ts';
import type { IndexStore } from '../store/index-store.ts';
import { PackSession } from '../store/pack-session.ts';
import type { PackSet } from '../store/pack-set.ts';
import type { PackStore } from '../store/pack-store.ts';
import type { SealedPack } from '../store/pack-writer.ts';
import { Reservation } from '../store/reservation.ts';
import type { SnapshotRow } from '../store/rows.ts';
import { BaseFinder } from './base-finder.ts';
import { ChunkSink, type FrameSink } from './chunk-sink.ts';
import { datasetKeys, type DatasetKeys } from './dataset-keys.ts';
import type { DatasetLocks } from './dataset-locks.ts';
import type { Dataset, DatasetParameters, DatasetRegistry } from './dataset-registry.ts';
import { loadSimilarity } from './feature-index.ts';
import { Ingest, type IngestResult } from './ingest.ts';
import { NewChunks } from './new-chunks.ts';
import type { PackExchange } from './pack-exchange.ts';
import type { PackLibrary } from './pack-library.ts';
import type { Forgotten, PackSweep } from './pack-sweep.ts';
import { RecipeCursor } from './recipe-cursor.ts';
import { readRecipe } from './recipe-reader.ts';
import type { PublishProgress } from './site-view.ts';
import type { SnapshotChain } from './snapshot-chain.ts';
import type { Parent, SnapshotCommit } from './snapshot-commit.ts';
import type { StampStore, StampWriter } from './stamp-store.ts';
import { scanTree, type SourceTree } from './tree-scanner.ts';

interface Components {
  readonly packs: PackStore;
  readonly features: FeatureStore;
  readonly index: IndexStore;
  readonly stamps: StampStore;
  readonly registry: DatasetRegistry;
  readonly chain: SnapshotChain;
  readonly library: PackLibrary;
  readonly exchange: PackExchange;
  readonly sweep: PackSweep;
  readonly commit: SnapshotCommit;
  readonly locks: DatasetLocks;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Init extends DatasetParameters, ChunkIndexInit {
  readonly packsFolder: string;
  readonly threads: number;
}

export interface PublishOptions {
  readonly folder: string;
  /** Name; or id of an own data set. */
  readonly dataset: string;
  /** Reads files too that look unchanged. */
  readonly checksum: boolean;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: PublishProgress) => void;
}

export interface Published {
  readonly dataset: Dataset;
  readonly row: SnapshotRow;
  readonly ingest: IngestResult;
  readonly uniqueBytes: number;
  readonly packs: readonly SealedPack[];
  readonly ingestMs: number;
}

interface IngestFrom {
  readonly tree: SourceTree;
  readonly scanStartMs: number;
  readonly parent: Parent | undefined;
  /** The packs of the parent. */
  readonly known: PackSet;
}

/** The packs of a publish under way, and the space that is held for them. */
interface PackWriting extends FrameSink {
  readonly reservation: Reservation;
  readonly session: PackSession;
  /** Those that are finished. */
  readonly sealed: SealedPack[];
}

interface Ingested {
  readonly result: IngestResult;
  readonly uniqueBytes: number;
  readonly packs: readonly SealedPack[];
  readonly stamps: StampWriter;
}

export class Publisher {
  readonly #components: Components;
  readonly #init: Init;

  constructor(components: Components, init: Init) {
    this.#components = components;
    this.#init = init;
  }

  /**
   * Makes a snapshot; it is durable and shared when this resolves. When it rejects nothing of it is
   * left. ERR_DATASET_BUSY while another publish or a prune of the data set runs.
   */
  async publish(options: PublishOptions): Promise<Published> {
    const name = options.dataset;
    const { registry } = this.#components;
    const known = registry.find(name).find((dataset) => registry.isOwn(dataset));
    // A new data set has no id yet that two publishers could meet at.
    return this.#components.locks.alone(known?.id ?? name, name, async () => {
      const dataset = await registry.own(name, this.#init);
      try {
        return await this.#publish(dataset, options);
      } finally {
        await registry.discard(dataset);
      }
    });
  }

  async #publish(dataset: Dataset, options: PublishOptions): Promise<Published> {
    const { clock, exchange, library, logger } = this.#components;
    const startMs = clock.monotonicMs();
    const scanStartMs = clock.now();
    options.onProgress({ stage: 'scan' });
    const parent = await this.#parentOf(dataset);
    const tree = await this.#scan(dataset, parent, options);
    const packs = parent?.packs ?? new Map();
    let ingested: Ingested;
    try {
      ingested = await library.reading(dataset, packs, options.signal, (set) =>
        this.#ingest(dataset, { tree, scanStartMs, parent, known: set }, options),
      );
    } finally {
      await tree.close();
    }
    let row: SnapshotRow;
    try {
      row = await this.#commit(dataset, parent, ingested, options.signal);
    } finally {
      await ingested.stamps.discard();
    }
    await exchange.share(ingested.packs);
    const ingestMs = Math.round(clock.monotonicMs() - startMs);
    logger.info('snapshot published', {
      dataset: dataset.name,
      snapshotId: row.snapshotId,
      packs: ingested.packs.length,
      bytesRead: ingested.result.bytesRead,
      ingestMs,
    });
    const { uniqueBytes } = ingested;
    return { dataset, row, ingest: ingested.result, uniqueBytes, packs: ingested.packs, ingestMs };
  }

  async #parentOf(dataset: Dataset): Promise<Parent | undefined> {
    const { chain } = this.#components;
    const newest = await chain.newest(dataset.id);
    return newest && { ...newest, body: await chain.body(newest.row) };
  }

  /** Files that look as they did in the parent are not to be read, unless all are. */
  async #scan(
    dataset: Dataset,
    parent: Parent | undefined,
    { folder, checksum, signal }: PublishOptions,
  ): Promise<SourceTree> {
    const stamps =
      parent === undefined || checksum
        ? undefined
        : await this.#components.stamps.load(dataset.id, parent.row.snapshotId);
    try {
      return await scanTree(folder, { stamps, scratchFolder: this.#init.packsFolder, signal });
    } finally {
      await stamps?.close();
    }
  }

  async #ingest(dataset: Dataset, from: IngestFrom, options: PublishOptions): Promise<Ingested> {
    const { registry, stamps } = this.#components;
    const { known, parent, tree, scanStartMs } = from;
    const { genesis } = await registry.genesisOf(dataset);
    const keys = datasetKeys(await registry.secretsOf(dataset));
    const { signal, onProgress } = options;
    const recipe = parent && new RecipeCursor(readRecipe(known, parent.body.recipe, signal));
    const added = new NewChunks(this.#components, this.#init);
    const writing = await this.#startPacks(tree, keys, { level: genesis.zstdLevel, added });
    const { threads } = this.#init;
    const bases = new BaseFinder(known, await loadSimilarity(this.#components, known));
    const sink = new ChunkSink(
      { known, added, bases, frames: writing },
      { keys, compressionLevel: genesis.zstdLevel, threads },
    );
    const newStamps = stamps.write(dataset.id, { scanStartMs });
    try {
      const ingest = new Ingest(
        { sink, stamps: newStamps },
        { tree, keys: { ...keys, average: genesis.chunkAverage }, threads, signal, onProgress },
      );
      const result = await ingest.run(recipe);
      await sink.finish();
      await writing.session.finish();
      const { sealed } = writing;
      return { result, uniqueBytes: sink.uniqueBytes, packs: sealed, stamps: newStamps };
    } catch (error) {
      await sink.finish().catch(() => undefined);
      await newStamps.discard();
      await writing.session.abort();
      await this.#remove(writing.sealed);
      throw error;
    } finally {
      await recipe?.close();
      await writing.reservation.release();
    }
  }

  async #remove(sealed: readonly SealedPack[]): Promise<void> {
    const { features, index, packs } = this.#components;
    for (const { packId } of sealed) {
      await packs.remove(packId);
      await index.remove(packId);
      await features.remove(packId);
    }
  }

  /** Takes the space that the packs may need at most, and gives it back as they are written. */
  async #startPacks(
    tree: SourceTree,
    keys: DatasetKeys,
    { level, added }: { readonly level: number; readonly added: NewChunks },
  ): Promise<PackWriting> {
    const entryBytes = tree.entryCount * ENTRY_INDEX_SIZE;
    const bytes = Math.ceil(tree.toReadBytes * PACK_GROWTH) + PACK_OVERHEAD + entryBytes;
    const reservation = await Reservation.take(this.#init.packsFolder, bytes);
    const sealed: SealedPack[] = [];
    const { keyEpoch } = keys;
    const session = new PackSession(this.#components.packs, {
      keys: { ...keys.epochKeys(keyEpoch), keyEpoch, level },
      onPack: (pack) => {
        const { packId, descriptor } = pack;
        sealed.push({ packId, descriptor });
        return added.seal(pack);
      },
    });
    return {
      reservation,
      session,
      sealed,
      append: async (frames, entries) => {
        await reservation.shrink(frames.length);
        await session.append(frames, entries);
      },
    };
  }

  /** Forgets what the rules keep no more, then signs. */
  async #commit(
    dataset: Dataset,
    parent: Parent | undefined,
    ingested: Ingested,
    signal: AbortSignal,
  ): Promise<SnapshotRow> {
    const { commit } = this.#components;
    const { recipe, fileCount, contentBytes, allocatedBytes } = ingested.result;
    const forgotten = await this.#forget(dataset, parent, ingested, signal);
    // When this fails, the packs stay until the next start: who knows whether the manifest counts.
    return commit.commit(dataset, {
      kind: 'snapshot',
      parent,
      body: {
        ...{ recipe, fileCount, contentBytes, allocatedBytes },
        ...forgotten,
        packsAdded: ingested.packs.map(({ descriptor }) => descriptor),
      },
      onSigned: (snapshotId) => ingested.stamps.save(snapshotId),
    });
  }

  async #forget(
    dataset: Dataset,
    parent: Parent | undefined,
    { packs: added, result }: Ingested,
    signal: AbortSignal,
  ): Promise<Forgotten> {
    const { clock, sweep } = this.#components;
    const next = { recipe: result.recipe, packs: added, createdMs: clock.now() };
    try {
      return await sweep.forget(dataset, parent, next, signal);
    } catch (error) {
      await this.#remove(added);
      throw error;
    }
  }
}
