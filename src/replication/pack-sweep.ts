// SPDX-License-Identifier: GPL-2.0-or-later
// What a publish forgets: the snapshots that the rules keep no more, and the packs that only they
// needed.
import { messageOf } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import { packIdOf } from '../dataset/descriptor.ts';
import type { PackId, SnapshotId } from '../dataset/ids.ts';
import type { RecipeRoot } from '../dataset/manifest.ts';
import type { SealedPack } from '../store/pack-writer.ts';
import type { Dataset } from './dataset-registry.ts';
import { LiveChunks } from './live-chunks.ts';
import type { PackLibrary } from './pack-library.ts';
import type { RetentionService } from './retention-service.ts';
import type { PackMap, SnapshotChain } from './snapshot-chain.ts';
import type { Parent } from './snapshot-commit.ts';

interface Components {
  readonly chain: SnapshotChain;
  readonly library: PackLibrary;
  readonly retention: RetentionService;
  readonly logger: Logger;
}

/** A snapshot that is about to be signed. */
export interface NextSnapshot {
  readonly recipe: RecipeRoot;
  readonly packs: readonly SealedPack[];
  readonly createdMs: number;
}

export interface Forgotten {
  readonly retained: readonly SnapshotId[];
  readonly packsRemoved: readonly PackId[];
}

export class PackSweep {
  readonly #components: Components;

  constructor(components: Components) {
    this.#components = components;
  }

  /**
   * For the manifest of the next snapshot. Recipes are read only when a snapshot is forgotten. When
   * that fails no pack is removed: a later publish or prune makes up for it. AbortError.
   */
  async forget(
    dataset: Dataset,
    parent: Parent | undefined,
    next: NextSnapshot,
    signal: AbortSignal,
  ): Promise<Forgotten> {
    if (parent === undefined) return { retained: [], packsRemoved: [] };
    const rows = await this.#components.retention.retained(dataset, parent, next);
    const retained = rows.map(({ snapshotId }) => snapshotId).sort();
    // A maintenance snapshot needs what the one before it needs, which is retained.
    const own = parent.row.kind === 'snapshot' ? 1 : 0;
    if (rows.length === parent.body.retained.length + own) return { retained, packsRemoved: [] };
    try {
      const needed = await this.#needed(dataset, { parent, retained }, next, signal);
      const packsRemoved = [...parent.packs.keys()].filter((packId) => !needed.has(packId));
      return { retained, packsRemoved: packsRemoved.sort() };
    } catch (error) {
      signal.throwIfAborted();
      const { logger } = this.#components;
      logger.warn('no pack removed', { dataset: dataset.name, reason: messageOf(error) });
      return { retained, packsRemoved: [] };
    }
  }

  async #needed(
    dataset: Dataset,
    { parent, retained }: { readonly parent: Parent; readonly retained: readonly SnapshotId[] },
    next: NextSnapshot,
    signal: AbortSignal,
  ): Promise<Set<PackId>> {
    const { chain, library } = this.#components;
    const recipes = [next.recipe];
    for (const snapshotId of retained) {
      const row = await chain.snapshot(dataset.id, snapshotId);
      recipes.push((await chain.body(row)).recipe);
    }
    const packs: PackMap = new Map([
      ...parent.packs,
      ...next.packs.map(({ descriptor }) => [packIdOf(descriptor), descriptor] as const),
    ]);
    return library.readingOnce(dataset, packs, async (set) =>
      (await LiveChunks.of(set, recipes, signal)).neededPacks(),
    );
  }
}
