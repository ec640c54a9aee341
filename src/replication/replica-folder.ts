// SPDX-License-Identifier: GPL-2.0-or-later
// The folder of a replica: snapshots/<id> holds one tree each, `current` is a link to the one that
// readers see. A tree is made under another name and renamed when it is whole and on disk.
import { lstat, mkdir, readlink, rename, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { ReplicationError, errnoOf, storageError } from '../base/errors.ts';
import type { SnapshotId } from '../dataset/ids.ts';
import { linkTree, removeTree, syncFileSystem } from '../native/file-system.ts';
import { realDisk } from '../store/disk.ts';
import { Reservation } from '../store/reservation.ts';

const CURRENT = 'current';
const SNAPSHOTS = 'snapshots';
const PARTIAL_SUFFIX = '.partial';
const SPARE_SUFFIX = '.spare';
/** What this module makes, and so may remove, in the snapshots folder. */
const OWN_NAME = /^[0-9a-f]{64}(\.partial|\.spare)?$/;
/** A link that was made and not yet renamed. */
const OWN_LINK = /^\.current-[0-9a-f]{12}$/;

export class ReplicaFolder {
  readonly path: string;
  readonly snapshotsPath: string;

  constructor(init: { readonly path: string }) {
    this.path = init.path;
    this.snapshotsPath = join(init.path, SNAPSHOTS);
  }

  /**
   * Makes the folder, or takes one that is there; nobody else may be at work in it.
   * ERR_FOLDER_INVALID when something else than our link is named current.
   */
  async prepare(): Promise<void> {
    try {
      await mkdir(this.snapshotsPath, { recursive: true });
    } catch (error) {
      throw storageError(this.path, error);
    }
    await this.visible();
    await Reservation.sweep(this.path);
    for (const name of await realDisk.list(this.path)) {
      if (OWN_LINK.test(name)) await realDisk.remove(join(this.path, name));
    }
  }

  /** The snapshot that `current` leads to. */
  async visible(): Promise<SnapshotId | undefined> {
    const path = join(this.path, CURRENT);
    let target: string;
    try {
      target = await readlink(path);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      if (errnoOf(error) === 'EINVAL') throw foreign(path);
      throw storageError(path, error);
    }
    const name = target.startsWith(`${SNAPSHOTS}/`) ? target.slice(SNAPSHOTS.length + 1) : '';
    if (!/^[0-9a-f]{64}$/.test(name)) throw foreign(path);
    return name as SnapshotId;
  }

  /** Name that a tree has below the snapshots folder while it is made. */
  partialName(snapshotId: SnapshotId): string {
    return `${snapshotId}${PARTIAL_SUFFIX}`;
  }

  /** True when the whole tree lies there under its final name. */
  async has(snapshotId: SnapshotId): Promise<boolean> {
    try {
      return (await lstat(join(this.snapshotsPath, snapshotId))).isDirectory();
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return false;
      throw storageError(this.snapshotsPath, error);
    }
  }

  /** Removes what interrupted attempts left; nobody may be making a tree. */
  async clearPartials(signal: AbortSignal): Promise<void> {
    await this.#removeAll((name) => name.endsWith(PARTIAL_SUFFIX), signal);
  }

  /**
   * Makes a tree of links to the one of this snapshot, beside it; goes on with one that is not
   * finished. Those of other snapshots are removed.
   */
  async makeSpare(snapshotId: SnapshotId, signal: AbortSignal): Promise<void> {
    const spare = `${snapshotId}${SPARE_SUFFIX}`;
    await this.#removeAll((name) => name.endsWith(SPARE_SUFFIX) && name !== spare, signal);
    const names = { from: Buffer.from(snapshotId), to: Buffer.from(spare) };
    await this.#attempt(spare, linkTree(Buffer.from(this.snapshotsPath), names, signal));
  }

  /** Lets the tree of links be the one in which this snapshot is made; false when there is none. */
  async useSpare(from: SnapshotId, to: SnapshotId): Promise<boolean> {
    const spare = join(this.snapshotsPath, `${from}${SPARE_SUFFIX}`);
    try {
      await rename(spare, join(this.snapshotsPath, this.partialName(to)));
      return true;
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return false;
      throw storageError(spare, error);
    }
  }

  /** Brings the finished tree to disk, then gives it its name; durable when it resolves. */
  async seal(snapshotId: SnapshotId): Promise<void> {
    const partial = join(this.snapshotsPath, this.partialName(snapshotId));
    try {
      await syncFileSystem(Buffer.from(partial));
      await rename(partial, join(this.snapshotsPath, snapshotId));
    } catch (error) {
      throw storageError(partial, error);
    }
    await realDisk.syncFolder(this.snapshotsPath);
  }

  /** Lets readers see the tree, in one step; durable when it resolves. */
  async show(snapshotId: SnapshotId): Promise<void> {
    const link = join(this.path, `.current-${randomBytes(6).toString('hex')}`);
    try {
      await symlink(`${SNAPSHOTS}/${snapshotId}`, link);
      await rename(link, join(this.path, CURRENT));
    } catch (error) {
      throw storageError(link, error);
    }
    await realDisk.syncFolder(this.path);
  }

  /** Snapshots whose whole trees lie here beside the visible one. */
  async others(): Promise<SnapshotId[]> {
    const visible = await this.visible();
    const names = await realDisk.list(this.snapshotsPath);
    return names.filter((name) => /^[0-9a-f]{64}$/.test(name) && name !== visible) as SnapshotId[];
  }

  /** Removes whole trees; one that is gone is fine. */
  async remove(snapshotIds: readonly SnapshotId[], signal: AbortSignal): Promise<void> {
    for (const snapshotId of snapshotIds) await this.#remove(snapshotId, signal);
  }

  async #removeAll(isRemoved: (name: string) => boolean, signal: AbortSignal): Promise<void> {
    for (const name of await realDisk.list(this.snapshotsPath)) {
      if (OWN_NAME.test(name) && isRemoved(name)) await this.#remove(name, signal);
    }
  }

  async #remove(name: string, signal: AbortSignal): Promise<void> {
    await this.#attempt(name, removeTree(Buffer.from(join(this.snapshotsPath, name)), signal));
  }

  /** Names the tree in the errors of the file system. */
  async #attempt(name: string, call: Promise<void>): Promise<void> {
    try {
      await call;
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
      throw storageError(join(this.snapshotsPath, name), error);
    }
  }
}

function foreign(path: string): ReplicationError {
  return new ReplicationError('ERR_FOLDER_INVALID', `${path} is there and no link of a replica`, {
    path,
  });
}
