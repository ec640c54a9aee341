// SPDX-License-Identifier: GPL-2.0-or-later
// `muleplex verify`: reads a replica again, every byte of it, and compares content and metadata
// with the recipe; and reads the packs, whose bad parts are repaired from peers while the daemon
// runs.
import { DIFFERENCES_MAX } from '../base/limits.ts';
import type { SnapshotId } from '../dataset/ids.ts';
import { decodeEntry } from '../dataset/recipe-decoder.ts';
import { comparePaths } from '../dataset/recipe-path.ts';
import type { RecipeEntry } from '../dataset/recipe.ts';
import { verifyParts } from '../native/file-hasher.ts';
import { readTree, type TreeEntry } from '../native/folder.ts';
import type { Catalogue } from '../store/catalogue.ts';
import type { FeatureStore } from '../store/feature-store.ts';
import type { IndexStore } from '../store/index-store.ts';
import type { PackSet } from '../store/pack-set.ts';
import type { PackStore } from '../store/pack-store.ts';
import type { SnapshotRow } from '../store/rows.ts';
import { ContentComparison } from './content-comparison.ts';
import { datasetKeys } from './dataset-keys.ts';
import type { Dataset, DatasetRegistry } from './dataset-registry.ts';
import { metadataProblems } from './entry-metadata.ts';
import type { PackExchange } from './pack-exchange.ts';
import type { PackHolds } from './pack-holds.ts';
import type { PackLibrary } from './pack-library.ts';
import { printablePath } from './printable-path.ts';
import { readRecipe } from './recipe-reader.ts';
import { ReplicaFolder } from './replica-folder.ts';
import type { Difference, VerifyResult } from './site-view.ts';
import { nothingHere, type PackMap, type SnapshotChain } from './snapshot-chain.ts';
import { absolutePath } from './tree-scanner.ts';

interface Components {
  readonly catalogue: Catalogue;
  readonly packs: PackStore;
  readonly index: IndexStore;
  readonly features: FeatureStore;
  readonly registry: DatasetRegistry;
  readonly chain: SnapshotChain;
  readonly library: PackLibrary;
  readonly holds: PackHolds;
  /** Undefined: bad parts are named and stay. */
  readonly exchange: PackExchange | undefined;
}

export interface VerifyOptions {
  /** Name or id. */
  readonly dataset: string;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: { stage: 'packs' | 'replica'; bytesDone: number }) => void;
}

export class Verifier {
  readonly #components: Components;

  constructor(components: Components) {
    this.#components = components;
  }

  /** ERR_SNAPSHOT_UNKNOWN when nothing of the data set is here yet. */
  async verify(options: VerifyOptions): Promise<VerifyResult> {
    const { chain, registry } = this.#components;
    const dataset = registry.resolve(options.dataset);
    const replica = await this.#replicaOf(dataset);
    const snapshotId = replica?.visible ?? (await chain.head(dataset.id))?.snapshotId;
    if (snapshotId === undefined || (replica === undefined && !registry.isOwn(dataset))) {
      throw nothingHere(dataset);
    }
    const row = await chain.snapshot(dataset.id, snapshotId);
    const packs = await chain.packs(row);
    const release = this.#components.holds.hold(packs.keys());
    try {
      const badParts = await this.#verifyPacks(dataset, packs, options);
      const badIndexFiles = await this.#verifyIndex(packs);
      const differences =
        replica === undefined
          ? []
          : await this.#verifyReplica(dataset, row, { packs, folder: replica.folder }, options);
      return {
        dataset: dataset.name,
        snapshotId,
        files: row.fileCount,
        bytes: row.contentBytes,
        differences,
        badParts,
        badIndexFiles,
      };
    } finally {
      release();
    }
  }

