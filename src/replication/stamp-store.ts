// SPDX-License-Identifier: GPL-2.0-or-later
// Remembers how each file of the newest own snapshot looked when it was read (size, times, inode),
// so that the next publish reads only what changed. A local cache: without it everything is read.
//
// stamps = magic "MPXS" | version u8 = 1 | zero[3] | snapshot id[32]
//   | (pathLength u16le | path | size u64le | mtime i64le u32le | ctime i64le u32le
//      | inode u64le | device u64le)*      in the order of comparePaths
import { dirname, join } from 'node:path';
import { PATH_LENGTH_MAX, STAMP_MARGIN_COARSE_MS, STAMP_MARGIN_MS } from '../base/limits.ts';
import { idBytes, type DatasetId, type SnapshotId } from '../dataset/ids.ts';
import { comparePaths } from '../dataset/recipe-path.ts';
import type { EntryStat } from '../native/folder.ts';
import { temporaryPath } from '../store/atomic-file.ts';
import { realDisk, type DiskFile } from '../store/disk.ts';

const MAGIC = Buffer.from('MPXS\x01\0\0\0', 'latin1');
const HEADER_SIZE = MAGIC.length + 32;
/** Bytes of a record beside its path. */
const FIELDS_SIZE = 8 + 12 + 12 + 8 + 8;
const RECORD_SIZE_MAX = 2 + PATH_LENGTH_MAX + FIELDS_SIZE;
/** Read and written at once. */
const BLOCK_SIZE = 256 * 1024;

/** The stamps of one snapshot; paths must be asked for in ascending order. To be closed. */
export class StampCursor {
  readonly #file: DiskFile;
  #window: Buffer = Buffer.alloc(0);
  #start = 0;
  #offset = HEADER_SIZE;
  #isAtEnd = false;
  readonly #own = Buffer.allocUnsafe(FIELDS_SIZE);

  constructor(file: DiskFile) {
    this.#file = file;
  }

