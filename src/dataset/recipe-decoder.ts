// SPDX-License-Identifier: GPL-2.0-or-later
// Decodes a recipe as its bytes arrive, and checks what spans records: the order, that everything
// lies in a folder of the recipe (so no path leads through a link), and the sizes of files.
import { FILE_CHUNKS_MAX, RECIPE_RECORD_SIZE_MAX } from '../base/limits.ts';
import { malformed } from '../bytes/malformed.ts';
import type { ReplicationError } from '../base/errors.ts';
import { chunkListLength, fileDigestOfList, type ChunkRef } from './chunk-list.ts';
import { decodeRecord, RECIPE_FORMAT, type RecordChunks } from './recipe-record.ts';
import { comparePaths, parentPath } from './recipe-path.ts';
import { RECIPE_HEADER, type RecipeEntry } from './recipe.ts';

const LENGTH_SIZE = 4;

/** A file whose chunks are not all here yet. */
interface PartialFile {
  readonly entry: RecipeEntry;
  readonly chunks: ChunkRef[];
  readonly packed: Buffer[];
}

/**
 * One recipe, pushed in pieces of any length. Every error is ERR_RECIPE_MALFORMED; after one the
 * decoder is spent.
 */
export class RecipeDecoder {
  #pending: Buffer = Buffer.alloc(0);
  #hasHeader = false;
  #last: Buffer | undefined;
  /** Paths of the folders around the last entry, the root first. */
  readonly #folders: Buffer[] = [];
  #partial: PartialFile | undefined;

  /** The entries that are complete with these bytes; their buffers share memory with the input. */
  push(bytes: Buffer): RecipeEntry[] {
    this.#pending = this.#pending.length === 0 ? bytes : Buffer.concat([this.#pending, bytes]);
    const entries: RecipeEntry[] = [];
    let offset = this.#skipHeader();
    while (this.#hasHeader && this.#pending.length - offset >= LENGTH_SIZE) {
      const length = this.#pending.readUInt32LE(offset);
      if (length > RECIPE_RECORD_SIZE_MAX) throw failure('record', `has ${length} bytes`);
      const end = offset + LENGTH_SIZE + length;
      if (end > this.#pending.length) break;
      const entry = this.#record(this.#pending.subarray(offset + LENGTH_SIZE, end));
      if (entry !== undefined) entries.push(entry);
      offset = end;
    }
    this.#pending = this.#pending.subarray(offset);
    return entries;
  }

  /** Call after the last bytes: refuses a recipe that is cut off or has no root. */
  end(): void {
    if (this.#pending.length > 0 || this.#partial !== undefined || this.#last === undefined) {
      throw failure('', 'ends too early');
    }
  }

  #skipHeader(): number {
    if (this.#hasHeader || this.#pending.length < RECIPE_HEADER.length) return 0;
    if (!this.#pending.subarray(0, RECIPE_HEADER.length).equals(RECIPE_HEADER)) {
      throw failure('header', 'is not the one of a recipe of version 1');
    }
    this.#hasHeader = true;
    return RECIPE_HEADER.length;
  }

  #record(bytes: Buffer): RecipeEntry | undefined {
    const record = decodeRecord(bytes);
    if (record.kind === 'chunks') {
      if (this.#partial === undefined) throw failure('chunks', 'do not follow their file');
      return this.#addChunks(this.#partial, record.content);
    }
    if (this.#partial !== undefined) throw failure('chunks', 'of a file are missing');
    this.#place(record.entry);
    if (record.content === undefined) return record.entry;
    return this.#addChunks({ entry: record.entry, chunks: [], packed: [] }, record.content);
  }

  /** Checks order and parent, and remembers folders. */
  #place({ path, type }: RecipeEntry): void {
    if (this.#last === undefined) {
      if (path.length > 0 || type !== 'folder') throw failure('path', 'is not the root at first');
    } else {
      if (comparePaths(this.#last, path) >= 0) throw failure('path', 'is out of order');
      const parent = parentPath(path);
      while (this.#folders.length > 0 && this.#folders.at(-1)?.equals(parent) !== true) {
        this.#folders.pop();
      }
      if (this.#folders.length === 0) throw failure('path', 'is not in a folder of the recipe');
    }
    this.#last = path;
    if (type === 'folder') this.#folders.push(path);
  }

  #addChunks(file: PartialFile, content: RecordChunks): RecipeEntry | undefined {
    for (const chunk of content.chunks) file.chunks.push(chunk);
    file.packed.push(content.packed);
    if (file.chunks.length > FILE_CHUNKS_MAX) throw failure('chunks', 'of a file are too many');
    if (content.hasMore) {
      this.#partial = file;
      return undefined;
    }
    this.#partial = undefined;
    const holes = file.entry.holes ?? [];
    const covered = holes.reduce((sum, hole) => sum + hole.length, chunkListLength(file.chunks));
    if (covered !== file.entry.size) {
      throw failure('size', `is ${file.entry.size}, chunks and holes have ${covered}`);
    }
    const packed = file.packed.length === 1 ? content.packed : Buffer.concat(file.packed);
    return { ...file.entry, chunks: file.chunks, digest: fileDigestOfList(packed) };
  }
}

function failure(path: string, problem: string): ReplicationError {
  return malformed(RECIPE_FORMAT, path, problem);
}
