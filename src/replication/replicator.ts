// SPDX-License-Identifier: GPL-2.0-or-later
// Brings one snapshot to a replica folder: space, packs, tree, switch, receipts. Every step can be
// broken off and is taken up again where it was: what is durable is found, what is not is made
// anew.
import type { Clock } from '../base/clock.ts';
import { RESERVATION_SLACK } from '../base/limits.ts';
import type { Logger } from '../base/logger.ts';
import { planFetch } from '../dataset/fetch-plan.ts';
import type { ManifestBody } from '../dataset/manifest.ts';
import type { ReceiptState } from '../dataset/receipt.ts';
import { readTree } from '../native/folder.ts';
import type { Outbox } from '../peers/outbox.ts';
import type { PeerBook } from '../peers/peer-book.ts';
import type { Catalogue, CatalogueOp } from '../store/catalogue.ts';
import type { PackSet } from '../store/pack-set.ts';
import { Reservation } from '../store/reservation.ts';
import type { SnapshotRow } from '../store/rows.ts';
import { BaseTree } from './base-tree.ts';
import { ChunkLayers } from './chunk-layers.ts';
import type { Dataset } from './dataset-registry.ts';
import type { MergeRebuild } from './merge-rebuild.ts';
import type { MissingPack, PackExchange } from './pack-exchange.ts';
import type { WantedPack } from './pack-fetch.ts';
import type { PackHolds } from './pack-holds.ts';
import type { PackLibrary } from './pack-library.ts';
import type { PackRetirement } from './pack-retirement.ts';
import type { ReceiptLedger } from './receipt-ledger.ts';
import { RecipeCursor } from './recipe-cursor.ts';
import { readRecipe } from './recipe-reader.ts';
import { Recomposer } from './recomposer.ts';
import { ReplicaFolder } from './replica-folder.ts';
import type { ReplicaUpkeep } from './replica-upkeep.ts';
import { sizeOfPacks, snapshotKey, type PackMap, type SnapshotChain } from './snapshot-chain.ts';
import { TreeCursor } from './tree-cursor.ts';
import { absolutePath } from './tree-scanner.ts';

export interface ReplicatorComponents {
  readonly catalogue: Catalogue;
  readonly chain: SnapshotChain;
  readonly library: PackLibrary;
  readonly exchange: PackExchange;
  readonly merges: MergeRebuild;
  readonly holds: PackHolds;
  readonly retirement: PackRetirement;
  readonly receipts: ReceiptLedger;
  readonly outbox: Outbox;
  readonly peers: PeerBook;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Init {
  readonly dataset: Dataset;
  readonly folder: ReplicaFolder;
  readonly upkeep: ReplicaUpkeep;
  readonly packsFolder: string;
  /** Key of the row of `follow`. */
  readonly followKey: string;
  readonly onStage: (stage: 'planning' | 'fetching' | 'recomposing', percent: number) => void;
  /** Called with the packs that the visible snapshot does not have. */
  readonly onPlan: (packs: readonly WantedPack[]) => void;
}

export class Replicator {
  readonly #components: ReplicatorComponents;
  readonly #init: Init;

  constructor(components: ReplicatorComponents, init: Init) {
    this.#components = components;
    this.#init = init;
  }

  /** The snapshot is visible, and its receipts are on their way, when this resolves. */
  async replicate(row: SnapshotRow, signal: AbortSignal): Promise<void> {
    const packs = await this.#components.chain.packs(row);
    const release = this.#components.holds.hold(packs.keys());
    try {
      await this.#replicate(row, packs, signal);
    } finally {
      release();
    }
  }

