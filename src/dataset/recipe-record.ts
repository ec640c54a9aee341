// SPDX-License-Identifier: GPL-2.0-or-later
// Decodes one record of a recipe and checks every rule that needs no other record.
import {
  HOLES_MAX,
  PATH_LENGTH_MAX,
  RECIPE_RECORD_CHUNKS_MAX,
  XATTRS_MAX,
  XATTRS_SIZE_MAX,
  XATTR_NAME_LENGTH_MAX,
  XATTR_VALUE_SIZE_MAX,
} from '../base/limits.ts';
import { malformed } from '../bytes/malformed.ts';
import { BufferReader } from '../bytes/reader.ts';
import { CHUNK_REF_SIZE, decodeChunkList, type ChunkRef } from './chunk-list.ts';
import { comparePaths, pathProblem } from './recipe-path.ts';
import { RECORD, type EntryType, type Hole, type RecipeEntry, type Xattr } from './recipe.ts';

export const RECIPE_FORMAT = { code: 'ERR_RECIPE_MALFORMED', name: 'recipe' } as const;
const MODE_MAX = 0o7777;
const NSEC_MAX = 999_999_999;
const FULL_RECORD_SIZE_MIN = RECIPE_RECORD_CHUNKS_MAX * CHUNK_REF_SIZE;

/** Chunks of a record. */
export interface RecordChunks {
  readonly chunks: readonly ChunkRef[];
  /** A record of kind chunks follows for the same file. */
  readonly hasMore: boolean;
}

/** As much of a record as is needed to tell entries apart. */
export interface RecordHead {
  /** Undefined for further chunks of the file before. */
  readonly entry: { readonly type: EntryType; readonly path: Buffer } | undefined;
  /** A record of kind chunks follows for the same file. */
  readonly isContinued: boolean;
}

/** What one record says: the head of an entry, or further chunks of the file before. */
export type RecipeRecord =
  | { readonly kind: 'entry'; readonly entry: RecipeEntry; readonly content?: RecordChunks }
  | { readonly kind: 'chunks'; readonly content: RecordChunks };

/** The bytes after the record's length field. */
export function decodeRecord(bytes: Buffer): RecipeRecord {
  const reader = new BufferReader(bytes, RECIPE_FORMAT);
  const kind = reader.u8('kind');
  if (kind === RECORD.chunks) {
    const content = readChunks(reader);
    if (content.chunks.length === 0) throw reader.error('chunkCount', 'is 0');
    reader.end();
    return { kind: 'chunks', content };
  }
  const type = TYPE_OF_KIND.get(kind);
  if (type === undefined) throw reader.error('kind', `is ${kind}`);
  const path = readPath(reader, 'path');
  if (type === 'hardlink') return { kind: 'entry', entry: readHardlink(reader, path) };
  const metadata = readMetadata(reader);
  if (type === 'file') {
    const record = readFile(reader, { path, type, ...metadata });
    reader.end();
    return record;
  }
  const entry: RecipeEntry = { path, type, ...metadata, size: 0, chunks: [] };
  if (type === 'folder') {
    reader.end();
    return { kind: 'entry', entry };
  }
  const target = reader.bytes(reader.u16le('target'), 'target');
  if (target.length === 0 || target.length > PATH_LENGTH_MAX || target.includes(0)) {
    throw reader.error('target', 'is no text of a symlink');
  }
  reader.end();
  return { kind: 'entry', entry: { ...entry, target } };
}

/** Takes the bytes after the record's length field; what it does not read is not checked. */
export function readRecordHead(bytes: Buffer): RecordHead {
  const reader = new BufferReader(bytes, RECIPE_FORMAT);
  const kind = reader.u8('kind');
  // A record that goes on in another one is full, so a shorter one is the last of its entry.
  const isFull = bytes.length >= FULL_RECORD_SIZE_MIN;
  if (kind === RECORD.chunks) return { entry: undefined, isContinued: readChunks(reader).hasMore };
  const type = TYPE_OF_KIND.get(kind);
  if (type === undefined) throw reader.error('kind', `is ${kind}`);
  const path = reader.bytes(reader.u16le('path'), 'path');
  const isContinued = isFull && type === 'file' && isFileContinued(reader);
  return { entry: { type, path }, isContinued };
}

/** The reader stands behind the path. */
function isFileContinued(reader: BufferReader): boolean {
  readMetadata(reader);
  readHoles(reader, reader.u64le('size'));
  return readChunks(reader).hasMore;
}

/** An entry without its chunks; for a record that is no entry of its own ERR_RECIPE_MALFORMED. */
export function decodeRecordMetadata(bytes: Buffer): RecipeEntry {
  if (bytes[0] !== RECORD.file) {
    const record = decodeRecord(bytes);
    if (record.kind === 'entry') return record.entry;
    throw malformed(RECIPE_FORMAT, 'kind', 'is not that of an entry');
  }
  const reader = new BufferReader(bytes, RECIPE_FORMAT);
  reader.u8('kind');
  const path = readPath(reader, 'path');
  return readFileHead(reader, { path, type: 'file', ...readMetadata(reader) });
}

