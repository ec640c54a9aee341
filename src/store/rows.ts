// SPDX-License-Identifier: GPL-2.0-or-later
// What each table of the catalogue holds. Keys are ids in hex, joined by '/' where one is not
// enough.
import type { DatasetId, PackId, SiteId, SnapshotId } from '../dataset/ids.ts';
import {
  bytes,
  count,
  flag,
  hex64,
  list,
  nullable,
  oneOf,
  record,
  text,
  withDefault,
} from './row.ts';
import type { ValueOf } from './row.ts';

const siteId = hex64<SiteId>();
const datasetId = hex64<DatasetId>();
const snapshotId = hex64<SnapshotId>();
const packId = hex64<PackId>();

/** Key: site id. The site record is the envelope as received. */
export const peerRow = record({
  siteId,
  recordBytes: bytes,
  rights: list(record({ dataset: text, publish: flag, read: flag, relay: flag })),
  addedMs: count,
});
export type PeerRow = ValueOf<typeof peerRow>;

/** Key: data set id. The genesis lies in the data set's folder. */
export const datasetRow = record({ datasetId, name: text, writer: siteId, addedMs: count });
export type DatasetRow = ValueOf<typeof datasetRow>;

/** Key: the data set as the user named it (name or id). */
export const followRow = record({
  dataset: text,
  datasetId: nullable(datasetId),
  folder: text,
  /** Snapshot that the folder's `current` shows. */
  visible: nullable(snapshotId),
  sinceMs: count,
});
export type FollowRow = ValueOf<typeof followRow>;

/** Key: data set id. The newest header that this site accepted. */
export const headRow = record({ snapshotId, epoch: count, sequence: count });
export type HeadRow = ValueOf<typeof headRow>;

/** Key: data set id / snapshot id. */
export const snapshotRow = record({
  datasetId,
  snapshotId,
  parent: nullable(snapshotId),
  epoch: count,
  sequence: count,
  kind: withDefault(oneOf('snapshot', 'maintenance'), 'snapshot'),
  writer: siteId,
  /** Of the body, as the signed header names it. */
  bodyHash: bytes,
  bodySize: count,
  /** Of the snapshot's files; of the packs it added; of its whole pack set. */
  fileCount: count,
  contentBytes: count,
  newPackBytes: count,
  packBytes: count,
  /** What this site had to fetch for it. */
  fetchedBytes: count,
  /** Of this site: known from a manifest, all packs here, replica staged, replica visible. */
  state: oneOf('accepted', 'fetching', 'staged', 'visible', 'superseded', 'failed'),
  createdMs: count,
  acceptedMs: count,
  fetchStartedMs: nullable(count),
  fetchCompleteMs: nullable(count),
  stagedMs: nullable(count),
  visibleMs: nullable(count),
  /** Code and sentence of what failed. */
  failure: nullable(record({ code: text, message: text })),
});
export type SnapshotRow = ValueOf<typeof snapshotRow>;

/** Key: pack id. Complete means that every part's SHA-256 was checked on this site. */
export const packRow = record({
  datasetId,
  descriptor: bytes,
  state: oneOf('fetching', 'complete'),
  verifiedParts: nullable(bytes),
});
export type PackRow = ValueOf<typeof packRow>;

/** Key: snapshot id / site id / state. */
export const receiptRow = record({
  snapshotId,
  siteId,
  state: oneOf('staged', 'visible', 'withdrawn', 'fenced'),
  receipt: bytes,
  atMs: count,
});
export type ReceiptRow = ValueOf<typeof receiptRow>;

/** Key: site id / number of the item, which grows. */
export const outboxRow = record({
  siteId,
  kind: oneOf('manifest', 'receipt'),
  lane: text,
  /** Snapshot id of a manifest, SHA-256 of a receipt. */
  subject: text,
  /** The receipt; else empty. */
  payload: bytes,
  queuedMs: count,
});
export type OutboxRow = ValueOf<typeof outboxRow>;

/**
 * Key: data set id. The newest session of its writer: packs that were announced before a manifest
 * names them. At the writer it is the journal of a publish.
 */
export const sessionRow = record({
  datasetId,
  name: text,
  writer: siteId,
  /** Envelope. */
  genesis: bytes,
  session: bytes,
  epoch: count,
  parent: nullable(snapshotId),
  /** Packs so far, their bytes, and the hash of the newest announcement. */
  packCount: count,
  packBytes: count,
  lastHash: bytes,
  /** Envelope of the announcement that ended it without a manifest. */
  end: nullable(bytes),
  changedMs: count,
});
export type SessionRow = ValueOf<typeof sessionRow>;

/** Key: data set id / index in the session. Of the data set's session, while it is open. */
export const announcementRow = record({ packId, envelope: bytes });
export type AnnouncementRow = ValueOf<typeof announcementRow>;

/** Key: data set id / snapshot id. A signed header that contradicts the chain, kept as proof. */
export const forkRow = record({ header: bytes, peer: siteId, foundMs: count });
export type ForkRow = ValueOf<typeof forkRow>;

/** Key: data set id. Which snapshots the writer keeps beside the newest; without a row all. */
export const retentionRow = record({ keepLast: nullable(count), keepWithinMs: nullable(count) });
export type RetentionRow = ValueOf<typeof retentionRow>;

/**
 * Key: data set id / snapshot id. A snapshot that is kept whatever the rules say. Its writer names
 * it in every manifest; at another site `packs` are those that it needs.
 */
export const pinRow = record({ pinnedMs: count, packs: list(packId) });
export type PinRow = ValueOf<typeof pinRow>;
