// SPDX-License-Identifier: GPL-2.0-or-later
// Makes snapshots of folders: scan, ingest, packs, manifest; durable, then shared, then pushed.
import type { Clock } from '../base/clock.ts';
import { ReplicationError } from '../base/errors.ts';
import { LIVE_PACKS_MAX, PACK_GROWTH, PACK_OVERHEAD } from '../base/limits.ts';
import type { Logger } from '../base/logger.ts';
import { packIdOf } from '../dataset/descriptor.ts';
import type { KeyLookup } from '../dataset/envelope.ts';
import type { SnapshotId } from '../dataset/ids.ts';
import { epochChecksOf } from '../dataset/keys.ts';
import {
  bodyHashOf,
  decodeHeader,
  encodeHeader,
  type ManifestHeader,
} from '../dataset/manifest-header.ts';
import { encodeBody, packSetRoot, type ManifestBody } from '../dataset/manifest.ts';
import type { Identity } from '../peers/identity.ts';
import type { Catalogue } from '../store/catalogue.ts';
import { ChunkSet } from '../store/chunk-set.ts';
import type { FeatureStore } from '../store/feature-store.ts';
import type { ManifestStore } from '../store/manifest-store.ts';
import { PackSession } from '../store/pack-session.ts';
import type { PackSet } from '../store/pack-set.ts';
import type { PackStore } from '../store/pack-store.ts';
import type { SealedPack } from '../store/pack-writer.ts';
import { Reservation } from '../store/reservation.ts';
import type { SnapshotRow } from '../store/rows.ts';
import { snapshotRowOf } from './acceptance.ts';
import { BaseFinder } from './base-finder.ts';
import { ChunkSink, type FrameSink } from './chunk-sink.ts';
import { datasetKeys, type DatasetKeys } from './dataset-keys.ts';
import type { Dataset, DatasetParameters, DatasetRegistry } from './dataset-registry.ts';
import { NewFeatures, loadSimilarity } from './feature-index.ts';
import { Ingest, planRead, type IngestResult, type ReadPlan } from './ingest.ts';
import type { PackExchange } from './pack-exchange.ts';
import { completeRow } from './pack-fetch.ts';
import type { PackLibrary } from './pack-library.ts';
import { RecipeCursor } from './recipe-cursor.ts';
import { readRecipe } from './recipe-reader.ts';
import type { PublishProgress } from './site-view.ts';
import { sizeOfPacks, snapshotKey, type PackMap, type SnapshotChain } from './snapshot-chain.ts';
import { StampWriter, type StampStore } from './stamp-store.ts';
import { scanTree, type SourceTree } from './tree-scanner.ts';