  /** True when the file at this path looks exactly as it did. */
  async matches(path: Buffer, stat: EntryStat): Promise<boolean> {
    for (;;) {
      const left = this.#window.length - this.#start;
      if (left < RECORD_SIZE_MAX && !this.#isAtEnd) await this.#fill();
      const window = this.#window;
      const pathStart = this.#start + 2;
      if (pathStart > window.length) return false;
      const pathEnd = pathStart + window.readUInt16LE(this.#start);
      const end = pathEnd + FIELDS_SIZE;
      if (end > window.length) return false;
      const order = comparePaths(window.subarray(pathStart, pathEnd), path);
      if (order > 0) return false;
      this.#start = end;
      if (order < 0) continue;
      encodeStamp(stat, this.#own, 0);
      return this.#own.compare(window, pathEnd, end) === 0;
    }
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  async #fill(): Promise<void> {
    const rest = this.#window.subarray(this.#start);
    const more = await this.#file.read(BLOCK_SIZE, this.#offset);
    this.#offset += more.length;
    this.#isAtEnd = more.length < BLOCK_SIZE;
    this.#window = Buffer.concat([rest, more]);
    this.#start = 0;
  }
}

/** Writes the stamps of a new snapshot, in the order of comparePaths, into a file of their own. */
export class StampWriter {
  readonly #path: string;
  readonly #temporary: string;
  readonly #scanStartMs: number;
  #block = Buffer.allocUnsafe(BLOCK_SIZE);
  #length = 0;
  /** Blocks that are full and not written. */
  #full: Buffer[] = [];
  #file: DiskFile | undefined;
  #size = HEADER_SIZE;

  /** path is of the file that save() replaces; scanStartMs when the first file was looked at. */
  constructor(path: string, init: { readonly scanStartMs: number }) {
    this.#path = path;
    this.#temporary = temporaryPath(path);
    this.#scanStartMs = init.scanStartMs;
  }

  /** Leaves out a file that could change once more without its times changing. */
  add(path: Buffer, stat: EntryStat): void {
    const isCoarse = stat.mtimeNanoseconds === 0 && stat.ctimeNanoseconds === 0;
    const margin = isCoarse ? STAMP_MARGIN_COARSE_MS : STAMP_MARGIN_MS;
    const changedMs = stat.ctimeSeconds * 1000 + stat.ctimeNanoseconds / 1e6;
    if (changedMs > this.#scanStartMs - margin) return;
    if (this.#length + RECORD_SIZE_MAX > this.#block.length) this.#endBlock();
    this.#length = this.#block.writeUInt16LE(path.length, this.#length);
    this.#length += path.copy(this.#block, this.#length);
    this.#length = encodeStamp(stat, this.#block, this.#length);
  }

  /** Writes what is full; to be called now and then, so that it does not pile up. */
  async flush(): Promise<void> {
    const blocks = this.#full;
    if (blocks.length === 0) return;
    this.#full = [];
    this.#file ??= await realDisk.open(this.#temporary, 'create');
    for (const block of blocks) {
      await this.#file.write(block, this.#size);
      this.#size += block.length;
    }
  }

  /** Durable as those of the snapshot when it resolves. Nothing can be added later. */
  async save(snapshotId: SnapshotId): Promise<void> {
    this.#endBlock();
    this.#file ??= await realDisk.open(this.#temporary, 'create');
    await this.flush();
    await this.#file.write(Buffer.concat([MAGIC, idBytes(snapshotId)]), 0);
    await this.#file.sync();
    await this.#file.close();
    this.#file = undefined;
    await realDisk.rename(this.#temporary, this.#path);
    await realDisk.syncFolder(dirname(this.#path));
  }

  /** Removes what was written; after save() it does nothing. */
  async discard(): Promise<void> {
    if (this.#file === undefined) return;
    await this.#file.close();
    this.#file = undefined;
    await realDisk.remove(this.#temporary);
  }

  #endBlock(): void {
    if (this.#length === 0) return;
    this.#full.push(this.#block.subarray(0, this.#length));
    this.#block = Buffer.allocUnsafe(BLOCK_SIZE);
    this.#length = 0;
  }
}

export class StampStore {
  readonly #folder: string;

  /** folder holds one folder for each data set. */
  constructor(init: { readonly folder: string }) {
    this.#folder = init.folder;
  }

  /** Undefined when there are none of exactly this snapshot. */
  async load(datasetId: DatasetId, snapshotId: SnapshotId): Promise<StampCursor | undefined> {
    const file = await this.#open(datasetId, snapshotId, 'read');
    return file && new StampCursor(file);
  }

  /** For the stamps of the next snapshot. */
  write(datasetId: DatasetId, init: { readonly scanStartMs: number }): StampWriter {
    return new StampWriter(this.#path(datasetId), init);
  }

  /** Lets the stamps of one snapshot be those of another, whose files are the same. */
  async carry(datasetId: DatasetId, from: SnapshotId, to: SnapshotId): Promise<void> {
    const file = await this.#open(datasetId, from, 'write');
    // Half an id is none of any snapshot: then every file is read once more.
    await file?.write(idBytes(to), MAGIC.length);
    await file?.close();
  }

  /** The file when it is of this snapshot. */
  async #open(
    datasetId: DatasetId,
    snapshotId: SnapshotId,
    mode: 'read' | 'write',
  ): Promise<DiskFile | undefined> {
    let file: DiskFile;
    try {
      file = await realDisk.open(this.#path(datasetId), mode);
    } catch {
      return undefined;
    }
    const wanted = Buffer.concat([MAGIC, idBytes(snapshotId)]);
    const header = await file.read(HEADER_SIZE, 0).catch(() => undefined);
    if (header?.equals(wanted) === true) return file;
    await file.close();
    return undefined;
  }

  #path(datasetId: DatasetId): string {
    return join(this.#folder, datasetId, 'stamps');
  }
}

/** Writes the stamp at the offset; gives its end. */
function encodeStamp(stat: EntryStat, into: Buffer, offset: number): number {
  let at = into.writeBigUInt64LE(BigInt(stat.size), offset);
  at = into.writeBigInt64LE(BigInt(stat.mtimeSeconds), at);
  at = into.writeUInt32LE(stat.mtimeNanoseconds, at);
  at = into.writeBigInt64LE(BigInt(stat.ctimeSeconds), at);
  at = into.writeUInt32LE(stat.ctimeNanoseconds, at);
  // Inode numbers use all 64 bits on some file systems.
  at = into.writeBigUInt64LE(stat.inode, at);
  return into.writeBigUInt64LE(stat.device, at);
}
