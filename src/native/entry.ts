// SPDX-License-Identifier: GPL-2.0-or-later
// What the file system says of an entry: the addon's numbers as named types.
import { getSystemErrorName } from 'node:util';

export type EntryType = 'file' | 'folder' | 'symlink' | 'fifo' | 'socket' | 'device';

/** S_IFMT and its values (inode(7)). */
const TYPE_MASK = 0o170000;
const TYPES: ReadonlyMap<number, EntryType> = new Map<number, EntryType>([
  [0o100000, 'file'],
  [0o040000, 'folder'],
  [0o120000, 'symlink'],
  [0o010000, 'fifo'],
  [0o140000, 'socket'],
  [0o060000, 'device'],
  [0o020000, 'device'],
]);
const MODE_MASK = 0o7777;

export interface EntryStat {
  readonly type: EntryType;
  /** Permission bits with set-id and sticky (07777). */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes. */
  readonly size: number;
  readonly mtimeSeconds: number;
  readonly mtimeNanoseconds: number;
  readonly ctimeSeconds: number;
  readonly ctimeNanoseconds: number;
  readonly inode: bigint;
  readonly device: bigint;
  readonly linkCount: number;
  /** Units of 512 bytes. */
  readonly blockCount: number;
}

/**
 * Numbers of one entry in a packed list, as packStat() of native/binding/stat_fields.cc has them.
 */
export const STAT_NUMBERS = 10;
/** The same for 64-bit numbers. */
export const STAT_IDENTITIES = 2;

/** The type of the entry with this index in a packed list. */
export function packedType(numbers: Float64Array, index: number): EntryType {
  return TYPES.get((numbers[index * STAT_NUMBERS] ?? 0) & TYPE_MASK) ?? 'device';
}

/** The stat of the entry with this index in packed lists. */
export function packedStat(
  numbers: Float64Array,
  identities: BigUint64Array,
  index: number,
): EntryStat {
  const number = (field: number): number => numbers[index * STAT_NUMBERS + field] ?? 0;
  return {
    type: packedType(numbers, index),
    mode: number(0) & MODE_MASK,
    uid: number(1),
    gid: number(2),
    size: number(3),
    mtimeSeconds: number(4),
    mtimeNanoseconds: number(5),
    ctimeSeconds: number(6),
    ctimeNanoseconds: number(7),
    inode: identities[index * STAT_IDENTITIES] ?? 0n,
    device: identities[index * STAT_IDENTITIES + 1] ?? 0n,
    linkCount: number(8),
    blockCount: number(9),
  };
}

/** ENOENT, EACCES ... for an errno value; undefined for 0. */
export function errnoName(errno: number): string | undefined {
  return errno === 0 ? undefined : getSystemErrorName(-errno);
}
