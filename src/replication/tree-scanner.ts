// SPDX-License-Identifier: GPL-2.0-or-later
// Reads what a folder holds, without file contents: one entry a path, in the order of a recipe.
import { lstat } from 'node:fs/promises';
import { ReplicationError, errnoOf, storageError } from '../base/errors.ts';
import { comparePaths, pathProblem } from '../dataset/recipe-path.ts';
import type { Hole, Xattr } from '../dataset/recipe.ts';
import { readTree, type EntryStat, type TreeEntry } from '../native/folder.ts';
import { printablePath } from './printable-path.ts';
import type { SkippedPath } from './site-view.ts';

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

export interface SourceTree {
  /** Absolute. */
  readonly root: Buffer;
  readonly entries: readonly SourceEntry[];
  readonly skipped: readonly SkippedPath[];
}

const SLASH = Buffer.from('/');

/** Walks the folder. Links are not followed; what cannot be replicated is skipped and named. */
export async function scanTree(folder: string, signal?: AbortSignal): Promise<SourceTree> {
  await refuseNonFolder(folder);
  const root = Buffer.from(folder);
  let found: TreeEntry[];
  try {
    found = await readTree(root, signal);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    throw storageError(folder, error);
  }
  found.sort((a, b) => comparePaths(a.path, b.path));
  const selection = new Selection();
  for (const entry of found) selection.add(entry);
  return { root, entries: selection.entries, skipped: selection.skipped };
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
  readonly entries: SourceEntry[] = [];
  readonly skipped: SkippedPath[] = [];
  /** First path of an inode that has several names. */
  readonly #linked = new Map<string, Buffer>();

  add(entry: TreeEntry): void {
    const { path, stat, error, target, attributes, holes } = entry;
    // Gone between listing and look: as if it had never been there.
    if (error === 'ENOENT') return;
    if (stat === undefined || error !== undefined || pathProblem(path) !== undefined) {
      this.skipped.push({ path: printablePath(path), reason: 'unreadable' });
      return;
    }
    const { type } = stat;
    if (type === 'fifo' || type === 'socket' || type === 'device') {
      this.skipped.push({ path: printablePath(path), reason: type });
      return;
    }
    const first = type === 'folder' ? undefined : this.#firstName(path, stat);
    const text = first ?? target;
    this.entries.push({
      path,
      type: first === undefined ? type : 'hardlink',
      stat,
      xattrs: attributes,
      ...(text === undefined ? {} : { target: text }),
      holes,
    });
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
