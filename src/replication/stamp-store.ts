// SPDX-License-Identifier: GPL-2.0-or-later
// Remembers how each file of the newest own snapshot looked when it was read (size, times, inode),
// so that the next publish reads only what changed. A local cache: without it everything is read.
//
// stamps = magic "MPXS" | version u8 = 1 | zero[3] | snapshot id[32]
//   | (pathLength u16le | path | size u64le | mtime i64le u32le | ctime i64le u32le
//      | inode u64le | device u64le)*      in the order of comparePaths
import { join } from 'node:path';
import { STAMP_FILE_SIZE_MAX, STAMP_MARGIN_COARSE_MS, STAMP_MARGIN_MS } from '../base/limits.ts';
import { BufferWriter } from '../bytes/writer.ts';
import { idBytes, type DatasetId, type SnapshotId } from '../dataset/ids.ts';
import { comparePaths } from '../dataset/recipe-path.ts';
import type { EntryStat } from '../native/folder.ts';
import { readBounded, writeAtomic } from '../store/atomic-file.ts';

const MAGIC = Buffer.from('MPXS\x01\0\0\0', 'latin1');
const HEADER_SIZE = MAGIC.length + 32;
/** Bytes of a record beside its path. */
const FIELDS_SIZE = 8 + 12 + 12 + 8 + 8;

/** The stamps of one snapshot; paths must be asked for in ascending order. */
export class StampCursor {
  readonly #bytes: Buffer;
  #offset = HEADER_SIZE;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** True when the file at this path looks exactly as it did. */
  matches(path: Buffer, stat: EntryStat): boolean {
    for (;;) {
      if (this.#offset + 2 > this.#bytes.length) return false;
      const pathEnd = this.#offset + 2 + this.#bytes.readUInt16LE(this.#offset);
      if (pathEnd + FIELDS_SIZE > this.#bytes.length) return false;
      const order = comparePaths(this.#bytes.subarray(this.#offset + 2, pathEnd), path);
      if (order > 0) return false;
      this.#offset = pathEnd + FIELDS_SIZE;
      if (order === 0) {
        return this.#bytes.subarray(pathEnd, pathEnd + FIELDS_SIZE).equals(encodeStamp(stat));
      }
    }
  }
}

/** Collects the stamps of a new snapshot, in the order of comparePaths. */
export class StampWriter {
  readonly #records: Buffer[] = [];
  readonly #scanStartMs: number;

  /** scanStartMs is when the first file was looked at. */
  constructor(init: { readonly scanStartMs: number }) {
    this.#scanStartMs = init.scanStartMs;
  }

  /** Leaves out a file that could change once more without its times changing. */
  add(path: Buffer, stat: EntryStat): void {
    const isCoarse = stat.mtimeNanoseconds === 0 && stat.ctimeNanoseconds === 0;
    const margin = isCoarse ? STAMP_MARGIN_COARSE_MS : STAMP_MARGIN_MS;
    const changedMs = stat.ctimeSeconds * 1000 + stat.ctimeNanoseconds / 1e6;
    if (changedMs > this.#scanStartMs - margin) return;
    const length = Buffer.allocUnsafe(2);
    length.writeUInt16LE(path.length);
    this.#records.push(length, path, encodeStamp(stat));
  }

  toBuffer(snapshotId: SnapshotId): Buffer {
    return Buffer.concat([MAGIC, idBytes(snapshotId), ...this.#records]);
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
    const bytes = await readBounded(this.#path(datasetId), STAMP_FILE_SIZE_MAX).catch(
      () => undefined,
    );
    const header = Buffer.concat([MAGIC, idBytes(snapshotId)]);
    if (bytes?.subarray(0, HEADER_SIZE).equals(header) !== true) return undefined;
    return new StampCursor(bytes);
  }

  async save(datasetId: DatasetId, snapshotId: SnapshotId, stamps: StampWriter): Promise<void> {
    const bytes = stamps.toBuffer(snapshotId);
    if (bytes.length <= STAMP_FILE_SIZE_MAX) await writeAtomic(this.#path(datasetId), bytes);
  }

  /** Lets the stamps of one snapshot be those of another, whose files are the same. */
  async carry(datasetId: DatasetId, from: SnapshotId, to: SnapshotId): Promise<void> {
    const bytes = await readBounded(this.#path(datasetId), STAMP_FILE_SIZE_MAX).catch(
      () => undefined,
    );
    const header = Buffer.concat([MAGIC, idBytes(from)]);
    if (bytes?.subarray(0, HEADER_SIZE).equals(header) !== true) return;
    idBytes(to).copy(bytes, MAGIC.length);
    await writeAtomic(this.#path(datasetId), bytes);
  }

  #path(datasetId: DatasetId): string {
    return join(this.#folder, datasetId, 'stamps');
  }
}

function encodeStamp(stat: EntryStat): Buffer {
  return new BufferWriter(FIELDS_SIZE)
    .u64le(stat.size)
    .i64le(stat.mtimeSeconds)
    .u32le(stat.mtimeNanoseconds)
    .i64le(stat.ctimeSeconds)
    .u32le(stat.ctimeNanoseconds)
    .bytes(u64(stat.inode))
    .bytes(u64(stat.device))
    .toBuffer();
}

/** Inode numbers use all 64 bits on some file systems. */
function u64(value: bigint): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
}
