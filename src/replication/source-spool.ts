// SPDX-License-Identifier: GPL-2.0-or-later
// The entries of a scanned folder as a stream of records: a tree of a million files takes no memory
// that grows with it. For this process alone; the layout is nobody else's.
import type { Hole, Xattr } from '../dataset/recipe.ts';
import { BufferReader } from '../bytes/reader.ts';
import { BufferWriter } from '../bytes/writer.ts';
import type { EntryStat, EntryType } from '../native/folder.ts';
import type { Spool } from '../store/spool.ts';
import type { SourceEntry } from './tree-scanner.ts';

const TYPES = ['file', 'folder', 'symlink', 'hardlink'] as const;
const STAT_TYPES: readonly EntryType[] = ['file', 'folder', 'symlink', 'fifo', 'socket', 'device'];
const FORMAT = { code: 'ERR_FORMAT_MALFORMED', name: 'scan' } as const;
const BLOCK_SIZE = 256 * 1024;
/** Before the path: total length, type, whether it is to be read, path length. */
const HEAD_SIZE = 8;
const STAT_SIZE = 75;
const FIXED_SIZE = HEAD_SIZE + STAT_SIZE + 1;
const NO_XATTRS: readonly Xattr[] = [];
const NO_HOLES: readonly Hole[] = [];

export interface SpooledEntry {
  readonly entry: SourceEntry;
  /** A file whose content must be read. */
  readonly isToRead: boolean;
}

/** Packs entries into blocks of the spool. */
export class SourceSpoolWriter {
  readonly #spool: Spool;
  #block = Buffer.allocUnsafe(BLOCK_SIZE);
  #length = 0;

  constructor(spool: Spool) {
    this.#spool = spool;
  }

  /** Returns a promise when a block is full, which is to be awaited before the next call. */
  add(entry: SourceEntry, isToRead: boolean): Promise<void> | undefined {
    const extras = encodeExtras(entry);
    const size = FIXED_SIZE + entry.path.length + extras.length;
    const full = this.#length + size > this.#block.length ? this.#startBlock(size) : undefined;
    this.#write(entry, isToRead, extras, size);
    return full;
  }

  async finish(): Promise<void> {
    if (this.#length > 0) await this.#startBlock(0);
  }

  #startBlock(size: number): Promise<void> {
    const full = this.#block.subarray(0, this.#length);
    this.#block = Buffer.allocUnsafe(Math.max(size, BLOCK_SIZE));
    this.#length = 0;
    return this.#spool.append(full);
  }

  #write(entry: SourceEntry, isToRead: boolean, extras: Buffer, size: number): void {
    const { path, type, stat } = entry;
    const block = this.#block;
    const start = this.#length;
    block.writeUInt32LE(size, start);
    block.writeUInt8(TYPES.indexOf(type), start + 4);
    block.writeUInt8(isToRead ? 1 : 0, start + 5);
    block.writeUInt16LE(path.length, start + 6);
    let at = start + HEAD_SIZE;
    block.writeUInt8(STAT_TYPES.indexOf(stat.type), at);
    block.writeUInt16LE(stat.mode, at + 1);
    block.writeUInt32LE(stat.uid, at + 3);
    block.writeUInt32LE(stat.gid, at + 7);
    block.writeDoubleLE(stat.size, at + 11);
    block.writeDoubleLE(stat.mtimeSeconds, at + 19);
    block.writeUInt32LE(stat.mtimeNanoseconds, at + 27);
    block.writeDoubleLE(stat.ctimeSeconds, at + 31);
    block.writeUInt32LE(stat.ctimeNanoseconds, at + 39);
    block.writeBigUInt64LE(stat.inode, at + 43);
    block.writeBigUInt64LE(stat.device, at + 51);
    block.writeDoubleLE(stat.linkCount, at + 59);
    block.writeDoubleLE(stat.blockCount, at + 67);
    block.writeUInt8(extras.length > 0 ? 1 : 0, at + STAT_SIZE);
    at += STAT_SIZE + 1;
    at += path.copy(block, at);
    extras.copy(block, at);
    this.#length += size;
  }
}

