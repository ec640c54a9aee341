// SPDX-License-Identifier: GPL-2.0-or-later
// Reads a tree with all that a recipe records of its entries. Paths are raw bytes.
import { ReplicationError } from '../base/errors.ts';
import { TREE_ENTRIES_MAX } from '../base/limits.ts';
import {
  nativeAddon,
  settled,
  type ByteRange,
  type ExtendedAttribute,
  type NativeEntryExtras,
  type NativeFolders,
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
// Calls at once: as many as libuv has threads would keep others waiting.
const CALLS_AT_ONCE = 2;
const FOLDERS_PER_CALL = 64;

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

/** Entries of a folder that was read, or the errno value that it was not read for. */
type FolderReading = readonly TreeEntry[] | number;

/** What each of the folders has, itself first; paths are theirs. There may be fewer than paths. */
function unpackFolders(paths: readonly Buffer[], native: NativeFolders): FolderReading[] {
  const extras = native.extras.values();
  let next = extras.next();
  let index = 0;
  let nameStart = 0;
  const unpackEntry = (folder: Buffer, isFolder: boolean): TreeEntry => {
    const nameEnd = native.nameEnds[index] ?? 0;
    const name = native.names.subarray(nameStart, nameEnd);
    nameStart = nameEnd;
    const path = isFolder ? folder : join(folder, name);
    const stat = packedStat(native.numbers, native.identities, index);
    const own = next.done !== true && next.value.index === index ? next.value : undefined;
    if (own !== undefined) next = extras.next();
    index += 1;
    return own === undefined
      ? { path, stat, attributes: NONE, holes: NONE }
      : entryWithExtras(path, stat, own);
  };
  return Array.from(native.folderEnds, (folderEnd, folderIndex) => {
    const errno = native.errors[folderIndex] ?? 0;
    const path = paths[folderIndex];
    if (errno !== 0 || path === undefined) return errno;
    const entries: TreeEntry[] = [];
    while (index < folderEnd) entries.push(unpackEntry(path, entries.length === 0));
    return entries;
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

/** The first of these folders, which are relative to the root. */
async function readFolders(root: Buffer, paths: readonly Buffer[]): Promise<FolderReading[]> {
  const absolute = paths.map((path) => (path.length === 0 ? root : join(root, path)));
  return unpackFolders(paths, await settled(nativeAddon().readFolders(absolute)));
}

async function readRoot(root: Buffer): Promise<TreeEntry[]> {
  const [top = 0] = await readFolders(root, [NO_PATH]);
  if (typeof top !== 'number') return [...top];
  const code = errnoName(top) ?? 'UNKNOWN';
  throw Object.assign(new Error(`${code}: the folder cannot be read`), { code, errno: -top });
}

/**
 * The root and everything below it, sorted by the bytes of the paths. No link is followed. A folder
 * that cannot be read is listed with its error. Rejects with node:fs errors of the root, with
 * ERR_LIMIT_EXCEEDED above TREE_ENTRIES_MAX entries, and with the signal's reason.
 */
export async function readTree(root: Buffer, signal?: AbortSignal): Promise<TreeEntry[]> {
  checkPath('root', root);
  const entries = await readRoot(root);
  const isFolder = (index: number): boolean => entries[index]?.stat?.type === 'folder';
  const waiting = [...entries.keys()].slice(1).filter(isFolder);
  const take = (index: number, reading: FolderReading): void => {
    const folder = entries[index];
    if (folder === undefined) return;
    if (typeof reading === 'number') {
      entries[index] = { ...folder, error: errnoName(reading) ?? 'UNKNOWN' };
      return;
    }
    for (const entry of reading.slice(1)) {
      entries.push(entry);
      if (isFolder(entries.length - 1)) waiting.push(entries.length - 1);
    }
  };
  const readSome = async (): Promise<void> => {
    const folders = waiting.splice(-FOLDERS_PER_CALL);
    const paths = folders.map((index) => entries[index]?.path ?? NO_PATH);
    const readings = await readFolders(root, paths);
    waiting.push(...folders.slice(readings.length));
    for (const [order, reading] of readings.entries()) take(folders[order] ?? 0, reading);
  };
  while (waiting.length > 0) {
    signal?.throwIfAborted();
    const calls = Math.min(CALLS_AT_ONCE, Math.ceil(waiting.length / FOLDERS_PER_CALL));
    await Promise.all(Array.from({ length: calls }, readSome));
    checkTreeSize(entries.length);
  }
  return entries.sort((a, b) => Buffer.compare(a.path, b.path));
}
