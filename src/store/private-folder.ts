// SPDX-License-Identifier: GPL-2.0-or-later
// Small secret files (0600) in a folder that only the owner enters (0700), each written atomically.
import { join } from 'node:path';
import { ReplicationError } from '../base/errors.ts';
import { readBounded, sweepTemporary, writeAtomic } from './atomic-file.ts';
import { realDisk } from './disk.ts';
import type { Disk } from './disk.ts';

/** Keys, certificates and records are a few hundred bytes; secrets grow by 40 bytes an epoch. */
const PRIVATE_FILE_SIZE_MAX = 1_048_576;

const NAME_PATTERN = /^[a-z0-9][a-z0-9.-]{0,99}$/;

export class PrivateFolder {
  readonly #folder: string;
  readonly #disk: Disk;

  constructor(folder: string, disk: Disk = realDisk) {
    this.#folder = folder;
    this.#disk = disk;
  }

  /** The file's bytes, undefined when it is absent. */
  read(name: string): Promise<Buffer | undefined> {
    return readBounded(this.#path(name), PRIVATE_FILE_SIZE_MAX, this.#disk);
  }

  /** Replaces the file; durable when it resolves. */
  async write(name: string, bytes: Buffer): Promise<void> {
    const path = this.#path(name);
    await this.#disk.makeFolder(this.#folder, 0o700);
    await writeAtomic(path, bytes, { mode: 0o600, disk: this.#disk });
  }

  /** Removes what an interrupted write left. */
  sweep(): Promise<void> {
    return sweepTemporary(this.#folder, this.#disk);
  }

  #path(name: string): string {
    if (!NAME_PATTERN.test(name)) {
      throw new ReplicationError('ERR_ARGUMENT_INVALID', `bad name of a private file: ${name}`);
    }
    return join(this.#folder, name);
  }
}