interface Components {
  readonly catalogue: Catalogue;
  readonly manifests: ManifestStore;
  readonly packs: PackStore;
  readonly features: FeatureStore;
  readonly stamps: StampStore;
  readonly registry: DatasetRegistry;
  readonly chain: SnapshotChain;
  readonly library: PackLibrary;
  readonly exchange: PackExchange;
  readonly identity: Identity;
  readonly keyOf: KeyLookup;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Init extends DatasetParameters {
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

/** Where a new snapshot goes on from. */
interface Parent {
  readonly row: SnapshotRow;
  readonly body: ManifestBody;
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
  /** Ids of data sets with a publish under way; names of new ones. */
  readonly #busy = new Set<string>();

  constructor(components: Components, init: Init) {
    this.#components = components;
    this.#init = init;
  }

  /**
   * Makes a snapshot; it is durable and shared when this resolves. When it rejects nothing of it is
   * left. ERR_DATASET_BUSY while another publish of the data set runs.
   */
  async publish(options: PublishOptions): Promise<Published> {
    const name = options.dataset;
    const { registry } = this.#components;
    const known = registry.find(name).find((dataset) => registry.isOwn(dataset));
    // A new data set has no id yet that two publishers could meet at.
    const key = known?.id ?? name;
    if (this.#busy.has(key)) {
      throw new ReplicationError('ERR_DATASET_BUSY', `data set ${name} is being published`, {
        dataset: name,
      });
    }
    this.#busy.add(key);
    try {
      const dataset = await registry.own(name, this.#init);
      try {
        return await this.#publish(dataset, options);
      } finally {
        await registry.discard(dataset);
      }
    } finally {
      this.#busy.delete(key);
    }
  }

  async #publish(dataset: Dataset, options: PublishOptions): Promise<Published> {
    const { chain, clock, exchange, library, logger } = this.#components;
    const startMs = clock.monotonicMs();
    const scanStartMs = clock.now();
    options.onProgress({ stage: 'scan' });
    const tree = await scanTree(options.folder, options.signal);
    const parent = await this.#parentOf(dataset);
    const packs: PackMap = parent === undefined ? new Map() : await chain.packs(parent.row);
    const ingested = await library.reading(dataset, packs, options.signal, (set) =>
      this.#ingest(dataset, { tree, scanStartMs, parent, known: set }, options),
    );
    const row = await this.#commit(dataset, parent, packs, ingested);
    library.addSealed(dataset, ingested.packs);
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
    const head = await chain.head(dataset.id);
    if (head === undefined) return undefined;
    const row = await chain.snapshot(dataset.id, head.snapshotId);
    return { row, body: await chain.body(row) };
  }

  async #ingest(dataset: Dataset, from: IngestFrom, options: PublishOptions): Promise<Ingested> {
    const { logger, packs, registry, stamps } = this.#components;
    const { known, parent, tree, scanStartMs } = from;
    const { genesis } = await registry.genesisOf(dataset);
    const keys = datasetKeys(await registry.secretsOf(dataset));
    const { signal, onProgress } = options;
    const cursor =
      parent === undefined || options.checksum
        ? undefined
        : await stamps.load(dataset.id, parent.row.snapshotId);
    const plan = planRead(tree, cursor);
    const recipe =
      parent === undefined || cursor === undefined
        ? undefined
        : new RecipeCursor(readRecipe(known, parent.body.recipe, signal));
    const added = new ChunkSet();
    const features = new NewFeatures(added);
    const writing = await this.#startPacks(plan, keys, { level: genesis.zstdLevel, features });
    const { threads } = this.#init;
    const store = this.#components.features;
    const bases = new BaseFinder(known, await loadSimilarity({ store, logger }, known));
    const sink = new ChunkSink(
      { known, added, bases, features, frames: writing },
      { keys, compressionLevel: genesis.zstdLevel, threads },
    );
    const newStamps = new StampWriter({ scanStartMs });
    try {
      const ingest = new Ingest(
        { sink, stamps: newStamps },
        { tree, keys: { ...keys, average: genesis.chunkAverage }, threads, signal, onProgress },
      );
      const result = await ingest.run(plan, recipe);
      await sink.finish();
      await writing.session.finish();
      const { sealed } = writing;
      return { result, uniqueBytes: sink.uniqueBytes, packs: sealed, stamps: newStamps };
    } catch (error) {
      await sink.finish().catch(() => undefined);
      await writing.session.abort();
      for (const { packId } of writing.sealed) await packs.remove(packId);
      throw error;
    } finally {
      await recipe?.close();
      await writing.reservation.release();
    }
  }

  /** Takes the space that the packs may need at most, and gives it back as they are written. */
  async #startPacks(
    plan: ReadPlan,
    keys: DatasetKeys,
    { level, features }: { readonly level: number; readonly features: NewFeatures },
  ): Promise<PackWriting> {
    const bytes = Math.ceil(plan.bytes * PACK_GROWTH) + PACK_OVERHEAD;
    const reservation = await Reservation.take(this.#init.packsFolder, bytes);
    const sealed: SealedPack[] = [];
    const { keyEpoch } = keys;
    const session = new PackSession(this.#components.packs, {
      keys: { ...keys.epochKeys(keyEpoch), keyEpoch, level },
      onPack: (pack) => {
        sealed.push(pack);
        return this.#components.features.put(pack.packId, features.ofPack(pack));
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

  /**
   * Signs the manifest and makes it the head: files first, then one batch that makes them count.
   */
  async #commit(
    dataset: Dataset,
    parent: Parent | undefined,
    parentPacks: PackMap,
    ingested: Ingested,
  ): Promise<SnapshotRow> {
    const { clock, identity, keyOf, manifests, registry, stamps } = this.#components;
    const packIds = [...parentPacks.keys(), ...ingested.packs.map(({ packId }) => packId)];
    if (packIds.length > LIVE_PACKS_MAX) {
      throw new ReplicationError('ERR_LIMIT_EXCEEDED', `${dataset.name} has too many packs`, {
        limit: 'LIVE_PACKS_MAX',
        value: packIds.length,
      });
    }
    const { result } = ingested;
    const body: ManifestBody = {
      recipe: result.recipe,
      retained: [],
      packsAdded: ingested.packs.map(({ descriptor }) => descriptor),
      packsRemoved: [],
      packSetRoot: packSetRoot(packIds),
      keyEpochs: epochChecksOf(await registry.secretsOf(dataset)),
      fileCount: result.fileCount,
      contentBytes: result.contentBytes,
      allocatedBytes: result.allocatedBytes,
    };
    const bytes = encodeBody(body);
    const header: ManifestHeader = {
      datasetId: dataset.id,
      epoch: parent?.row.epoch ?? 0,
      sequence: (parent?.row.sequence ?? 0) + 1,
      parent: parent?.row.snapshotId ?? null,
      kind: 'snapshot',
      visibility: 'onStage',
      members: [],
      threshold: 0,
      bodyHash: bodyHashOf(bytes),
      bodySize: bytes.length,
      createdMs: clock.now(),
    };
    const envelope = encodeHeader(header, identity.signer);
    const { snapshotId } = decodeHeader(envelope, keyOf);
    await manifests.putBody(snapshotId, bytes);
    await manifests.putHeader(snapshotId, envelope);
    await stamps.save(dataset.id, snapshotId, ingested.stamps);
    return this.#commitRows(dataset, { header, snapshotId }, body, {
      packBytes: sizeOfPacks(parentPacks.values()) + sizeOfPacks(body.packsAdded),
    });
  }

  async #commitRows(
    dataset: Dataset,
    decoded: { readonly header: ManifestHeader; readonly snapshotId: SnapshotId },
    body: ManifestBody,
    { packBytes }: { readonly packBytes: number },
  ): Promise<SnapshotRow> {
    const { catalogue, clock, registry } = this.#components;
    const { header, snapshotId } = decoded;
    const now = clock.now();
    const row: SnapshotRow = {
      ...snapshotRowOf(dataset, decoded, body),
      packBytes,
      state: 'visible',
      acceptedMs: now,
      visibleMs: now,
    };
    await catalogue.write([
      ...(registry.get(dataset.id) === undefined ? [registry.admitOp(dataset)] : []),
      ...body.packsAdded.map((descriptor) => {
        const packId = packIdOf(descriptor);
        return catalogue.packs.putOp(packId, completeRow({ packId, descriptor, dataset }));
      }),
      catalogue.snapshots.putOp(snapshotKey(dataset.id, snapshotId), row),
      catalogue.heads.putOp(dataset.id, {
        snapshotId,
        epoch: header.epoch,
        sequence: header.sequence,
      }),
    ]);
    registry.remember(dataset);
    return row;
  }
}
