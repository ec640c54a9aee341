// SPDX-License-Identifier: GPL-2.0-or-later
// Decodes a recipe as its bytes arrive, and checks what spans records: the order, that everything
// lies in a folder of the recipe (so no path leads through a link), and the sizes of files.
import { FILE_CHUNKS_MAX } from '../base/limits.ts';
import { malformed } from '../bytes/malformed.ts';
import type { ReplicationError } from '../base/errors.ts';
import { chunkListLength, type ChunkRef } from './chunk-list.ts';
import { decodeRecord, RECIPE_FORMAT } from './recipe-record.ts';
import { comparePaths, parentPath } from './recipe-path.ts';
import { RecipeSplitter, type EncodedEntry } from './recipe-splitter.ts';
import type { RecipeEntry } from './recipe.ts';

const LENGTH_SIZE = 4;

/** An entry, and the bytes that it was decoded from. */
export interface DecodedEntry {
  readonly entry: RecipeEntry;
  readonly encoded: EncodedEntry;
}

/**
 * One recipe, pushed in pieces of any length. Every error is ERR_RECIPE_MALFORMED; after one the
 * decoder is spent.
 */
export class RecipeDecoder {
  readonly #splitter = new RecipeSplitter();
  #last: Buffer | undefined;
  /** Paths of the folders around the last entry, the root first. */
  readonly #folders: Buffer[] = [];

  /** The entries that are complete with these bytes; their buffers share memory with the input. */
  push(bytes: Buffer): RecipeEntry[] {
    return this.pushEncoded(bytes).map(({ entry }) => entry);
  }

  /** The same, each with its bytes. */
  pushEncoded(bytes: Buffer): DecodedEntry[] {
    return this.#splitter.push(bytes).map((encoded) => {
      const entry = decodeEntry(encoded);
      this.#place(entry);
      return { entry, encoded };
    });
  }

  /** Call after the last bytes: refuses a recipe that is cut off or has no root. */
  end(): void {
    this.#splitter.end();
    if (this.#last === undefined) throw failure('', 'ends too early');
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
}

/** Decodes one entry by itself; its buffers share memory with the input. ERR_RECIPE_MALFORMED. */
export function decodeEntry({ bytes }: EncodedEntry): RecipeEntry {
  let entry: RecipeEntry | undefined;
  const chunks: ChunkRef[] = [];
  for (let offset = 0; offset < bytes.length;) {
    const end = offset + LENGTH_SIZE + bytes.readUInt32LE(offset);
    const record = decodeRecord(bytes.subarray(offset + LENGTH_SIZE, end));
    if (record.kind === 'entry') entry = record.entry;
    for (const chunk of record.content?.chunks ?? []) chunks.push(chunk);
    offset = end;
  }
  if (entry === undefined) throw failure('', 'has an entry without a record');
  if (entry.type !== 'file') return entry;
  if (chunks.length > FILE_CHUNKS_MAX) throw failure('chunks', 'of a file are too many');
  const holes = entry.holes ?? [];
  const covered = holes.reduce((sum, hole) => sum + hole.length, chunkListLength(chunks));
  if (covered !== entry.size) {
    throw failure('size', `is ${entry.size}, chunks and holes have ${covered}`);
  }
  return { ...entry, chunks };
}

function failure(path: string, problem: string): ReplicationError {
  return malformed(RECIPE_FORMAT, path, problem);
}
