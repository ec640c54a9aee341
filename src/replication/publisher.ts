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
import type { SealedPack, WrittenPack } from '../store/pack-writer.ts';
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
import type { PackAnnouncer, PublishSession } from './pack-announcer.ts';
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
  readonly announcer: PackAnnouncer;
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
  /** From the start to the first pack that peers could fetch; undefined without new packs. */
  readonly firstPackMs: number | undefined;
}

interface IngestFrom {
  readonly tree: SourceTree;
  readonly scanStartMs: number;
  /** Monotonic, of the publish. */
  readonly startMs: number;
  readonly parent: Parent | undefined;
  /** The packs of the parent. */
  readonly known: PackSet;
  readonly session: PublishSession;
}

/** The packs of a publish under way. */
interface PackWriting extends FrameSink {
  /** The space that is held for them, once it is known how much they may need. */
  readonly reservation: Promise<Reservation>;
  readonly session: PackSession;
  /** Those that are finished, shared and announced. */
  readonly sealed: SealedPack[];
  firstPackMs: number | undefined;
}

interface PacksInit {
  readonly level: number;
  /** Milliseconds since the start of the publish. */
  readonly onPack: (pack: WrittenPack) => Promise<number>;
}

interface Ingested {
  readonly result: IngestResult;
  readonly uniqueBytes: number;
  readonly packs: readonly SealedPack[];
  readonly stamps: StampWriter;
  readonly firstPackMs: number | undefined;
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
    const { announcer, clock, library, logger } = this.#components;
    const startMs = clock.monotonicMs();
    const scanStartMs = clock.now();
    options.onProgress({ stage: 'scan' });
    const parent = await this.#parentOf(dataset);
    const tree = await this.#scan(dataset, parent, options);
    const packs = parent?.packs ?? new Map();
    const place = { epoch: parent?.row.epoch ?? 0, parent: parent?.row.snapshotId ?? null };
    let session: PublishSession;
    let ingested: Ingested;
    try {
      session = await announcer.open(dataset, place);
      const from = { tree, scanStartMs, startMs, parent, session };
      ingested = await library.reading(dataset, packs, options.signal, (known) =>
        this.#ingest(dataset, { ...from, known }, options),
      );
    } finally {
      await tree.close();
    }
    let row: SnapshotRow;
    try {
      row = await this.#commit(dataset, { parent, session }, ingested, options.signal);
    } finally {
      await ingested.stamps.discard();
    }
    session.close();
    const ingestMs = Math.round(clock.monotonicMs() - startMs);
    const { result, uniqueBytes, firstPackMs } = ingested;
    logger.info('snapshot published', {
      dataset: dataset.name,
      snapshotId: row.snapshotId,
      packs: ingested.packs.length,
      bytesRead: result.bytesRead,
      firstPackMs,
      ingestMs,
    });
    const times = { ingestMs, firstPackMs };
    return { dataset, row, ingest: result, uniqueBytes, packs: ingested.packs, ...times };
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
    return scanTree(folder, { stamps, scratchFolder: this.#init.packsFolder, signal });
  }

  async #ingest(dataset: Dataset, from: IngestFrom, options: PublishOptions): Promise<Ingested> {
    const { registry, stamps } = this.#components;
    const { known, parent, tree, scanStartMs } = from;
    const { genesis } = await registry.genesisOf(dataset);
    const keys = datasetKeys(await registry.secretsOf(dataset));
    const { signal, onProgress } = options;
    const recipe = parent && new RecipeCursor(readRecipe(known, parent.body.recipe, signal));
    const added = new NewChunks(this.#components, this.#init);
    const bases = new BaseFinder(known, await loadSimilarity(this.#components, known));
    const writing = this.#startPacks(tree, keys, {
      level: genesis.zstdLevel,
      onPack: (pack) => this.#share(pack, from, added),
    });
    const { threads } = this.#init;
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
      signal.throwIfAborted();
      const { sealed, firstPackMs } = writing;
      const packs = { packs: sealed, firstPackMs };
      return { result, uniqueBytes: sink.uniqueBytes, ...packs, stamps: newStamps };
    } catch (error) {
      await tree.close();
      await sink.finish().catch(() => undefined);
      await newStamps.discard();
      await writing.session.abort();
      // A full disk needs the room.
      await releaseSpace(writing);
      await from.session.abandon();
      throw error;
    } finally {
      await recipe?.close();
      await releaseSpace(writing);
    }
  }

