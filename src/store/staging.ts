// SPDX-License-Identifier: GPL-2.0-or-later
// Folders of work in progress. A daemon that starts sweeps all that no journal row claims.
import { join } from 'node:path';
import { ReplicationError } from '../base/errors.ts';
import { realDisk } from './disk.ts';
import type { Disk } from './disk.ts';

const NAME_PATTERN = /^[a-z0-9][a-z0-9.-]{0,99}$/;

export class Staging {
  readonly #folder: string;
  readonly #disk: Disk;

  constructor(folder: string, disk: Disk = realDisk) {
    this.#folder = folder;
    this.#disk = disk;
  }

  /** Path of the folder of this name (0700); made when it is absent, kept when it exists. */
  async folder(name: string): Promise<string> {
    if (!NAME_PATTERN.test(name)) {
      throw new ReplicationError('ERR_ARGUMENT_INVALID', `bad name of a staging folder: ${name}`);
    }
    const path = join(this.#folder, name);
    await this.#disk.makeFolder(path, 0o700);
    return path;
  }

  /** Names of the folders there are, sorted. */
  list(): Promise<string[]> {
    return this.#disk.list(this.#folder);
  }

  /** Removes a folder with all it holds; absent is fine. */
  async remove(name: string): Promise<void> {
    await this.#disk.remove(join(this.#folder, name));
  }

  /** Removes every folder that is not to be kept. */
  async sweep(keep: ReadonlySet<string>): Promise<void> {
    for (const name of await this.list()) if (!keep.has(name)) await this.remove(name);
  }
}