  async #replicaOf(
    dataset: Dataset,
  ): Promise<{ readonly folder: ReplicaFolder; readonly visible: SnapshotId } | undefined> {
    for (const { value } of await this.#components.catalogue.follows.entries()) {
      if (value.datasetId !== dataset.id) continue;
      const folder = new ReplicaFolder({ path: value.folder });
      const visible = await folder.visible();
      if (visible !== undefined) return { folder, visible };
    }
    return undefined;
  }

  async #verifyPacks(
    dataset: Dataset,
    packs: PackMap,
    { signal, onProgress }: VerifyOptions,
  ): Promise<VerifyResult['badParts']> {
    const { exchange, packs: store } = this.#components;
    const found: VerifyResult['badParts'][number][] = [];
    let bytesDone = 0;
    for (const [packId, descriptor] of packs) {
      signal.throwIfAborted();
      const { size, partSha256 } = descriptor;
      const good =
        (await store.size(packId)) === undefined
          ? undefined
          : await verifyParts(store.path(packId), size, partSha256, { signal });
      const bad = good?.missing() ?? [0];
      if (bad.length > 0) await exchange?.repair({ packId, descriptor, dataset }, signal);
      const repaired = exchange !== undefined;
      for (const partIndex of bad) found.push({ packId, partIndex, repaired });
      bytesDone += size;
      onProgress({ stage: 'packs', bytesDone });
    }
    return found;
  }

  async #verifyIndex(packs: PackMap): Promise<string[]> {
    const { features, index } = this.#components;
    const bad: string[] = [];
    for (const packId of packs.keys()) {
      for (const store of [index, features]) {
        if ((await store.check(packId)) === 'damaged') bad.push(store.path(packId));
      }
    }
    return bad;
  }

  #verifyReplica(
    dataset: Dataset,
    row: SnapshotRow,
    at: { readonly packs: PackMap; readonly folder: ReplicaFolder },
    options: VerifyOptions,
  ): Promise<Difference[]> {
    const { chain, library } = this.#components;
    const { signal, onProgress } = options;
    return library.reading(dataset, at.packs, signal, async (set: PackSet) => {
      const { idKey } = await this.#keysOf(dataset);
      const body = await chain.body(row);
      const root = absolutePath(Buffer.from(at.folder.snapshotsPath), Buffer.from(row.snapshotId));
      const found = (await readTree(root, signal)).sort((a, b) => comparePaths(a.path, b.path));
      const comparison = new ContentComparison({
        root,
        idKey,
        signal,
        onBytes: (bytesDone) => onProgress({ stage: 'replica', bytesDone }),
      });
      const tree = new TreeComparison(found);
      for await (const entries of readRecipe(set, body.recipe, signal)) {
        for (const encoded of entries) {
          const entry = decodeEntry(encoded);
          const isFile = tree.compare(entry);
          if (isFile) await comparison.add(entry);
        }
      }
      tree.finish();
      await comparison.finish();
      return [...tree.differences, ...comparison.differences].slice(0, DIFFERENCES_MAX);
    });
  }

  async #keysOf(dataset: Dataset): Promise<{ readonly idKey: Buffer }> {
    return datasetKeys(await this.#components.registry.secretsOf(dataset));
  }
}

/** Walks recipe and folder side by side; both have the order of comparePaths. */
class TreeComparison {
  readonly differences: Difference[] = [];
  readonly #found: readonly TreeEntry[];
  /** Inode of the first name of files that may have several. */
  readonly #inodes = new Map<string, bigint>();
  #next = 0;

  constructor(found: readonly TreeEntry[]) {
    this.#found = found;
  }

  /** True when a file is there whose content can be compared. */
  compare(entry: RecipeEntry): boolean {
    for (
      let found = this.#found[this.#next];
      found !== undefined;
      found = this.#found[this.#next]
    ) {
      const order = comparePaths(found.path, entry.path);
      if (order > 0) break;
      this.#next += 1;
      if (order === 0) return this.#compareEntry(entry, found);
      this.#note(found.path, 'extra', 'is not in the snapshot');
    }
    this.#note(entry.path, 'missing', `the ${entry.type} is not there`);
    return false;
  }

  finish(): void {
    for (const { path } of this.#found.slice(this.#next)) {
      this.#note(path, 'extra', 'is not in the snapshot');
    }
  }

  #compareEntry(entry: RecipeEntry, found: TreeEntry): boolean {
    const { stat } = found;
    if (stat === undefined) {
      this.#note(entry.path, 'content', `cannot be read: ${found.error ?? 'unknown'}`);
      return false;
    }
    if (entry.type === 'hardlink') {
      const inode = this.#inodes.get(keyOf(entry.target));
      if (inode !== stat.inode) this.#note(entry.path, 'type', 'is no link to its file');
      return false;
    }
    if (stat.type !== entry.type) {
      this.#note(entry.path, 'type', `is a ${stat.type}, not a ${entry.type}`);
      return false;
    }
    this.#inodes.set(keyOf(entry.path), stat.inode);
    if (
      entry.type === 'symlink' &&
      found.target?.equals(entry.target ?? Buffer.alloc(0)) !== true
    ) {
      this.#note(entry.path, 'content', 'leads elsewhere');
    }
    for (const problem of metadataProblems(entry, stat, found.attributes)) {
      this.#note(entry.path, 'metadata', problem);
    }
    return entry.type === 'file' && stat.size === entry.size;
  }

  #note(path: Buffer, kind: Difference['kind'], text: string): void {
    this.differences.push({ path: printablePath(path), kind, text });
  }
}

function keyOf(path: Buffer | undefined): string {
  return path === undefined ? '' : path.toString('latin1');
}
