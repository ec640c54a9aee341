// SPDX-License-Identifier: GPL-2.0-or-later
// Reads what a folder holds, without file contents: one entry a path, in the order of a recipe, and
// which files have to be read.
import { lstat } from 'node:fs/promises';
import { ReplicationError, errnoOf, messageOf, storageError } from '../base/errors.ts';
import { pathProblem } from '../dataset/recipe-path.ts';
import type { Hole, Xattr } from '../dataset/recipe.ts';
import { walkTree, type EntryStat, type TreeEntry } from '../native/folder.ts';
import { Spool } from '../store/spool.ts';
import { printablePath } from './printable-path.ts';
import type { SkippedPath } from './site-view.ts';
import {
  SourceSpoolWriter,
  entriesToRead,
  spooledEntries,
  type SpooledEntry,
} from './source-spool.ts';
import type { StampCursor } from './stamp-store.ts';

export interface SourceEntry {
  /** Relative to the scanned folder, raw bytes; empty for the folder itself. */
  readonly path: Buffer;
  readonly type: 'file' | 'folder' | 'symlink' | 'hardlink';
  readonly stat: EntryStat;
  readonly xattrs: readonly Xattr[];
  /** Symlink: its text. Hardlink: the path of the first name. */
  readonly target?: Buffer;
  readonly holes: readonly Hole[];
}

/** What is found, to be read as often as needed, also before all is; to be closed. */
export interface SourceTree {
  /** Absolute. */
  readonly root: Buffer;
  /** Of what has been found so far, as the next two. */
  readonly entryCount: number;
  /** Of the files whose content must be read. */
  readonly toReadBytes: number;
  readonly skipped: readonly SkippedPath[];
  /** Resolves when everything has been found. Rejects as the readers do. */
  readonly scanned: Promise<void>;
  entries(): AsyncGenerator<readonly SpooledEntry[]>;
  entriesToRead(): AsyncGenerator<readonly SourceEntry[]>;
  /** Ends the scan too. Can be called again. */
  close(): Promise<void>;
}

interface Options {
  /** Where the list of a large tree is kept meanwhile. */
  readonly scratchFolder: string;
  /** Undefined: every file is to be read. Closed by the scan. */
  readonly stamps: StampCursor | undefined;
  readonly signal?: AbortSignal;
}

const SLASH = Buffer.from('/');

/**
 * Walks the folder, in the order of a recipe. Links are not followed; what cannot be replicated is
 * skipped and named. A file is to be read unless it looks as its stamp. The walk goes on after this
 * resolves.
 */
export async function scanTree(folder: string, options: Options): Promise<SourceTree> {
  try {
    await refuseNonFolder(folder);
  } catch (error) {
    await options.stamps?.close();
    throw error;
  }
  return new TreeScan(folder, options);
}

class TreeScan implements SourceTree {
  readonly root: Buffer;
  readonly scanned: Promise<void>;
  readonly #spool: Spool;
  readonly #selection = new Selection();
  readonly #stop = new AbortController();
  #entryCount = 0;
  #toReadBytes = 0;

  constructor(folder: string, options: Options) {
    this.root = Buffer.from(folder);
    this.#spool = new Spool(options.scratchFolder);
    this.scanned = this.#run(folder, options);
    // A failure is met by the readers too.
    this.scanned.catch(() => undefined);
  }

  get entryCount(): number {
    return this.#entryCount;
  }

  get toReadBytes(): number {
    return this.#toReadBytes;
  }

  get skipped(): readonly SkippedPath[] {
    return this.#selection.skipped;
  }

  entries(): AsyncGenerator<readonly SpooledEntry[]> {
    return spooledEntries(this.#spool);
  }

  entriesToRead(): AsyncGenerator<readonly SourceEntry[]> {
    return entriesToRead(this.#spool);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.scanned.catch(() => undefined);
    await this.#spool.close();
  }

  async #run(folder: string, { stamps, signal }: Options): Promise<void> {
    try {
      await this.#walk(stamps, AbortSignal.any([this.#stop.signal, ...(signal ? [signal] : [])]));
      this.#spool.end();
    } catch (error) {
      const failure = failureOf(folder, error);
      this.#spool.end(failure);
      throw failure;
    } finally {
      await stamps?.close();
    }
  }

  async #walk(stamps: StampCursor | undefined, signal: AbortSignal): Promise<void> {
    const writer = new SourceSpoolWriter(this.#spool);
    for await (const batch of walkTree(this.root, signal)) {
      for (const found of batch) {
        const entry = this.#selection.take(found);
        if (entry === undefined) continue;
        const { path, stat, type } = entry;
        const isToRead = type === 'file' && (await stamps?.matches(path, stat)) !== true;
        const full = writer.add(entry, isToRead);
        if (full !== undefined) await full;
        this.#entryCount += 1;
        if (isToRead) this.#toReadBytes += stat.size;
      }
    }
    await writer.finish();
  }
}

function failureOf(folder: string, error: unknown): Error {
  if (errnoOf(error) !== undefined) return storageError(folder, error);
  return error instanceof Error ? error : new Error(messageOf(error));
}

async function refuseNonFolder(folder: string): Promise<void> {
  let stats;
  try {
    stats = await lstat(folder);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw storageError(folder, error);
  }
  if (stats?.isDirectory() === true) return;
  throw new ReplicationError('ERR_FOLDER_INVALID', `${folder} is not a folder`, { path: folder });
}

/** Sorts out what a recipe can hold, and which names are of one inode. */
class Selection {
  readonly skipped: SkippedPath[] = [];
  /** First path of an inode that has several names. */
  readonly #linked = new Map<string, Buffer>();

  /** Undefined for what is left out. */
  take(entry: TreeEntry): SourceEntry | undefined {
    const { path, stat, error, target, attributes, holes } = entry;
    // Gone between listing and look: as if it had never been there.
    if (error === 'ENOENT') return undefined;
    if (stat === undefined || error !== undefined || pathProblem(path) !== undefined) {
      this.skipped.push({ path: printablePath(path), reason: 'unreadable' });
      return undefined;
    }
    const { type } = stat;
    if (type === 'fifo' || type === 'socket' || type === 'device') {
      this.skipped.push({ path: printablePath(path), reason: type });
      return undefined;
    }
    const first = type === 'folder' ? undefined : this.#firstName(path, stat);
    const text = first ?? target;
    if (text === undefined) return { path, type, stat, xattrs: attributes, holes };
    const kind = first === undefined ? type : 'hardlink';
    return { path, type: kind, stat, xattrs: attributes, target: text, holes };
  }

  /** The path under which an inode with several names was met before. */
  #firstName(path: Buffer, stat: EntryStat): Buffer | undefined {
    if (stat.linkCount < 2) return undefined;
    const key = `${stat.device}/${stat.inode}`;
    const first = this.#linked.get(key);
    if (first === undefined) this.#linked.set(key, path);
    return first;
  }
}

/** True when nothing about the file's content can have changed between the two. */
export function isSameFile(before: EntryStat, after: EntryStat): boolean {
  return (
    before.size === after.size &&
    before.mtimeSeconds === after.mtimeSeconds &&
    before.mtimeNanoseconds === after.mtimeNanoseconds &&
    before.ctimeSeconds === after.ctimeSeconds &&
    before.ctimeNanoseconds === after.ctimeNanoseconds &&
    before.inode === after.inode &&
    before.device === after.device
  );
}

/** The path to give to the system for a path of the tree. */
export function absolutePath(root: Buffer, path: Buffer): Buffer {
  return path.length === 0 ? root : Buffer.concat([root, SLASH, path]);
}
