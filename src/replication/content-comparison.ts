// SPDX-License-Identifier: GPL-2.0-or-later
// Reads files of a replica and compares the ids of their chunks with those of the recipe.
import { READ_BATCH_FILES, READ_BATCH_SIZE } from '../base/limits.ts';
import type { RecipeEntry } from '../dataset/recipe.ts';
import { readAndName, type PieceToName } from '../native/pieces.ts';
import { dataRanges } from './file-reader.ts';
import { printablePath } from './printable-path.ts';
import type { Difference } from './site-view.ts';
import { absolutePath } from './tree-scanner.ts';

interface Init {
  /** Of the tree, absolute. */
  readonly root: Buffer;
  readonly idKey: Buffer;
  readonly signal: AbortSignal;
  /** Called with all bytes compared so far. */
  readonly onBytes: (bytes: number) => void;
}

interface Expected {
  readonly entry: RecipeEntry;
  readonly piece: PieceToName;
  /** 32 bytes for each of the piece's chunks. */
  readonly ids: Buffer;
}

export class ContentComparison {
  readonly differences: Difference[] = [];
  readonly #init: Init;
  #batch: Expected[] = [];
  #batchSize = 0;
  #bytesDone = 0;
  /** The file named last, so that each is named once. */
  #lastBad: RecipeEntry | undefined;

  constructor(init: Init) {
    this.#init = init;
  }

  /** A file that is there in its full size. */
  async add(entry: RecipeEntry): Promise<void> {
    const path = absolutePath(this.#init.root, entry.path);
    for (const run of chunkRuns(entry)) {
      const piece = { path, offset: run.offset, lengths: Uint32Array.from(run.lengths) };
      this.#batch.push({ entry, piece, ids: Buffer.concat(run.ids) });
      this.#batchSize += run.size;
      const isFull = this.#batchSize >= READ_BATCH_SIZE || this.#batch.length >= READ_BATCH_FILES;
      if (isFull) await this.finish();
    }
  }

  /** Compares what is still waiting. */
  async finish(): Promise<void> {
    const batch = this.#batch;
    this.#batch = [];
    this.#batchSize = 0;
    if (batch.length === 0) return;
    this.#init.signal.throwIfAborted();
    const read = await readAndName(
      this.#init.idKey,
      batch.map(({ piece }) => piece),
    );
    for (const [index, { entry, ids }] of batch.entries()) {
      const found = read[index];
      this.#bytesDone += found?.bytesRead ?? 0;
      if (found?.ids.equals(ids) === true || this.#lastBad === entry) continue;
      this.#lastBad = entry;
      const text = found?.error === undefined ? 'content differs' : `read failed: ${found.error}`;
      this.differences.push({ path: printablePath(entry.path), kind: 'content', text });
    }
    this.#init.onBytes(this.#bytesDone);
  }
}

interface Run {
  /** In the file. */
  readonly offset: number;
  readonly lengths: number[];
  readonly ids: Buffer[];
  size: number;
}

/** The chunks of a file in runs that one read can take; a publisher ends a chunk at each hole. */
function* chunkRuns(entry: RecipeEntry): Generator<Run> {
  const ranges = dataRanges(entry.size, entry.holes ?? []);
  let range = ranges.shift();
  let offset = range?.start ?? 0;
  let run: Run = { offset, lengths: [], ids: [], size: 0 };
  for (const { id, length } of entry.chunks) {
    if (range !== undefined && offset >= range.end) {
      if (run.size > 0) yield run;
      range = ranges.shift();
      offset = range?.start ?? offset;
      run = { offset, lengths: [], ids: [], size: 0 };
    }
    run.lengths.push(length);
    run.ids.push(id);
    run.size += length;
    offset += length;
    if (run.size < READ_BATCH_SIZE) continue;
    yield run;
    run = { offset, lengths: [], ids: [], size: 0 };
  }
  if (run.size > 0) yield run;
}
