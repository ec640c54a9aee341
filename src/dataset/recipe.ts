// SPDX-License-Identifier: GPL-2.0-or-later
// The recipe: the files of a snapshot as a stream of records, in the order of comparePaths. It
// names chunks and never packs, and nothing in it depends on a position, so equal subtrees of two
// snapshots have equal bytes and dedup. docs/formats.md has the layout as a table.
//
// recipe = magic "MPXR" | version u8 = 1 | chunkIdAlgorithm u8 = 1 | zero u16le | record*
// record = length u32le (of what follows) | kind u8 | body
// A file of more than RECIPE_RECORD_CHUNKS_MAX chunks goes on in records of kind chunks.
import assert from 'node:assert/strict';
import { RECIPE_RECORD_CHUNKS_MAX } from '../base/limits.ts';
import { BufferWriter } from '../bytes/writer.ts';
import { encodeChunkList, type ChunkRef } from './chunk-list.ts';
import { CHUNK_ID_HMAC_SHA256 } from './genesis.ts';

/** First bytes of every recipe. */
export const RECIPE_HEADER = Buffer.concat([
  Buffer.from('MPXR\x01', 'latin1'),
  Buffer.from([CHUNK_ID_HMAC_SHA256, 0, 0]),
]);

/** The kind of a record. */
export const RECORD = { file: 1, folder: 2, symlink: 3, hardlink: 4, chunks: 5 } as const;

export type EntryType = 'file' | 'folder' | 'symlink' | 'hardlink';

export interface Xattr {
  readonly name: Buffer;
  readonly value: Buffer;
}

export interface Hole {
  readonly offset: number;
  readonly length: number;
}

export interface RecipeEntry {
  /** Raw bytes (recipe-path.ts); empty for the root folder, which is the first entry. */
  readonly path: Buffer;
  readonly type: EntryType;
  /** The low 12 bits of st_mode. Zero, like all metadata, for a hardlink: its file has them. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds since 1970, may be negative, and 0 to 999,999,999 nanoseconds after them. */
  readonly mtimeSec: number;
  readonly mtimeNsec: number;
  /** Names ascending by their bytes. */
  readonly xattrs: readonly Xattr[];
  /** Bytes of a file, holes included; 0 for all other types. */
  readonly size: number;
  /** Symlink: its text. Hardlink: the path of the file, which comes earlier in the recipe. */
  readonly target?: Buffer;
  /** File: ranges without data, ascending and apart from each other. */
  readonly holes?: readonly Hole[];
  /** File: its bytes outside of holes, in order. */
  readonly chunks: readonly ChunkRef[];
}

/** The records of one entry; a value that breaks the format is a bug (AssertionError). */
export function encodeRecipeEntry(entry: RecipeEntry): Buffer {
  const writer = new BufferWriter();
  const start = openRecord(writer, RECORD[entry.type]);
  writer.u16le(entry.path.length).bytes(entry.path);
  if (entry.type !== 'hardlink') writeMetadata(writer, entry);
  if (entry.type === 'symlink' || entry.type === 'hardlink') {
    assert(entry.target !== undefined, 'a link has a target');
    writer.u16le(entry.target.length).bytes(entry.target);
  }
  if (entry.type === 'file') writeContent(writer, entry, start);
  else closeRecord(writer, start);
  return writer.toBuffer();
}

function openRecord(writer: BufferWriter, kind: number): number {
  const start = writer.length;
  writer.u32le(0).u8(kind);
  return start;
}

function closeRecord(writer: BufferWriter, start: number): void {
  writer.setU32le(start, writer.length - start - 4);
}

function writeMetadata(writer: BufferWriter, entry: RecipeEntry): void {
  writer.u16le(entry.mode).u32le(entry.uid).u32le(entry.gid);
  writer.i64le(entry.mtimeSec).u32le(entry.mtimeNsec);
  writer.u16le(entry.xattrs.length);
  for (const { name, value } of entry.xattrs) {
    writer.u8(name.length).bytes(name).u32le(value.length).bytes(value);
  }
}

function writeContent(writer: BufferWriter, entry: RecipeEntry, start: number): void {
  const holes = entry.holes ?? [];
  writer.u64le(entry.size).u32le(holes.length);
  for (const { offset, length } of holes) writer.u64le(offset).u64le(length);
  let first = 0;
  let open = start;
  for (;;) {
    const end = first + RECIPE_RECORD_CHUNKS_MAX;
    const isLast = end >= entry.chunks.length;
    const chunks = entry.chunks.slice(first, end);
    writer
      .u8(isLast ? 0 : 1)
      .u32le(chunks.length)
      .bytes(encodeChunkList(chunks));
    closeRecord(writer, open);
    if (isLast) return;
    open = openRecord(writer, RECORD.chunks);
    first = end;
  }
}
