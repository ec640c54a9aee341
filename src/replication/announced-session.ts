// SPDX-License-Identifier: GPL-2.0-or-later
// A session: the packs that a writer announces during one publish, before a manifest names them.
// Its rows in the catalogue are the writer's journal and a follower's memory, in one form.
import type { DatasetId, PackId } from '../dataset/ids.ts';
import type { Catalogue, CatalogueOp } from '../store/catalogue.ts';
import type { SessionRow } from '../store/rows.ts';
import type { Dataset } from './dataset-registry.ts';

/** Digits of an index in a key, so that keys sort as indexes do. */
const INDEX_DIGITS = 4;

export function announcementKey(datasetId: DatasetId, index: number): string {
  return `${datasetId}/${index.toString().padStart(INDEX_DIGITS, '0')}`;
}

/** The data set may be known by its session alone. */
export function datasetOf({ datasetId, name, writer }: SessionRow): Dataset {
  return { id: datasetId, name, writer };
}

/** Packs that the open session of a data set names, in order; no manifest names them yet. */
export async function announcedPacks(
  catalogue: Catalogue,
  datasetId: DatasetId,
): Promise<readonly PackId[]> {
  const entries = await catalogue.announcements.entries(`${datasetId}/`);
  return entries.map(({ value }) => value.packId);
}

/** The changes that take a session's announcements away. */
export function forgetAnnouncements(catalogue: Catalogue, row: SessionRow): CatalogueOp[] {
  return Array.from({ length: row.packCount }, (_, index) =>
    catalogue.announcements.removeOp(announcementKey(row.datasetId, index)),
  );
}

/** The changes that take a session away, row and announcements. */
export function forgetSession(catalogue: Catalogue, row: SessionRow): CatalogueOp[] {
  return [catalogue.sessions.removeOp(row.datasetId), ...forgetAnnouncements(catalogue, row)];
}
