// SPDX-License-Identifier: GPL-2.0-or-later
// Reads a tree with all that a recipe records of its entries. Paths are raw bytes.
import { ReplicationError, errnoOf } from '../base/errors.ts';
import { TREE_ENTRIES_MAX } from '../base/limits.ts';
import {
  nativeAddon,
  settled,
  type ByteRange,
  type ExtendedAttribute,
  type NativeEntryExtras,
  type NativeFolder,
} from './addon.ts';
import { checkPath } from './argument-checks.ts';
import { errnoName, packedStat, type EntryStat } from './entry.ts';

export type { ExtendedAttribute } from './addon.ts';
export type { EntryStat, EntryType } from './entry.ts';

/** A run of zeros that takes no space. */
export interface Hole {
  readonly offset: number;
  readonly length: number;
}

export interface TreeEntry {
  /** Relative to the root, which itself has the empty path. */
  readonly path: Buffer;
  /** Errno name of what could not be read: the entry itself (`stat` absent then), the target of a
   * symbolic link, or the extended attributes. */
  readonly error?: string;
  readonly stat?: EntryStat;
  /** Of a symbolic link. */
  readonly target?: Buffer;
  /** Sorted by name. */
  readonly attributes: readonly ExtendedAttribute[];
  /** Of a sparse file, in order. */
  readonly holes: readonly Hole[];
}

/** The gaps between ranges of data. */
export function holesBetween(ranges: readonly ByteRange[], size: number): Hole[] {
  const holes: Hole[] = [];
  let offset = 0;
  for (const { start, end } of [...ranges, { start: size, end: size }]) {
    if (start > offset) holes.push({ offset, length: start - offset });
    offset = Math.max(offset, end);
  }
  return holes;
}

const NO_PATH = Buffer.alloc(0);
const NONE: readonly never[] = [];
const SLASH = Buffer.from('/');
// Folders read at once: as many as libuv has threads would keep others waiting.
const FOLDERS_AT_ONCE = 2;

function checkTreeSize(entryCount: number): void {
  if (entryCount > TREE_ENTRIES_MAX) {
    throw new ReplicationError(
      'ERR_LIMIT_EXCEEDED',
      `the tree has more than ${TREE_ENTRIES_MAX} entries`,
      { limit: 'TREE_ENTRIES_MAX', value: entryCount },
    );
  }
}

function join(folder: Buffer, name: Buffer): Buffer {
  return folder.length === 0 ? name : Buffer.concat([folder, SLASH, name]);
}

/** The entries of one folder, itself first. */
function treeEntries(path: Buffer, native: NativeFolder): TreeEntry[] {
  const extras = native.extras.values();
  let next = extras.next();
  let nameStart = 0;
  return Array.from(native.nameEnds, (nameEnd, index) => {
    const name = native.names.subarray(nameStart, nameEnd);
    nameStart = nameEnd;
    const ownPath = index === 0 ? path : join(path, name);
    const stat = packedStat(native.numbers, native.identities, index);
    if (next.done === true || next.value.index !== index) {
      return { path: ownPath, stat, attributes: NONE, holes: NONE };
    }
    const entry = entryWithExtras(ownPath, stat, next.value);
    next = extras.next();
    return entry;
  });
}

function entryWithExtras(path: Buffer, stat: EntryStat, extras: NativeEntryExtras): TreeEntry {
  if (extras.statError !== 0) {
    const error = errnoName(extras.statError) ?? 'UNKNOWN';
    return { path, error, attributes: NONE, holes: NONE };
  }
  const error = errnoName(extras.targetError) ?? errnoName(extras.attributesError);
  return {
    path,
    ...(error === undefined ? {} : { error }),
    stat,
    ...(stat.type === 'symlink' ? { target: extras.target } : {}),
    attributes: extras.attributes,
    holes: extras.dataRanges.length === 0 ? NONE : holesBetween(extras.dataRanges, stat.size),
  };
}

/** Entries of one folder of the tree; a failure to read it belongs to the folder's own entry. */
async function readLevel(root: Buffer, folder: TreeEntry): Promise<TreeEntry[] | string> {
  try {
    const native = await settled(nativeAddon().readFolder(join(root, folder.path)));
    return treeEntries(folder.path, native).slice(1);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined || error instanceof ReplicationError) throw error;
    return errno;
  }
}

/**
 * The root and everything below it, sorted by the bytes of the paths. No link is followed. A folder
 * that cannot be read is listed with its error. Rejects with node:fs errors of the root, with
 * ERR_LIMIT_EXCEEDED above TREE_ENTRIES_MAX entries, and with the signal's reason.
 */
export async function readTree(root: Buffer, signal?: AbortSignal): Promise<TreeEntry[]> {
  checkPath('root', root);
  const top = await settled(nativeAddon().readFolder(root));
  const entries = treeEntries(NO_PATH, top);
  const isFolder = (index: number): boolean => entries[index]?.stat?.type === 'folder';
  const waiting = [...entries.keys()].slice(1).filter(isFolder);
  while (waiting.length > 0) {
    signal?.throwIfAborted();
    const folders = waiting.splice(-FOLDERS_AT_ONCE);
    await Promise.all(
      folders.map(async (index) => {
        const folder = entries[index];
        if (folder === undefined) return;
        const level = await readLevel(root, folder);
        if (typeof level === 'string') {
          entries[index] = { ...folder, error: level };
          return;
        }
        for (const entry of level) {
          entries.push(entry);
          if (isFolder(entries.length - 1)) waiting.push(entries.length - 1);
        }
      }),
    );
    checkTreeSize(entries.length);
  }
  return entries.sort((a, b) => Buffer.compare(a.path, b.path));
}