  /** The pack can be fetched when this resolves; the number of milliseconds since the start. */
  async #share(
    pack: WrittenPack,
    { session, startMs }: IngestFrom,
    added: NewChunks,
  ): Promise<number> {
    const { clock, features, index, logger, packs } = this.#components;
    const { packId } = pack;
    try {
      await added.seal(pack);
      await session.add(pack);
    } catch (error) {
      await packs.remove(packId);
      await index.remove(packId);
      await features.remove(packId);
      throw error;
    }
    const sinceStartMs = Math.round(clock.monotonicMs() - startMs);
    logger.info('pack shared', { packId, size: pack.descriptor.size, sinceStartMs });
    return sinceStartMs;
  }

  /**
   * Takes the space that the packs may need at most, before the first byte is written, and gives it
   * back as they grow.
   */
  #startPacks(tree: SourceTree, keys: DatasetKeys, init: PacksInit): PackWriting {
    const reservation = this.#reserve(tree);
    // A failure is met by the first append.
    reservation.catch(() => undefined);
    const { keyEpoch } = keys;
    const session = new PackSession(this.#components.packs, {
      keys: { ...keys.epochKeys(keyEpoch), keyEpoch, level: init.level },
      onPack: async (pack) => {
        const { packId, descriptor } = pack;
        const sinceStartMs = await init.onPack(pack);
        writing.sealed.push({ packId, descriptor });
        writing.firstPackMs ??= sinceStartMs;
      },
    });
    const writing: PackWriting = {
      reservation,
      session,
      sealed: [],
      firstPackMs: undefined,
      append: async (frames, entries) => {
        await (await reservation).shrink(frames.length);
        await session.append(frames, entries);
      },
    };
    return writing;
  }

  async #reserve(tree: SourceTree): Promise<Reservation> {
    await tree.scanned;
    const entryBytes = tree.entryCount * ENTRY_INDEX_SIZE;
    const bytes = Math.ceil(tree.toReadBytes * PACK_GROWTH) + PACK_OVERHEAD + entryBytes;
    return Reservation.take(this.#init.packsFolder, bytes);
  }

  /** Forgets what the rules keep no more, then signs. */
  async #commit(
    dataset: Dataset,
    { parent, session }: Pick<IngestFrom, 'parent' | 'session'>,
    ingested: Ingested,
    signal: AbortSignal,
  ): Promise<SnapshotRow> {
    const { commit } = this.#components;
    const { recipe, fileCount, contentBytes, allocatedBytes } = ingested.result;
    const forgotten = await this.#forget(dataset, { parent, session }, ingested, signal);
    // When this fails, the packs stay until the next publish or start: who knows whether the
    // manifest counts.
    return commit.commit(dataset, {
      kind: 'snapshot',
      parent,
      body: {
        ...{ recipe, fileCount, contentBytes, allocatedBytes },
        ...forgotten,
        packsAdded: ingested.packs.map(({ descriptor }) => descriptor),
      },
      onSigned: (snapshotId) => ingested.stamps.save(snapshotId),
      ops: session.closeOps(),
    });
  }

  async #forget(
    dataset: Dataset,
    { parent, session }: Pick<IngestFrom, 'parent' | 'session'>,
    { packs: added, result }: Ingested,
    signal: AbortSignal,
  ): Promise<Forgotten> {
    const { clock, sweep } = this.#components;
    const next = { recipe: result.recipe, packs: added, createdMs: clock.now() };
    try {
      return await sweep.forget(dataset, parent, next, signal);
    } catch (error) {
      await session.abandon();
      throw error;
    }
  }
}

/** Also when it was never taken. */
async function releaseSpace({ reservation }: PackWriting): Promise<void> {
  await (await reservation.catch(() => undefined))?.release();
}
