// SPDX-License-Identifier: GPL-2.0-or-later
// The folder that a restore fills. The tree is made in a folder of our own inside it, so that it
// can be a mount point; when it is whole and on disk its entries are moved up. A restore that was
// killed before leaves nothing but that folder, one killed while moving goes on there.
import { chmod, lstat, mkdir, readdir, rename, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ReplicationError, errnoOf, storageError } from '../base/errors.ts';
import type { RecipeEntry } from '../dataset/recipe.ts';
import { removeTree, syncFileSystem } from '../native/file-system.ts';
import { realDisk } from '../store/disk.ts';
import { Reservation } from '../store/reservation.ts';
import { metadataOperations } from './entry-metadata.ts';
import { runTolerantly } from './tolerant-batch.ts';

const PREFIX = '.muleplex-restore-';
const PARTIAL_SUFFIX = '.partial';
const OWN_NAME = /^\.muleplex-(restore-[0-9a-f]{32}(\.partial)?|reserve-[0-9a-f]+)$/;
const OWNER_WRITE = 0o200;
const SLASH = Buffer.from('/');

export class RestoreFolder {
  readonly path: string;
  readonly #whole: string;

  /** key: 32 hex digits, the same for the same snapshot and selection. */
  constructor(init: { readonly path: string; readonly key: string }) {
    this.path = init.path;
    this.#whole = `${PREFIX}${init.key}`;
  }

  /** Name of the tree while it is made. */
  get partialName(): string {
    return `${this.#whole}${PARTIAL_SUFFIX}`;
  }

  /**
   * Makes the folder, or takes an empty one. True: the whole tree is here already and is to be
   * moved. ERR_FOLDER_INVALID when there is anything that no restore left.
   */
  async prepare(signal: AbortSignal): Promise<boolean> {
    try {
      await mkdir(this.path, { recursive: true });
      if (!(await lstat(this.path)).isDirectory()) throw invalid(this.path, 'is no folder');
    } catch (error) {
      const isFile = errnoOf(error) === 'EEXIST' || errnoOf(error) === 'ENOTDIR';
      throw isFile ? invalid(this.path, 'is no folder') : storageError(this.path, error);
    }
    const names = await realDisk.list(this.path);
    if (names.includes(this.#whole)) return true;
    if (names.some((name) => !OWN_NAME.test(name))) throw invalid(this.path, 'is not empty');
    await Reservation.sweep(this.path);
    for (const name of names.filter((each) => each.startsWith(PREFIX))) {
      await this.#remove(name, signal);
    }
    return false;
  }

  /** Removes a tree that will not be finished. */
  async discard(): Promise<void> {
    await this.#remove(this.partialName);
  }

  /** Brings the finished tree to disk; from here on a restore that is broken off goes on. */
  async seal(): Promise<void> {
    try {
      await syncFileSystem(Buffer.from(this.path));
      await rename(join(this.path, this.partialName), join(this.path, this.#whole));
    } catch (error) {
      throw storageError(this.path, error);
    }
    await realDisk.syncFolder(this.path);
  }

  /** Moves what the tree holds into the folder. Can be repeated. */
  async moveUp(): Promise<void> {
    const whole = join(this.path, this.#whole);
    try {
      for (const name of await readdir(whole, { encoding: 'buffer' })) {
        await moveEntry(Buffer.from(whole), Buffer.from(this.path), name);
      }
      await rmdir(whole);
    } catch (error) {
      throw storageError(whole, error);
    }
    await realDisk.syncFolder(this.path);
  }

  /** Gives the folder the metadata of the root; the number of attributes that could not be set. */
  async finish(root: RecipeEntry): Promise<number> {
    return runTolerantly(metadataOperations(Buffer.from(this.path), root));
  }

  async #remove(name: string, signal?: AbortSignal): Promise<void> {
    const path = join(this.path, name);
    try {
      await removeTree(Buffer.from(path), signal);
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
      throw storageError(path, error);
    }
  }
}

/** A folder that its owner may not write can be moved only by root: it gets its mode back. */
async function moveEntry(from: Buffer, to: Buffer, name: Buffer): Promise<void> {
  const source = Buffer.concat([from, SLASH, name]);
  const target = Buffer.concat([to, SLASH, name]);
  try {
    const stats = await lstat(source);
    const isLocked = stats.isDirectory() && (stats.mode & OWNER_WRITE) === 0;
    if (isLocked) await chmod(source, (stats.mode & 0o7777) | OWNER_WRITE);
    await rename(source, target);
    if (isLocked) await chmod(target, stats.mode & 0o7777);
  } catch (error) {
    throw storageError(target.toString(), error);
  }
}

function invalid(path: string, problem: string): ReplicationError {
  return new ReplicationError('ERR_FOLDER_INVALID', `${path} ${problem}`, { path });
}
