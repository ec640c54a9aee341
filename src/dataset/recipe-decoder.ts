// SPDX-License-Identifier: GPL-2.0-or-later
// Decodes a recipe as its bytes arrive, with every check of the format; and single entries of one.
import { FILE_CHUNKS_MAX } from '../base/limits.ts';
import { malformed } from '../bytes/malformed.ts';
import type { ReplicationError } from '../base/errors.ts';
import { chunkListLength, type ChunkRef } from './chunk-list.ts';
import { RecipeOrder } from './recipe-order.ts';
import { decodeRecord, decodeRecordMetadata, RECIPE_FORMAT } from './recipe-record.ts';
import { RecipeSplitter, type EncodedEntry } from './recipe-splitter.ts';
import type { RecipeEntry } from './recipe.ts';

const LENGTH_SIZE = 4;

/**
 * One recipe, pushed in pieces of any length. Every error is ERR_RECIPE_MALFORMED; after one the
 * decoder is spent.
 */
export class RecipeDecoder {
  readonly #splitter = new RecipeSplitter();
  readonly #order = new RecipeOrder();

  /** The entries that are complete with these bytes; their buffers share memory with the input. */
  push(bytes: Buffer): RecipeEntry[] {
    return this.#splitter.push(bytes).map((encoded) => {
      const entry = decodeEntry(encoded);
      this.#order.check(entry);
      return entry;
    });
  }

  /** Call after the last bytes: refuses a recipe that is cut off or has no root. */
  end(): void {
    this.#splitter.end();
    this.#order.end();
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

/** All of an entry but its chunks, of which the list is empty. ERR_RECIPE_MALFORMED. */
export function decodeMetadata({ bytes }: EncodedEntry): RecipeEntry {
  return decodeRecordMetadata(bytes.subarray(LENGTH_SIZE));
}

function failure(path: string, problem: string): ReplicationError {
  return malformed(RECIPE_FORMAT, path, problem);
}
