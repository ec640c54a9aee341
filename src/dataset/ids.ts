// SPDX-License-Identifier: GPL-2.0-or-later
// The ids of sites, data sets, snapshots and packs: SHA-256 values, in memory as 64 lower-case hex
// digits (so that they are map keys), on disk and wire as 32 raw bytes. And the rules of names.
import assert from 'node:assert/strict';
import { ReplicationError } from '../base/errors.ts';
import { NAME_LENGTH_MAX } from '../base/limits.ts';
import { hashWithDomain } from './domains.ts';

export type SiteId = string & { readonly __brand: 'SiteId' };
export type DatasetId = string & { readonly __brand: 'DatasetId' };
export type SnapshotId = string & { readonly __brand: 'SnapshotId' };
export type PackId = string & { readonly __brand: 'PackId' };
/** 32 bytes: HMAC-SHA-256 of the chunk under the key domain's chunk id key. */
export type ChunkId = Buffer;

export const ID_SIZE = 32;

const ID_TEXT = /^[0-9a-f]{64}$/;
const SHORT_ID_LENGTH = 12;
const SITE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;
const DATASET_NAME = /^[a-z0-9][a-z0-9._-]*$/;

/** Each parse function takes the 64 hex digits and throws ERR_ARGUMENT_INVALID for other text. */
export function parseSiteId(text: string): SiteId {
  return parseId('site', text) as SiteId;
}

export function parseDatasetId(text: string): DatasetId {
  return parseId('data set', text) as DatasetId;
}

export function parseSnapshotId(text: string): SnapshotId {
  return parseId('snapshot', text) as SnapshotId;
}

export function parsePackId(text: string): PackId {
  return parseId('pack', text) as PackId;
}

/** Each FromBytes function takes exactly 32 bytes. */
export function siteIdFromBytes(bytes: Buffer): SiteId {
  return hexOf(bytes) as SiteId;
}

export function datasetIdFromBytes(bytes: Buffer): DatasetId {
  return hexOf(bytes) as DatasetId;
}

export function snapshotIdFromBytes(bytes: Buffer): SnapshotId {
  return hexOf(bytes) as SnapshotId;
}

export function packIdFromBytes(bytes: Buffer): PackId {
  return hexOf(bytes) as PackId;
}

/** The 32 bytes of any id. */
export function idBytes(id: SiteId | DatasetId | SnapshotId | PackId): Buffer {
  assert(ID_TEXT.test(id), `${id} is no id`);
  return Buffer.from(id, 'hex');
}

/** First 12 digits: for tables and log lines, never to look something up. */
export function shortId(id: string): string {
  return id.slice(0, SHORT_ID_LENGTH);
}

/** The id of the site with this raw Ed25519 root key. */
export function siteIdOf(rootKey: Buffer): SiteId {
  assert(rootKey.length === 32, 'an Ed25519 key has 32 bytes');
  return siteIdFromBytes(hashWithDomain('siteId', rootKey));
}

/** 1 to 64 of A-Z a-z 0-9 . _ - and no sign first; ERR_ARGUMENT_INVALID otherwise. */
export function parseSiteName(text: string): string {
  return parseName('site', text, isSiteName);
}

/** 1 to 64 of a-z 0-9 . _ - and no sign first; ERR_ARGUMENT_INVALID otherwise. */
export function parseDatasetName(text: string): string {
  return parseName('data set', text, isDatasetName);
}

export function isSiteName(text: string): boolean {
  return text.length <= NAME_LENGTH_MAX && SITE_NAME.test(text);
}

export function isDatasetName(text: string): boolean {
  return text.length <= NAME_LENGTH_MAX && DATASET_NAME.test(text);
}

function parseId(kind: string, text: string): string {
  if (ID_TEXT.test(text)) return text;
  throw new ReplicationError('ERR_ARGUMENT_INVALID', `${quoted(text)} is no ${kind} id`);
}

function parseName(kind: string, text: string, isName: (text: string) => boolean): string {
  if (isName(text)) return text;
  throw new ReplicationError('ERR_ARGUMENT_INVALID', `${quoted(text)} is no ${kind} name`);
}

/** Bounded and without control characters, for an error message. */
function quoted(text: string): string {
  return JSON.stringify(text.slice(0, NAME_LENGTH_MAX + 1));
}

function hexOf(bytes: Buffer): string {
  assert(bytes.length === ID_SIZE, `an id has ${ID_SIZE} bytes`);
  return bytes.toString('hex');
}
