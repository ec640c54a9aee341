// SPDX-License-Identifier: GPL-2.0-or-later
// Files of one kind that this site keeps beside its packs, one for each: what they say can be made
// anew of the pack.
import { join } from 'node:path';
import { ReplicationError, hasCode } from '../base/errors.ts';
import type { PackId } from '../dataset/ids.ts';
import { TEMPORARY_SUFFIX, readBounded, writeAtomic } from './atomic-file.ts';
import type { Disk } from './disk.ts';

const PACK_ID_DIGITS = 64;

export type FileState = 'whole' | 'missing' | 'damaged';

interface Init {
  readonly folder: string;
  /** With which the names end; before it is the pack id. */
  readonly ending: string;
  readonly sizeMax: number;
  readonly disk: Disk;
}

export class PackFiles {
  readonly #init: Init;

  constructor(init: Init) {
    this.#init = init;
  }

  /** Where the file of the pack lies, or would lie. */
  path(packId: PackId): string {
    return join(this.#init.folder, `${packId}${this.#init.ending}`);
  }

  /** Durable when it resolves. */
  write(packId: PackId, bytes: Buffer): Promise<void> {
    return writeAtomic(this.path(packId), bytes, { disk: this.#init.disk });
  }

  /** The whole file; undefined when there is none. */
  read(packId: PackId): Promise<Buffer | undefined> {
    return readBounded(this.path(packId), this.#init.sizeMax, this.#init.disk);
  }

  /** Absent is fine. */
  remove(packId: PackId): Promise<void> {
    return this.#init.disk.remove(this.path(packId));
  }

  /** Removes the files of packs that are not in the set, and what interrupted writes left. */
  async sweep(packIds: ReadonlySet<string>): Promise<void> {
    const { disk, ending, folder } = this.#init;
    for (const name of await disk.list(folder)) {
      const isOwn = name.length === PACK_ID_DIGITS + ending.length && name.endsWith(ending);
      const isUnused = isOwn && !packIds.has(name.slice(0, PACK_ID_DIGITS));
      if (isUnused || name.endsWith(TEMPORARY_SUFFIX)) await disk.remove(join(folder, name));
    }
  }

  /** The error that names the pack's file. */
  damaged(packId: PackId, cause?: unknown): ReplicationError {
    const path = this.path(packId);
    return new ReplicationError('ERR_INDEX_CORRUPT', `${path} is damaged`, { path, packId }, cause);
  }
}

/** What is to be said of a file by what reading it gives. */
export async function fileState(read: () => Promise<object | undefined>): Promise<FileState> {
  try {
    return (await read()) === undefined ? 'missing' : 'whole';
  } catch (error) {
    if (hasCode(error, 'ERR_INDEX_CORRUPT')) return 'damaged';
    throw error;
  }
}
