// SPDX-License-Identifier: GPL-2.0-or-later
// Splits a recipe into its entries without decoding them: equal entries have equal bytes, so most
// of two recipes is compared, and most of a new one copied, as it is.
import { FILE_CHUNKS_MAX, RECIPE_RECORD_SIZE_MAX } from '../base/limits.ts';
import type { ReplicationError } from '../base/errors.ts';
import { malformed } from '../bytes/malformed.ts';
import { CHUNK_REF_SIZE } from './chunk-list.ts';
import { RECIPE_FORMAT, readRecordHead } from './recipe-record.ts';
import { RECIPE_HEADER, type EntryType } from './recipe.ts';

const LENGTH_SIZE = 4;
/** Records of the file with the most chunks, with room for its other fields. */
const ENTRY_SIZE_MAX = FILE_CHUNKS_MAX * (CHUNK_REF_SIZE + 1) + RECIPE_RECORD_SIZE_MAX;

/** The records of one entry, as they are. */
export interface EncodedEntry {
  readonly type: EntryType;
  readonly path: Buffer;
  /** All of its records, length fields included. */
  readonly bytes: Buffer;
}

/** A file whose records are not all here yet. */
interface OpenEntry {
  readonly type: EntryType;
  readonly path: Buffer;
  readonly records: Buffer[];
  size: number;
}

/**
 * One recipe, pushed in pieces of any length. Every error is ERR_RECIPE_MALFORMED; after one the
 * splitter is spent. It checks how records follow each other, not what is in them.
 */
export class RecipeSplitter {
  #pending: Buffer = Buffer.alloc(0);
  #hasHeader = false;
  #open: OpenEntry | undefined;

  /** The entries that are complete with these bytes; they share memory with the input. */
  push(bytes: Buffer): EncodedEntry[] {
    this.#pending = this.#pending.length === 0 ? bytes : Buffer.concat([this.#pending, bytes]);
    const entries: EncodedEntry[] = [];
    let offset = this.#skipHeader();
    while (this.#hasHeader && this.#pending.length - offset >= LENGTH_SIZE) {
      const length = this.#pending.readUInt32LE(offset);
      if (length > RECIPE_RECORD_SIZE_MAX) throw failure('record', `has ${length} bytes`);
      const end = offset + LENGTH_SIZE + length;
      if (end > this.#pending.length) break;
      const entry = this.#record(this.#pending.subarray(offset, end));
      if (entry !== undefined) entries.push(entry);
      offset = end;
    }
    this.#pending = this.#pending.subarray(offset);
    return entries;
  }

  /** Call after the last bytes: refuses a recipe that is cut off. */
  end(): void {
    if (!this.#hasHeader || this.#pending.length > 0 || this.#open !== undefined) {
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

  /** Takes a record with its length field. */
  #record(record: Buffer): EncodedEntry | undefined {
    const { entry, isContinued } = readRecordHead(record.subarray(LENGTH_SIZE));
    if (entry !== undefined) {
      if (this.#open !== undefined) throw failure('chunks', 'of a file are missing');
      if (!isContinued) return { type: entry.type, path: entry.path, bytes: record };
      this.#open = { ...entry, records: [], size: 0 };
    }
    const open = this.#open;
    if (open === undefined) throw failure('chunks', 'do not follow their file');
    open.records.push(record);
    open.size += record.length;
    if (open.size > ENTRY_SIZE_MAX) throw failure('chunks', 'of a file are too many');
    if (isContinued) return undefined;
    this.#open = undefined;
    return { type: open.type, path: open.path, bytes: Buffer.concat(open.records) };
  }
}

function failure(path: string, problem: string): ReplicationError {
  return malformed(RECIPE_FORMAT, path, problem);
}