type Metadata = Pick<RecipeEntry, 'mode' | 'uid' | 'gid' | 'mtimeSec' | 'mtimeNsec' | 'xattrs'>;

const TYPES: readonly EntryType[] = ['file', 'folder', 'symlink', 'hardlink'];
const TYPE_OF_KIND: ReadonlyMap<number, EntryType> = new Map(
  TYPES.map((type) => [RECORD[type], type]),
);

function readPath(reader: BufferReader, field: string): Buffer {
  const path = reader.bytes(reader.u16le(field), field);
  const problem = pathProblem(path);
  if (problem !== undefined) throw reader.error(field, problem);
  return path;
}

function readHardlink(reader: BufferReader, path: Buffer): RecipeEntry {
  const target = readPath(reader, 'target');
  if (target.length === 0 || comparePaths(target, path) >= 0) {
    throw reader.error('target', 'does not come before its link');
  }
  reader.end();
  const none = { mode: 0, uid: 0, gid: 0, mtimeSec: 0, mtimeNsec: 0, xattrs: [] };
  return { path, type: 'hardlink', ...none, size: 0, target, chunks: [] };
}

function readMetadata(reader: BufferReader): Metadata {
  const mode = reader.u16le('mode');
  if (mode > MODE_MAX) throw reader.error('mode', `is 0${mode.toString(8)}`);
  const uid = reader.u32le('uid');
  const gid = reader.u32le('gid');
  const mtimeSec = reader.i64le('mtimeSec');
  const mtimeNsec = reader.u32le('mtimeNsec');
  if (mtimeNsec > NSEC_MAX) throw reader.error('mtimeNsec', `is ${mtimeNsec}`);
  return { mode, uid, gid, mtimeSec, mtimeNsec, xattrs: readXattrs(reader) };
}

function readXattrs(reader: BufferReader): Xattr[] {
  const count = reader.u16le('xattrs');
  if (count > XATTRS_MAX) throw reader.error('xattrs', `are ${count}`);
  const xattrs: Xattr[] = [];
  let size = 0;
  for (let index = 0; index < count; index += 1) {
    const name = reader.bytes(reader.u8('xattrs[].name'), 'xattrs[].name');
    const value = reader.bytes(reader.u32le('xattrs[].value'), 'xattrs[].value');
    const before = xattrs.at(-1)?.name;
    if (name.length === 0 || name.length > XATTR_NAME_LENGTH_MAX || name.includes(0)) {
      throw reader.error('xattrs[].name', 'is no name');
    }
    if (before !== undefined && before.compare(name) >= 0) {
      throw reader.error('xattrs', 'are not sorted or not unique');
    }
    size += value.length;
    if (value.length > XATTR_VALUE_SIZE_MAX || size > XATTRS_SIZE_MAX) {
      throw reader.error('xattrs[].value', 'is too long');
    }
    xattrs.push({ name, value });
  }
  return xattrs;
}

function readFile(
  reader: BufferReader,
  head: Pick<RecipeEntry, 'path' | 'type'> & Metadata,
): RecipeRecord {
  const entry = readFileHead(reader, head);
  const content = readChunks(reader);
  return { kind: 'entry', entry: { ...entry, chunks: content.chunks }, content };
}

function readFileHead(
  reader: BufferReader,
  head: Pick<RecipeEntry, 'path' | 'type'> & Metadata,
): RecipeEntry {
  if (head.path.length === 0) throw reader.error('path', 'is empty for a file');
  const size = reader.u64le('size');
  const holes = readHoles(reader, size);
  return { ...head, size, ...(holes.length === 0 ? {} : { holes }), chunks: [] };
}

function readHoles(reader: BufferReader, size: number): Hole[] {
  const count = reader.u32le('holes');
  if (count > HOLES_MAX) throw reader.error('holes', `are ${count}`);
  const holes: Hole[] = [];
  let end = -1;
  for (let index = 0; index < count; index += 1) {
    const hole = { offset: reader.u64le('holes[].offset'), length: reader.u64le('holes[].length') };
    // Adjacent holes would be one hole in a second spelling.
    if (hole.length === 0 || hole.offset <= end || hole.offset + hole.length > size) {
      throw reader.error('holes', 'are empty, not ascending, adjacent or outside of the file');
    }
    end = hole.offset + hole.length;
    holes.push(hole);
  }
  return holes;
}

function readChunks(reader: BufferReader): RecordChunks {
  const more = reader.u8('more');
  const count = reader.u32le('chunkCount');
  const isRight =
    more === 0 ? count <= RECIPE_RECORD_CHUNKS_MAX : count === RECIPE_RECORD_CHUNKS_MAX;
  if (more > 1 || !isRight) throw reader.error('chunkCount', `is ${count} with more ${more}`);
  const packed = reader.bytes(count * CHUNK_REF_SIZE, 'chunks');
  return { chunks: decodeChunkList(packed, RECIPE_FORMAT), hasMore: more === 1 };
}
