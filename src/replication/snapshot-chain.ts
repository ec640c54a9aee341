// SPDX-License-Identifier: GPL-2.0-or-later
// The snapshots of each data set from its first to the head, and the pack set of each: what a
// manifest body adds and removes is applied along the chain, and the result checked by its root.
import { ReplicationError } from '../base/errors.ts';
import { packIdOf, type PackDescriptor } from '../dataset/descriptor.ts';
import type { DatasetId, PackId, SnapshotId } from '../dataset/ids.ts';
import { bodyHashOf } from '../dataset/manifest-header.ts';
import { applyPackSet, decodeBody, type ManifestBody } from '../dataset/manifest.ts';
import type { Catalogue } from '../store/catalogue.ts';
import type { ManifestStore } from '../store/manifest-store.ts';
import type { HeadRow, SnapshotRow } from '../store/rows.ts';

/** The packs of a snapshot: every chunk of it lies in one of them. */
export type PackMap = ReadonlyMap<PackId, PackDescriptor>;

interface Components {
  readonly catalogue: Catalogue;
  readonly manifests: ManifestStore;
}

export function snapshotKey(datasetId: DatasetId, snapshotId: SnapshotId): string {
  return `${datasetId}/${snapshotId}`;
}

export class SnapshotChain {
  readonly #components: Components;
  /** Of the newest snapshot asked for, per data set: the next one only adds to it. */
  readonly #packs = new Map<DatasetId, { row: SnapshotRow; packs: PackMap }>();

  constructor(components: Components) {
    this.#components = components;
  }

  head(datasetId: DatasetId): Promise<HeadRow | undefined> {
    return this.#components.catalogue.heads.get(datasetId);
  }

  /** The newest snapshot with its packs; undefined when there is none yet. */
  async newest(
    datasetId: DatasetId,
  ): Promise<{ readonly row: SnapshotRow; readonly packs: PackMap } | undefined> {
    const head = await this.head(datasetId);
    if (head === undefined) return undefined;
    const row = await this.snapshot(datasetId, head.snapshotId);
    return { row, packs: await this.packs(row) };
  }

  /** ERR_SNAPSHOT_UNKNOWN when it was never accepted here. */
  async snapshot(datasetId: DatasetId, snapshotId: SnapshotId): Promise<SnapshotRow> {
    const row = await this.find(datasetId, snapshotId);
    if (row !== undefined) return row;
    throw new ReplicationError('ERR_SNAPSHOT_UNKNOWN', `snapshot ${snapshotId} is not known here`, {
      datasetId,
      snapshotId,
    });
  }

  find(datasetId: DatasetId, snapshotId: SnapshotId): Promise<SnapshotRow | undefined> {
    return this.#components.catalogue.snapshots.get(snapshotKey(datasetId, snapshotId));
  }

  /** Newest first. */
  async list(datasetId: DatasetId): Promise<SnapshotRow[]> {
    const rows = await this.#components.catalogue.snapshots.entries(`${datasetId}/`);
    return rows.map(({ value }) => value).sort(newestFirst);
  }

  /**
   * The body as the signed header named it; ERR_STORAGE_FAILED when the disk lost or changed it.
   */
  async body(row: SnapshotRow): Promise<ManifestBody> {
    return decodeBody(await this.bodyBytes(row));
  }

  async bodyBytes(row: SnapshotRow): Promise<Buffer> {
    const bytes = await this.#components.manifests.body(row.snapshotId);
    if (bytes?.length === row.bodySize && bodyHashOf(bytes).equals(row.bodyHash)) return bytes;
    throw new ReplicationError(
      'ERR_STORAGE_FAILED',
      `the manifest body of ${row.snapshotId} is lost or changed on this disk`,
      { snapshotId: row.snapshotId },
    );
  }

  /** The packs of this snapshot, in the order in which they were published. */
  async packs(row: SnapshotRow): Promise<PackMap> {
    const { datasetId } = row;
    const pending: SnapshotRow[] = [];
    let packs: PackMap = new Map();
    for (let next: SnapshotRow | undefined = row; next !== undefined;) {
      const cached = this.#packs.get(datasetId);
      if (cached?.row.snapshotId === next.snapshotId) {
        packs = cached.packs;
        break;
      }
      pending.push(next);
      next = next.parent === null ? undefined : await this.snapshot(datasetId, next.parent);
    }
    for (const step of pending.reverse()) packs = extendPacks(packs, await this.body(step));
    const newest = this.#packs.get(datasetId)?.row;
    if (newest === undefined || newestFirst(row, newest) <= 0) {
      this.#packs.set(datasetId, { row, packs });
    }
    return packs;
  }
}

export function nothingHere(dataset: {
  readonly id: DatasetId;
  readonly name: string;
}): ReplicationError {
  return new ReplicationError('ERR_SNAPSHOT_UNKNOWN', `nothing of ${dataset.name} is here yet`, {
    datasetId: dataset.id,
  });
}

/** The parent's packs, without those removed, with those added; ERR_MANIFEST_MALFORMED. */
export function extendPacks(parent: PackMap, body: ManifestBody): PackMap {
  const wanted = applyPackSet(new Set(parent.keys()), body);
  const packs = new Map([...parent].filter(([packId]) => wanted.has(packId)));
  for (const descriptor of body.packsAdded) packs.set(packIdOf(descriptor), descriptor);
  return packs;
}

export function sizeOfPacks(packs: Iterable<PackDescriptor>): number {
  let size = 0;
  for (const pack of packs) size += pack.size;
  return size;
}

function newestFirst(a: SnapshotRow, b: SnapshotRow): number {
  return b.epoch - a.epoch || b.sequence - a.sequence;
}
