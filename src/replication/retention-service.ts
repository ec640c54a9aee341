// SPDX-License-Identifier: GPL-2.0-or-later
// What is kept of each data set: the rules of its writer, and the pins of this site.
import type { Clock } from '../base/clock.ts';
import { ReplicationError } from '../base/errors.ts';
import type { SnapshotId } from '../dataset/ids.ts';
import { KEEP_ALL, keptSnapshots, type RetentionRules } from '../dataset/retention.ts';
import type { Catalogue } from '../store/catalogue.ts';
import type { SnapshotRow } from '../store/rows.ts';
import type { Dataset, DatasetRegistry } from './dataset-registry.ts';
import { LiveChunks } from './live-chunks.ts';
import type { PackLibrary } from './pack-library.ts';
import type { PackRetirement } from './pack-retirement.ts';
import type { PinView, RetentionView } from './site-view.ts';
import { snapshotKey, type SnapshotChain } from './snapshot-chain.ts';
import type { Parent } from './snapshot-commit.ts';
import type { SnapshotCover } from './snapshot-cover.ts';

interface Components {
  readonly catalogue: Catalogue;
  readonly registry: DatasetRegistry;
  readonly chain: SnapshotChain;
  readonly cover: SnapshotCover;
  readonly library: PackLibrary;
  readonly clock: Clock;
  /** Undefined: what an unpin frees is removed at the next start. */
  readonly retirement: PackRetirement | undefined;
}

export class RetentionService {
  readonly #components: Components;

  constructor(components: Components) {
    this.#components = components;
  }

  async rules(dataset: Dataset): Promise<RetentionRules> {
    return (await this.#components.catalogue.retention.get(dataset.id)) ?? KEEP_ALL;
  }

  async view(nameOrId: string): Promise<RetentionView> {
    const dataset = this.#components.registry.resolve(nameOrId);
    const pinned = [...(await this.#pins(dataset))];
    const rules = await this.rules(dataset);
    return { dataset: dataset.name, datasetId: dataset.id, ...rules, pinned };
  }

  /** Takes effect with the next publish or prune. ERR_WRITER_OTHER at a site that only follows. */
  async set(nameOrId: string, rules: RetentionRules): Promise<RetentionView> {
    const { catalogue, registry } = this.#components;
    const dataset = registry.resolve(nameOrId);
    if (!registry.isOwn(dataset)) throw writerOther(dataset);
    if (rules.keepLast === null && rules.keepWithinMs === null) {
      await catalogue.retention.remove(dataset.id);
    } else {
      await catalogue.retention.put(dataset.id, { ...rules });
    }
    return this.view(dataset.id);
  }

  /**
   * Keeps a snapshot until unpin, whatever the rules say; at a site that follows also when the
   * writer keeps it no more. ERR_SNAPSHOT_UNKNOWN, ERR_SNAPSHOT_FORGOTTEN, ERR_PACK_MISSING.
   */
  async pin(name: string, nameOrId: string | undefined, signal: AbortSignal): Promise<PinView> {
    const { catalogue, clock, cover, chain, library, registry } = this.#components;
    const { dataset, row } = await this.#named(name, nameOrId);
    const packs = await cover.packsOf(dataset, row);
    const isOwn = registry.isOwn(dataset);
    const needed = isOwn
      ? new Set<never>()
      : await library.readingOnce(dataset, packs, async (set) => {
          const { recipe } = await chain.body(row);
          return (await LiveChunks.of(set, [recipe], signal)).neededPacks();
        });
    await catalogue.pins.put(snapshotKey(dataset.id, row.snapshotId), {
      pinnedMs: clock.now(),
      packs: [...needed],
    });
    return pinView(dataset, row, true);
  }

  /** Not pinned is fine. */
  async unpin(name: string, nameOrId: string | undefined): Promise<PinView> {
    const { catalogue, retirement } = this.#components;
    const { dataset, row } = await this.#named(name, nameOrId);
    await catalogue.pins.remove(snapshotKey(dataset.id, row.snapshotId));
    await retirement?.run(dataset);
    return pinView(dataset, row, false);
  }

  /**
   * Of the snapshots that the parent covers, those that its successor is to retain, newest first.
   * newest: the snapshot that the successor is, unless it only changes packs.
   */
  async retained(
    dataset: Dataset,
    { row, body }: Parent,
    newest: { readonly createdMs: number } | undefined,
  ): Promise<SnapshotRow[]> {
    const { chain } = this.#components;
    const covered = new Set<SnapshotId>([row.snapshotId, ...body.retained]);
    const rows = (await chain.list(dataset.id)).filter(
      ({ kind, snapshotId }) => kind === 'snapshot' && covered.has(snapshotId),
    );
    const candidates: Pick<SnapshotRow, 'snapshotId' | 'createdMs'>[] = [...rows];
    if (newest !== undefined) {
      candidates.unshift({ snapshotId: '' as SnapshotId, createdMs: newest.createdMs });
    }
    const kept = keptSnapshots(candidates, await this.rules(dataset), await this.#pins(dataset));
    const ids = new Set(kept.map(({ snapshotId }) => snapshotId));
    return rows.filter(({ snapshotId }) => ids.has(snapshotId));
  }

  async #pins(dataset: Dataset): Promise<Set<SnapshotId>> {
    const pins = await this.#components.catalogue.pins.entries(`${dataset.id}/`);
    return new Set(pins.map(({ key }) => key.slice(dataset.id.length + 1) as SnapshotId));
  }

  /** Without a data set: of the only one that has such a snapshot. */
  async #named(
    name: string,
    nameOrId: string | undefined,
  ): Promise<{ readonly dataset: Dataset; readonly row: SnapshotRow }> {
    const { cover, registry } = this.#components;
    if (nameOrId !== undefined) {
      const dataset = registry.resolve(nameOrId);
      return { dataset, row: await cover.named(dataset, name) };
    }
    const found = [];
    let failure: unknown = new ReplicationError('ERR_SNAPSHOT_UNKNOWN', `no snapshot is ${name}`);
    for (const dataset of registry.list()) {
      try {
        found.push({ dataset, row: await cover.named(dataset, name) });
      } catch (error) {
        failure = error;
      }
    }
    const [first, ...others] = found;
    if (first === undefined) throw failure;
    if (others.length === 0) return first;
    throw new ReplicationError(
      'ERR_DATASET_AMBIGUOUS',
      `${found.length} data sets have a snapshot ${name}`,
      { ids: found.map(({ dataset }) => dataset.id) },
    );
  }
}

export function writerOther(dataset: Dataset): ReplicationError {
  return new ReplicationError(
    'ERR_WRITER_OTHER',
    `data set ${dataset.name} is written by site ${dataset.writer}`,
    { dataset: dataset.name, writer: dataset.writer },
  );
}

function pinView(
  dataset: Dataset,
  { snapshotId, sequence }: SnapshotRow,
  pinned: boolean,
): PinView {
  return { dataset: dataset.name, datasetId: dataset.id, snapshotId, sequence, pinned };
}
