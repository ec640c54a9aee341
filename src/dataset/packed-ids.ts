// SPDX-License-Identifier: GPL-2.0-or-later
// Sets of ids in one byte string: 32 bytes each, strictly ascending, so a set has one encoding.
import { Buffer } from 'node:buffer';
import type { FieldReader } from '../bytes/fields.ts';
import {
  ID_SIZE,
  idBytes,
  type DatasetId,
  type PackId,
  type SiteId,
  type SnapshotId,
} from './ids.ts';

/** Sorts; an id given twice is left to the decoder to refuse. */
export function packIds(ids: Iterable<SiteId | DatasetId | SnapshotId | PackId>): Buffer {
  return Buffer.concat([...ids].sort().map(idBytes));
}

/** Refuses ids that are not strictly ascending. */
export function unpackIds<Id>(
  fields: FieldReader,
  key: string,
  countMax: number,
  fromBytes: (bytes: Buffer) => Id,
): Id[] {
  const items = fields.packed(key, ID_SIZE, countMax);
  items.forEach((item, index) => {
    const before = items[index - 1];
    if (before !== undefined && before.compare(item) >= 0) {
      throw fields.error(key, 'has ids that are not sorted or not unique');
    }
  });
  return items.map(fromBytes);
}