  async #replicate(row: SnapshotRow, packs: PackMap, signal: AbortSignal): Promise<void> {
    const { chain, library, merges } = this.#components;
    const { dataset, folder, onStage } = this.#init;
    onStage('planning', 0);
    const body = await chain.body(row);
    if (!(await folder.has(row.snapshotId))) {
      const space = await this.#reserveTree(row, body);
      try {
        const made = await this.#timed('merged packs made', () =>
          merges.make(dataset, row, signal),
        );
        await this.#timed('packs complete', () => this.#fetch(row, packs, made, signal));
        onStage('recomposing', 0);
        await this.#timed('tree made', () =>
          library.reading(dataset, packs, signal, (set) =>
            this.#recompose(row, body, { set, space }, signal),
          ),
        );
      } finally {
        await space.release();
      }
      await this.#timed('tree on disk', () => folder.seal(row.snapshotId));
    }
    await this.#announce(row, 'staged');
    await folder.show(row.snapshotId);
    await this.#announce(row, 'visible');
  }

  async #timed<Result>(step: string, work: () => Promise<Result>): Promise<Result> {
    const { clock, logger } = this.#components;
    const startMs = clock.monotonicMs();
    const result = await work();
    logger.debug(step, { durationMs: Math.round(clock.monotonicMs() - startMs) });
    return result;
  }

  /** Takes the space for the packs, then gets them; so many bytes of them were made here. */
  async #fetch(
    row: SnapshotRow,
    packs: PackMap,
    bytesMade: number,
    signal: AbortSignal,
  ): Promise<void> {
    const { clock, exchange } = this.#components;
    const { dataset, packsFolder, onPlan, onStage } = this.#init;
    const before = await this.#previousPacks(row);
    const added = planFetch(packs.values(), (packId) => before.has(packId));
    onPlan(added.fetches.map((fetch) => ({ ...fetch, dataset })));
    const wanted = await exchange.missing(dataset, packs);
    const bytes = sizeOfPacks(wanted.map(({ descriptor }) => descriptor));
    const bytesHere = wanted.reduce((sum, pack) => sum + pack.bytesHere, 0);
    const now = clock.now();
    const fetchStartedMs = row.fetchStartedMs ?? now;
    await this.#update(row, {
      state: 'fetching',
      fetchedBytes: Math.max(0, added.bytes - bytesMade),
      fetchStartedMs,
      failure: null,
    });
    const space = await Reservation.take(packsFolder, bytes - bytesHere);
    try {
      const stop = exchange.onChange(() => {
        const here = this.#bytesHere(wanted);
        onStage('fetching', bytes === 0 ? 100 : Math.floor((here * 100) / bytes));
        void space.holdAtMost(bytes - here - RESERVATION_SLACK);
      });
      onStage('fetching', 0);
      await exchange.obtain(wanted, signal).finally(stop);
    } finally {
      await space.release();
    }
    await this.#update(row, { fetchCompleteMs: clock.now() });
  }

  /** While they are fetched: bytes of these packs that are on disk. */
  #bytesHere(wanted: readonly MissingPack[]): number {
    const fetches = new Map(
      this.#components.exchange.fetches().map((fetch) => [fetch.packId, fetch]),
    );
    return wanted.reduce((sum, { packId, descriptor, bytesHere }) => {
      const fetch = fetches.get(packId);
      return sum + (fetch === undefined ? descriptor.size : Math.max(fetch.bytesDone, bytesHere));
    }, 0);
  }

  /** What the tree needs beside the files that it can take over; exact only for the first one. */
  async #reserveTree(row: SnapshotRow, body: ManifestBody): Promise<Reservation> {
    const previous = await this.#previousRow(row);
    const before =
      previous === undefined ? 0 : (await this.#components.chain.body(previous)).allocatedBytes;
    return Reservation.take(this.#init.folder.path, Math.max(0, body.allocatedBytes - before));
  }

  async #recompose(
    row: SnapshotRow,
    body: ManifestBody,
    { set, space }: { readonly set: PackSet; readonly space: Reservation },
    signal: AbortSignal,
  ): Promise<void> {
    const { folder, onStage } = this.#init;
    await folder.clearPartials(signal);
    const base = await this.#timed('base tree read', () => this.#baseTree(row, set, signal));
    let written = 0;
    const recomposer = new Recomposer(
      { chunks: set },
      {
        root: Buffer.from(folder.snapshotsPath),
        name: Buffer.from(folder.partialName(row.snapshotId)),
        base,
        signal,
        onBytes: async (bytes) => {
          await space.holdAtMost(space.bytes - bytes);
          written += bytes;
          const percent = body.contentBytes === 0 ? 100 : (written * 100) / body.contentBytes;
          onStage('recomposing', Math.min(100, Math.floor(percent)));
        },
      },
    );
    try {
      await recomposer.run(readRecipe(set, body.recipe, signal));
    } finally {
      await base?.close();
    }
    if (recomposer.toleratedCount > 0) {
      this.#components.logger.warn('owners or attributes could not be set', {
        dataset: this.#init.dataset.name,
        count: recomposer.toleratedCount,
      });
    }
  }

  /** The visible snapshot, when its manifest and packs are still of use. */
  async #previousRow(row: SnapshotRow): Promise<SnapshotRow | undefined> {
    const visible = await this.#init.folder.visible();
    if (visible === undefined || visible === row.snapshotId) return undefined;
    return this.#components.chain.find(this.#init.dataset.id, visible);
  }

  async #previousPacks(row: SnapshotRow): Promise<PackMap> {
    const previous = await this.#previousRow(row);
    return previous === undefined ? new Map() : this.#components.chain.packs(previous);
  }

  /** What the new tree is made of, lying under its name for the time being. */
  async #baseTree(
    row: SnapshotRow,
    set: PackSet,
    signal: AbortSignal,
  ): Promise<BaseTree | undefined> {
    const { folder, upkeep } = this.#init;
    const previous = await this.#previousRow(row);
    if (previous === undefined) return undefined;
    const body = await this.#components.chain.body(previous);
    const source = await this.#withRemoved(row, previous, set);
    // Without the recipe's packs there is nothing to compare with.
    if (!body.recipe.chunks.every(({ id }) => source.has(id))) return undefined;
    if (!(await upkeep.takeSpare(previous.snapshotId, row.snapshotId, signal))) return undefined;
    const name = Buffer.from(folder.partialName(row.snapshotId));
    const root = absolutePath(Buffer.from(folder.snapshotsPath), name);
    const found = new TreeCursor(await readTree(root, signal));
    return new BaseTree(new RecipeCursor(readRecipe(source, body.recipe, signal)), found);
  }

  /** The recipe of the visible snapshot may lie in packs that the new one does not have. */
  async #withRemoved(
    row: SnapshotRow,
    previous: SnapshotRow,
    set: PackSet,
  ): Promise<PackSet | ChunkLayers> {
    const { chain, exchange, library } = this.#components;
    const { dataset } = this.#init;
    const packs = await chain.packs(row);
    const removed = new Map(
      [...(await chain.packs(previous))].filter(([packId]) => !packs.has(packId)),
    );
    if (removed.size === 0) return set;
    for (const { packId } of await exchange.missing(dataset, removed)) removed.delete(packId);
    return new ChunkLayers(set, await library.openApart(dataset, removed));
  }

  /** Signs and keeps a receipt with what it says, then sends it to the writer. */
  async #announce(
    row: SnapshotRow,
    state: Extract<ReceiptState, 'staged' | 'visible'>,
  ): Promise<void> {
    const { catalogue, clock, outbox, peers, receipts } = this.#components;
    const { dataset, followKey } = this.#init;
    const { bytes, op } = receipts.sign(dataset.id, row.snapshotId, state);
    const now = clock.now();
    const change = state === 'staged' ? { stagedMs: now } : { visibleMs: now };
    const ops: CatalogueOp[] = [op, await this.#updateOp(row, { state, ...change })];
    if (state === 'visible') {
      const follow = await catalogue.follows.get(followKey);
      if (follow !== undefined) {
        ops.push(catalogue.follows.putOp(followKey, { ...follow, visible: row.snapshotId }));
      }
    }
    await catalogue.write(ops);
    if (peers.get(dataset.writer) === undefined) return;
    await outbox.enqueue([dataset.writer], { kind: 'receipt', receipt: bytes, lane: dataset.id });
  }

  async #update(row: SnapshotRow, change: Partial<SnapshotRow>): Promise<void> {
    await this.#components.catalogue.write([await this.#updateOp(row, change)]);
  }

  async #updateOp(row: SnapshotRow, change: Partial<SnapshotRow>): Promise<CatalogueOp> {
    const { catalogue, chain } = this.#components;
    const now = await chain.snapshot(row.datasetId, row.snapshotId);
    return catalogue.snapshots.putOp(snapshotKey(row.datasetId, row.snapshotId), {
      ...now,
      ...change,
    });
  }
}