/** The entries in the order in which they were added, some at a time. */
export async function* spooledEntries(spool: Spool): AsyncGenerator<readonly SpooledEntry[]> {
  for await (const block of spool.blocks()) yield [...entriesOf(block, false)];
}

/** Those alone whose content must be read. */
export async function* entriesToRead(spool: Spool): AsyncGenerator<readonly SourceEntry[]> {
  for await (const block of spool.blocks()) {
    const found = Array.from(entriesOf(block, true), ({ entry }) => entry);
    if (found.length > 0) yield found;
  }
}

function* entriesOf(block: Buffer, onlyToRead: boolean): Generator<SpooledEntry> {
  for (let start = 0; start < block.length;) {
    const isToRead = block[start + 5] === 1;
    if (isToRead || !onlyToRead) yield { entry: entryAt(block, start), isToRead };
    start += block.readUInt32LE(start);
  }
}

function entryAt(block: Buffer, start: number): SourceEntry {
  const end = start + block.readUInt32LE(start);
  const at = start + HEAD_SIZE;
  const pathStart = at + STAT_SIZE + 1;
  const pathEnd = pathStart + block.readUInt16LE(start + 6);
  const entry = {
    path: block.subarray(pathStart, pathEnd),
    type: TYPES[block[start + 4] ?? 0] ?? 'file',
    stat: statAt(block, at),
    xattrs: NO_XATTRS,
    holes: NO_HOLES,
  };
  const hasExtras = block[at + STAT_SIZE] === 1;
  return hasExtras ? { ...entry, ...decodeExtras(block.subarray(pathEnd, end)) } : entry;
}

function statAt(block: Buffer, at: number): EntryStat {
  return {
    type: STAT_TYPES[block[at] ?? 0] ?? 'device',
    mode: block.readUInt16LE(at + 1),
    uid: block.readUInt32LE(at + 3),
    gid: block.readUInt32LE(at + 7),
    size: block.readDoubleLE(at + 11),
    mtimeSeconds: block.readDoubleLE(at + 19),
    mtimeNanoseconds: block.readUInt32LE(at + 27),
    ctimeSeconds: block.readDoubleLE(at + 31),
    ctimeNanoseconds: block.readUInt32LE(at + 39),
    inode: block.readBigUInt64LE(at + 43),
    device: block.readBigUInt64LE(at + 51),
    linkCount: block.readDoubleLE(at + 59),
    blockCount: block.readDoubleLE(at + 67),
  };
}

const NO_EXTRAS = Buffer.alloc(0);

/** What few entries have: text of a link, attributes, holes. */
function encodeExtras({ target, xattrs, holes }: SourceEntry): Buffer {
  if (target === undefined && xattrs.length === 0 && holes.length === 0) return NO_EXTRAS;
  const writer = new BufferWriter();
  writer.u8(target === undefined ? 0 : 1).u32le(target?.length ?? 0);
  writer.bytes(target ?? NO_EXTRAS).u32le(xattrs.length);
  for (const { name, value } of xattrs) {
    writer.u32le(name.length).bytes(name).u32le(value.length).bytes(value);
  }
  writer.u32le(holes.length);
  for (const { offset, length } of holes) writer.u64le(offset).u64le(length);
  return writer.toBuffer();
}

function decodeExtras(bytes: Buffer): Pick<SourceEntry, 'target' | 'xattrs' | 'holes'> {
  const reader = new BufferReader(bytes, FORMAT);
  const hasTarget = reader.u8() === 1;
  const target = reader.bytes(reader.u32le());
  const xattrs = Array.from({ length: reader.u32le() }, () => ({
    name: reader.bytes(reader.u32le()),
    value: reader.bytes(reader.u32le()),
  }));
  const holes = Array.from({ length: reader.u32le() }, () => ({
    offset: reader.u64le(),
    length: reader.u64le(),
  }));
  return { ...(hasTarget ? { target } : {}), xattrs, holes };
}
