// SPDX-License-Identifier: GPL-2.0-or-later
// `muleplex restore`: makes the files of any retained snapshot in an empty folder, at any site that
// has its packs. Every chunk is checked against its id when it is decoded.
import { createHash } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import type { SnapshotId } from '../dataset/ids.ts';
import type { ManifestBody } from '../dataset/manifest.ts';
import { decodeMetadata } from '../dataset/recipe-decoder.ts';
import type { EncodedEntry } from '../dataset/recipe-splitter.ts';
import type { PackSet } from '../store/pack-set.ts';
import { Reservation } from '../store/reservation.ts';
import type { SnapshotRow } from '../store/rows.ts';
import type { Dataset, DatasetRegistry } from './dataset-registry.ts';
import type { PackHolds } from './pack-holds.ts';
import type { PackLibrary } from './pack-library.ts';
import { readRecipe } from './recipe-reader.ts';
import { Recomposer } from './recomposer.ts';
import { RestoreFolder } from './restore-folder.ts';
import { RestoreSelection, type Selected } from './restore-selection.ts';
import type { RestoreProgress, RestoreResult } from './site-view.ts';
import type { SnapshotChain } from './snapshot-chain.ts';
import type { SnapshotCover } from './snapshot-cover.ts';

interface Components {
  readonly registry: DatasetRegistry;
  readonly chain: SnapshotChain;
  readonly cover: SnapshotCover;
  readonly library: PackLibrary;
  readonly holds: PackHolds;
  readonly clock: Clock;
  /** Called when the packs of the data set are held no more. */
  readonly onReleased: (dataset: Dataset) => void;
}

export interface RestoreOptions {
  /** Name or id. */
  readonly dataset: string;
  /** Sequence, or the beginning of an id; undefined: the newest one that is here. */
  readonly snapshot: string | undefined;
  /** Paths below the root; none: everything. */
  readonly paths: readonly string[];
  /** Absolute; empty, or not there yet. */
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: RestoreProgress) => void;
}

/** What is restored, and where. */
interface Task {
  readonly body: ManifestBody;
  readonly folder: RestoreFolder;
  readonly options: RestoreOptions;
}

export class Restorer {
  readonly #components: Components;

  constructor(components: Components) {
    this.#components = components;
  }

  /**
   * The files are there, and on disk, when this resolves. When it rejects the folder is empty, or
   * the same call goes on. ERR_DATASET_UNKNOWN, ERR_SNAPSHOT_UNKNOWN, ERR_SNAPSHOT_FORGOTTEN,
   * ERR_FOLDER_INVALID, ERR_SPACE_SHORT, ERR_PACK_CORRUPT, ERR_PACK_MISSING.
   */
  async restore(options: RestoreOptions): Promise<RestoreResult> {
    const { chain, clock, cover, holds, library, onReleased, registry } = this.#components;
    const startMs = clock.monotonicMs();
    const dataset = registry.resolve(options.dataset);
    const row = await this.#snapshotOf(dataset, options);
    const body = await chain.body(row);
    const packs = await cover.packsOf(dataset, row);
    const folder = new RestoreFolder({
      path: options.folder,
      key: restoreKey(row.snapshotId, options.paths),
    });
    const release = holds.hold(packs.keys());
    try {
      const task = { body, folder, options };
      const done = await library.reading(dataset, packs, options.signal, (set) =>
        this.#restore(set, task),
      );
      return {
        dataset: dataset.name,
        datasetId: dataset.id,
        snapshotId: row.snapshotId,
        sequence: row.sequence,
        folder: options.folder,
        files: done.fileCount,
        bytes: done.contentBytes,
        attributesNotSet: done.attributesNotSet,
        restoreMs: Math.round(clock.monotonicMs() - startMs),
      };
    } finally {
      release();
      onReleased(dataset);
    }
  }

  #snapshotOf(dataset: Dataset, { snapshot }: RestoreOptions): Promise<SnapshotRow> {
    const { cover } = this.#components;
    return snapshot === undefined ? cover.newest(dataset) : cover.named(dataset, snapshot);
  }

  async #restore(
    set: PackSet,
    task: Task,
  ): Promise<Selected & { readonly attributesNotSet: number }> {
    const { body, folder, options } = task;
    const { paths, signal } = options;
    const isWhole = paths.length === 0;
    const selection = new RestoreSelection(paths);
    const read = (): ReturnType<typeof readRecipe> => readRecipe(set, body.recipe, signal);
    const selected: Selected = isWhole ? body : await selection.measure(read());
    const root = await rootOf(read());
    let attributesNotSet = 0;
    if (!(await folder.prepare(signal))) {
      attributesNotSet = await this.#makeTree(set, task, {
        selected,
        recipe: selection.select(read()),
      });
      await folder.seal();
    }
    await folder.moveUp();
    // Of a part of the snapshot the folder is no copy.
    if (isWhole) attributesNotSet += await folder.finish(decodeMetadata(root));
    return { ...selected, attributesNotSet };
  }

  async #makeTree(
    set: PackSet,
    { folder, options }: Task,
    wanted: { readonly selected: Selected; readonly recipe: ReturnType<typeof readRecipe> },
  ): Promise<number> {
    const { signal, onProgress } = options;
    const { contentBytes: bytesTotal, allocatedBytes } = wanted.selected;
    const space = await Reservation.take(folder.path, allocatedBytes);
    let bytesDone = 0;
    const recomposer = new Recomposer(
      { chunks: set },
      {
        root: Buffer.from(folder.path),
        name: Buffer.from(folder.partialName),
        base: undefined,
        signal,
        onBytes: async (bytes) => {
          await space.shrink(bytes);
          bytesDone += bytes;
          onProgress({ stage: 'restore', bytesDone, bytesTotal });
        },
      },
    );
    try {
      await recomposer.run(wanted.recipe);
    } catch (error) {
      await folder.discard();
      throw error;
    } finally {
      await space.release();
    }
    return recomposer.toleratedCount;
  }
}

/** Every recipe starts with the folder that all else is in. */
async function rootOf(recipe: ReturnType<typeof readRecipe>): Promise<EncodedEntry> {
  try {
    for await (const [first] of recipe) if (first !== undefined) return first;
  } finally {
    await recipe.return(undefined);
  }
  throw new TypeError('a recipe without entries was accepted');
}

/** Says which tree lies in a folder, so that another restore does not take it for its own. */
export function restoreKey(snapshotId: SnapshotId, paths: readonly string[]): string {
  return createHash('sha256')
    .update(JSON.stringify([snapshotId, [...paths].sort()]))
    .digest('hex')
    .slice(0, 32);
}
