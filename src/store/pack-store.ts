// SPDX-License-Identifier: GPL-2.0-or-later
// The packs that lie on this site, each complete and immutable under its id. The core serves and
// fetches the same files, so a pack has one path for its whole life.
import { dirname, join } from 'node:path';
import type { PackDescriptor } from '../dataset/descriptor.ts';
import { parsePackId } from '../dataset/ids.ts';
import type { PackId } from '../dataset/ids.ts';
import { isAbsent, sweepTemporary, temporaryPath } from './atomic-file.ts';
import { realDisk } from './disk.ts';
import type { Disk, DiskFile } from './disk.ts';

const PACK_NAME = /^[0-9a-f]{64}\.pack$/;

export class PackStore {
  readonly #folder: string;
  readonly #disk: Disk;

  constructor(folder: string, disk: Disk = realDisk) {
    this.#folder = folder;
    this.#disk = disk;
  }

  get disk(): Disk {
    return this.#disk;
  }

  /** Where the pack lies, or would lie. */
  path(packId: PackId): string {
    return join(this.#folder, `${packId}.pack`);
  }

  /** Bytes of the pack's file, undefined when it is not here. */
  async size(packId: PackId): Promise<number | undefined> {
    const file = await this.open(packId);
    if (file === undefined) return undefined;
    try {
      return await file.size();
    } finally {
      await file.close();
    }
  }

  /** For reading; undefined when the pack is not here. */
  async open(packId: PackId): Promise<DiskFile | undefined> {
    try {
      return await this.#disk.open(this.path(packId), 'read');
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw error;
    }
  }

  /** True when the pack is here in full length; its content was verified when it came. */
  async has(packId: PackId, descriptor: PackDescriptor): Promise<boolean> {
    return (await this.size(packId)) === descriptor.size;
  }

  /** Packs that are here, sorted. */
  async list(): Promise<PackId[]> {
    const names = await this.#disk.list(this.#folder);
    return names
      .filter((name) => PACK_NAME.test(name))
      .map((name) => parsePackId(name.slice(0, 64)));
  }

  /**
   * Takes over a complete file on the same file system whose content the caller has verified.
   * Durable when it resolves; an interrupted call can be repeated.
   */
  async adopt(packId: PackId, fromPath: string): Promise<void> {
    const file = await this.#disk.open(fromPath, 'write');
    try {
      await file.sync();
    } finally {
      await file.close();
    }
    await this.#disk.rename(fromPath, this.path(packId));
    await this.#disk.syncFolder(this.#folder);
    if (dirname(fromPath) !== this.#folder) await this.#disk.syncFolder(dirname(fromPath));
  }

  /** Removes a pack; absent is fine. */
  async remove(packId: PackId): Promise<void> {
    await this.#disk.remove(this.path(packId));
    await this.#disk.syncFolder(this.#folder);
  }

  /** A path for a pack under construction; sweep removes it when nobody finishes it. */
  newPath(): string {
    return temporaryPath(join(this.#folder, 'new'));
  }

  /** Removes packs that a dead process had under construction; for the start of a daemon. */
  sweep(): Promise<void> {
    return sweepTemporary(this.#folder, this.#disk);
  }
}
