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
import { errnoName, packedStat, packedType, type EntryStat } from './entry.ts';

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
const ENTRIES_PER_BATCH = 1_024;

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

/** What a folder has, itself first, packed as it came; or why it was not read, an errno value. */
type FolderReading = PackedFolder | number;

class PackedFolder {
  readonly path: Buffer;
  readonly #native: NativeFolders;
  readonly #start: number;
  readonly #end: number;

  /** Of the entries of all folders of a call those of one. */
  constructor(path: Buffer, native: NativeFolders, range: { start: number; end: number }) {
    this.path = path;
    this.#native = native;
    this.#start = range.start;
    this.#end = range.end;
  }

  /** Entries, the folder itself counted. */
  get count(): number {
    return this.#end - this.#start;
  }

  /** Whether a path of the entry is one of a folder. */
  isFolder(index: number): boolean {
    return index > 0 && packedType(this.#native.numbers, this.#start + index) === 'folder';
  }

  pathAt(index: number): Buffer {
    const { names, nameEnds } = this.#native;
    const at = this.#start + index;
    if (index === 0) return this.path;
    return join(this.path, names.subarray(at === 0 ? 0 : nameEnds[at - 1], nameEnds[at]));
  }

  entryAt(index: number): TreeEntry {
    const { numbers, identities } = this.#native;
    const at = this.#start + index;
    const path = this.pathAt(index);
    const stat = packedStat(numbers, identities, at);
    const extras = this.#extrasOf(at);
    return extras === undefined
      ? { path, stat, attributes: NONE, holes: NONE }
      : entryWithExtras(path, stat, extras);
  }

  /** They are sorted by index. */
  #extrasOf(at: number): NativeEntryExtras | undefined {
    const { extras } = this.#native;
    let low = 0;
    let high = extras.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((extras[middle]?.index ?? Infinity) < at) low = middle + 1;
      else high = middle;
    }
    const found = extras[low];
    return found?.index === at ? found : undefined;
  }
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
  const native = await settled(nativeAddon().readFolders(absolute));
  let start = 0;
  return Array.from(native.folderEnds, (end, folderIndex) => {
    const range = { start, end };
    start = end;
    const errno = native.errors[folderIndex] ?? 0;
    const path = paths[folderIndex];
    return errno !== 0 || path === undefined ? errno : new PackedFolder(path, native, range);
  });
}

async function readRoot(root: Buffer): Promise<PackedFolder> {
  const [top = 0] = await readFolders(root, [NO_PATH]);
  if (typeof top !== 'number') return top;
  const code = errnoName(top) ?? 'UNKNOWN';
  throw Object.assign(new Error(`${code}: the folder cannot be read`), { code, errno: -top });
}

/** A folder on the way from the root to where the walk is. */
interface OpenFolder {
  readonly packed: PackedFolder;
  /** The entry that comes next. */
  next: number;
}

/** Reads folders some calls ahead of the walk, in the order in which it comes to them. */
class FoldersAhead {
  readonly #root: Buffer;
  readonly #readings = new Map<string, Promise<FolderReading | undefined>>();
  /** Those under way; none of them rejects. */
  readonly #calls = new Set<Promise<unknown>>();

  constructor(root: Buffer) {
    this.#root = root;
  }

  /** The reading of the first of the coming folders. */
  async take(coming: () => Iterable<Buffer>, path: Buffer): Promise<FolderReading> {
    const key = path.toString('latin1');
    for (;;) {
      const isFarAhead = this.#readings.size >= FOLDERS_PER_CALL / 2;
      if (!isFarAhead || !this.#readings.has(key)) this.#start(coming());
      if (!this.#readings.has(key)) await Promise.race(this.#calls);
      const reading = await this.#readings.get(key);
      this.#readings.delete(key);
      // A call may read fewer folders than it was given.
      if (reading !== undefined) return reading;
    }
  }

  /** Calls that are under way have ended, well or not. */
  async finish(): Promise<void> {
    await Promise.all(this.#calls);
  }

  #start(coming: Iterable<Buffer>): void {
    let paths: Buffer[] = [];
    for (const path of coming) {
      if (this.#calls.size >= CALLS_AT_ONCE) return;
      if (this.#readings.has(path.toString('latin1'))) continue;
      paths.push(path);
      if (paths.length < FOLDERS_PER_CALL) continue;
      this.#call(paths);
      paths = [];
    }
    if (paths.length > 0) this.#call(paths);
  }

  #call(paths: readonly Buffer[]): void {
    const readings = readFolders(this.#root, paths);
    const call = readings.catch(() => undefined).finally(() => this.#calls.delete(call));
    this.#calls.add(call);
    for (const [index, path] of paths.entries()) {
      const key = path.toString('latin1');
      const reading = readings.then((all) => {
        if (index >= all.length) this.#readings.delete(key);
        return all[index];
      });
      // A failure is met where the folder is taken.
      reading.catch(() => undefined);
      this.#readings.set(key, reading);
    }
  }
}

/**
 * The root and everything below it, some entries at a time, in the order of a walk: names of a
 * folder by their bytes, each folder directly before what is in it. No link is followed. A folder
 * that cannot be read is listed with its error. Rejects as readTree() does.
 */
export async function* walkTree(
  root: Buffer,
  signal?: AbortSignal,
): AsyncGenerator<readonly TreeEntry[]> {
  checkPath('root', root);
  const top = await readRoot(root);
  const stack: OpenFolder[] = [{ packed: top, next: 1 }];
  const ahead = new FoldersAhead(root);
  let batch: TreeEntry[] = [top.entryAt(0)];
  let count = 0;
  try {
    for (let open = stack.at(-1); open !== undefined; open = stack.at(-1)) {
      if (open.next === open.packed.count) {
        stack.pop();
      } else if (open.packed.isFolder(open.next)) {
        const { packed, next } = open;
        const reading = await ahead.take(() => comingFolders(stack), packed.pathAt(next));
        open.next += 1;
        batch.push(withReading(packed.entryAt(next), reading));
        if (typeof reading !== 'number') stack.push({ packed: reading, next: 1 });
      } else {
        batch.push(open.packed.entryAt(open.next));
        open.next += 1;
      }
      if (batch.length < ENTRIES_PER_BATCH && stack.length > 0) continue;
      signal?.throwIfAborted();
      count += batch.length;
      checkTreeSize(count);
      yield batch;
      batch = [];
    }
  } finally {
    await ahead.finish();
  }
}

/** Folders in the order in which the walk will come to them, as far as it knows of them. */
function* comingFolders(stack: readonly OpenFolder[]): Generator<Buffer> {
  for (const { packed, next } of stack.toReversed()) {
    for (let index = next; index < packed.count; index += 1) {
      if (packed.isFolder(index)) yield packed.pathAt(index);
    }
  }
}

function withReading(entry: TreeEntry, reading: FolderReading): TreeEntry {
  return typeof reading === 'number' ? { ...entry, error: errnoName(reading) ?? 'UNKNOWN' } : entry;
}

/**
 * The root and everything below it, sorted by the bytes of the paths. No link is followed. A folder
 * that cannot be read is listed with its error. Rejects with node:fs errors of the root, with
 * ERR_LIMIT_EXCEEDED above TREE_ENTRIES_MAX entries, and with the signal's reason.
 */
export async function readTree(root: Buffer, signal?: AbortSignal): Promise<TreeEntry[]> {
  const entries: TreeEntry[] = [];
  for await (const batch of walkTree(root, signal)) entries.push(...batch);
  return entries.sort((a, b) => Buffer.compare(a.path, b.path));
}
