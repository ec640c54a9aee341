// SPDX-License-Identifier: GPL-2.0-or-later
// Reads files into chunks, in order: small ones hundreds at a time and some batches ahead, large
// ones piece by piece. A file that changes while it is read is read again.
import assert from 'node:assert/strict';
import { ReplicationError, hasCode } from '../base/errors.ts';
import {
  READ_ATTEMPTS_MAX,
  READ_BATCH_FILES,
  READ_BATCH_SIZE,
  SMALL_FILE_SIZE_MAX,
} from '../base/limits.ts';
import type { ChunkRef } from '../dataset/chunk-list.ts';
import type { Hole } from '../dataset/recipe.ts';
import { BufferPool, type SharedBuffer } from '../native/buffer-pool.ts';
import { chunkSizeMax, nameChunks, type ChunkKeys } from '../native/chunker.ts';
import type { EntryStat } from '../native/folder.ts';
import {
  readAndCut,
  readAndCutUnnamed,
  type CutPiece,
  type PieceToCut,
  type UnnamedPiece,
} from '../native/pieces.ts';
import type { ChunkSink } from './chunk-sink.ts';
import { printablePath } from './printable-path.ts';
import { chunkRefs } from './recipe-writer.ts';
import { absolutePath, isSameFile, type SourceEntry } from './tree-scanner.ts';

/** What was read, and the state of the file that it belongs to. */
export interface FileContent {
  readonly chunks: readonly ChunkRef[];
  readonly holes: readonly Hole[];
  readonly stat: EntryStat;
}

export type ReadResult =
  | { readonly entry: SourceEntry; readonly content: FileContent }
  | { readonly entry: SourceEntry; readonly skipped: 'unreadable' | 'gone' };

/** A promise only where there is something to wait for: one for each small file takes its time. */
export type Reading = ReadResult | Promise<ReadResult>;

interface Init {
  /** Absolute. */
  readonly root: Buffer;
  /** Entries of type file. */
  readonly files: AsyncIterable<readonly SourceEntry[]>;
  readonly keys: ChunkKeys;
  /** Batches that are read at once. */
  readonly threads: number;
  readonly signal: AbortSignal;
  /** Called with the bytes that were read since the last call. */
  readonly onRead: (bytes: number) => void;
}

/** Pieces that were read into one buffer, which the reader holds until it has passed them on. */
interface Batch {
  readonly data: SharedBuffer;
  readonly pieces: readonly CutPiece[];
}

interface Job {
  readonly files: readonly SourceEntry[];
  /** Undefined for a file that is read alone when its turn comes. */
  readonly batch: Promise<Batch> | undefined;
}

/** A piece of a large file, held as a batch is. */
interface Stretch {
  readonly data: SharedBuffer;
  readonly piece: UnnamedPiece | undefined;
}

/** A stretch whose chunks are being named. */
interface Naming {
  readonly data: SharedBuffer;
  readonly piece: UnnamedPiece;
  readonly ids: Promise<Buffer>;
}

interface Range {
  readonly start: number;
  readonly end: number;
}

export class FileReader {
  readonly #sink: ChunkSink;
  readonly #init: Init;
  /** Bytes that one call reads. */
  readonly #batchSize: number;
  readonly #buffers: BufferPool;
  readonly #read: AsyncGenerator<Iterator<Reading>>;
  #readings: Iterator<Reading> = [].values();

  constructor(components: { readonly sink: ChunkSink }, init: Init) {
    this.#sink = components.sink;
    this.#init = init;
    // A piece has at least one whole chunk.
    this.#batchSize = Math.max(READ_BATCH_SIZE, chunkSizeMax(init.keys.average));
    this.#buffers = new BufferPool({ size: this.#batchSize });
    this.#read = this.#readAll(init.files);
  }

  /**
   * One result for each of the files, in their order; to be called as often as there are files. The
   * chunks of a file go to the sink when its result is taken; the taker flushes the sink.
   */
  next(): Reading {
    const next = this.#readings.next();
    return next.done === true ? this.#nextOfMore() : next.value;
  }

  async #nextOfMore(): Promise<ReadResult> {
    const more = await this.#read.next();
    assert(more.done !== true, 'there is a result for each file');
    this.#readings = more.value;
    return this.next();
  }

  /** The readings, some at a time. */
  async *#readAll(files: AsyncIterable<readonly SourceEntry[]>): AsyncGenerator<Iterator<Reading>> {
    const groups = groupFiles(files, this.#batchSize);
    const ahead: Job[] = [];
    for (;;) {
      this.#init.signal.throwIfAborted();
      while (ahead.length <= this.#init.threads) {
        const group = await groups.next();
        if (group.done === true) break;
        ahead.push(this.#start(group.value));
      }
      const job = ahead.shift();
      if (job === undefined) return;
      if (job.batch === undefined) {
        yield job.files.map((entry) => this.#readAlone(entry, entry.stat, entry.holes)).values();
      } else {
        yield this.#takeBatch(job.files, await job.batch);
      }
    }
  }

  #start(files: readonly SourceEntry[]): Job {
    if (files.some((entry) => !isSmall(entry))) return { files, batch: undefined };
    const batch = this.#readBatch(
      files.map(({ path, stat }) => ({
        path: absolutePath(this.#init.root, path),
        offset: 0,
        length: stat.size,
        isLast: true,
      })),
    );
    // A failure is met where the batch is awaited.
    batch.catch(() => undefined);
    return { files, batch };
  }

  async #readBatch(pieces: readonly PieceToCut[]): Promise<Batch> {
    const data = this.#buffers.take();
    return { data, pieces: await readAndCut(this.#init.keys, pieces, data.bytes) };
  }

  async #readStretch(path: Buffer, { start, end }: Range): Promise<Stretch> {
    const data = this.#buffers.take();
    const length = Math.min(this.#batchSize, end - start);
    const isLast = start + length === end;
    const pieces = [{ path, offset: start, length, isLast }];
    const [piece] = await readAndCutUnnamed(this.#init.keys, pieces, data.bytes);
    return { data, piece };
  }

  *#takeBatch(files: readonly SourceEntry[], { data, pieces }: Batch): Generator<Reading> {
    this.#init.onRead(pieces.reduce((sum, { bytesRead }) => sum + bytesRead, 0));
    for (const [index, entry] of files.entries()) {
      const piece = pieces[index];
      if (piece === undefined) throw new TypeError('a piece was not read');
      if (isWhole(piece, entry.stat, entry.stat.size)) {
        this.#sink.put(data, piece.dataOffset, piece.lengths, piece.ids);
        const chunks = chunkRefs(piece.lengths, piece.ids);
        yield { entry, content: { chunks, holes: [], stat: entry.stat } };
      } else {
        yield this.#readAgain(entry);
      }
    }
    data.release();
  }

  async #readAlone(
    entry: SourceEntry,
    stat: EntryStat,
    holes: readonly Hole[],
  ): Promise<ReadResult> {
    try {
      return { entry, content: await this.#readRanges(entry, stat, holes) };
    } catch (error) {
      if (!hasCode(error, 'ERR_SOURCE_CHANGED')) throw error;
      return this.#readAgain(entry);
    }
  }

  /**
   * Looks at the file anew before each attempt; holes are then read as zeros. ERR_SOURCE_CHANGED
   * when it never rests.
   */
  async #readAgain(entry: SourceEntry): Promise<ReadResult> {
    const path = absolutePath(this.#init.root, entry.path);
    for (let attempt = 2; ; attempt += 1) {
      this.#init.signal.throwIfAborted();
      const look = [{ path, offset: 0, length: 0, isLast: false }];
      const [state] = await readAndCut(this.#init.keys, look, Buffer.alloc(0));
      if (state?.stat === undefined) return { entry, skipped: skipReason(state?.error) };
      try {
        return { entry, content: await this.#readRanges(entry, state.stat, []) };
      } catch (error) {
        const isChange = hasCode(error, 'ERR_SOURCE_CHANGED');
        if (!isChange || attempt >= READ_ATTEMPTS_MAX) throw error;
      }
    }
  }

  /** Throws ERR_SOURCE_CHANGED when the file is not in the given state to the end. */
  async #readRanges(
    entry: SourceEntry,
    stat: EntryStat,
    holes: readonly Hole[],
  ): Promise<FileContent> {
    const path = absolutePath(this.#init.root, entry.path);
    const chunks: ChunkRef[] = [];
    const ranges = dataRanges(stat.size, holes);
    let next = ranges[0];
    let reading = next && this.#readStretch(path, next);
    let naming: Naming | undefined;
    let index = 0;
    while (next !== undefined && reading !== undefined) {
      this.#init.signal.throwIfAborted();
      const { data, piece } = await reading;
      const wanted = Math.min(this.#batchSize, next.end - next.start);
      if (piece === undefined || !isWhole(piece, stat, wanted)) throw sourceChanged(entry);
      this.#init.onRead(piece.consumed);
      const start = next.start + piece.consumed;
      if (start >= next.end) index += 1;
      next = start < next.end ? { start, end: next.end } : ranges[index];
      // The next piece is read while this one is named and the one before is stored.
      reading = next && this.#readStretch(path, next);
      reading?.catch(() => undefined);
      const before = naming;
      naming = this.#startNaming(data, piece);
      if (before !== undefined) chunks.push(...(await this.#takeNamed(before)));
    }
    if (naming !== undefined) chunks.push(...(await this.#takeNamed(naming)));
    return { chunks, holes, stat };
  }

  #startNaming(data: SharedBuffer, piece: UnnamedPiece): Naming {
    const ids = nameChunks(this.#init.keys.idKey, chunksOf(data.bytes, piece));
    // A failure is met where the ids are awaited.
    ids.catch(() => undefined);
    return { data, piece, ids };
  }

  async #takeNamed({ data, piece, ids }: Naming): Promise<ChunkRef[]> {
    const named = await ids;
    await this.#sink.add(data, piece.dataOffset, piece.lengths, named);
    data.release();
    return chunkRefs(piece.lengths, named);
  }
}

/** Small files together up to the bounds of a batch, every other file alone. */
async function* groupFiles(
  batches: AsyncIterable<readonly SourceEntry[]>,
  batchSize: number,
): AsyncGenerator<readonly SourceEntry[]> {
  let group: SourceEntry[] = [];
  let size = 0;
  for await (const files of batches) {
    for (const entry of files) {
      const isFull = size + entry.stat.size > batchSize || group.length >= READ_BATCH_FILES;
      if (group.length > 0 && (isFull || !isSmall(entry))) {
        yield group;
        group = [];
        size = 0;
      }
      if (isSmall(entry)) {
        group.push(entry);
        size += entry.stat.size;
      } else {
        yield [entry];
      }
    }
  }
  if (group.length > 0) yield group;
}

function chunksOf(bytes: Buffer, { dataOffset, lengths }: UnnamedPiece): Buffer[] {
  let end = dataOffset;
  return Array.from(lengths, (length) => bytes.subarray(end, (end += length)));
}

function isSmall(entry: SourceEntry): boolean {
  return entry.stat.size <= SMALL_FILE_SIZE_MAX && entry.holes.length === 0;
}

/** All bytes asked for were read, and the file is in the state that was expected. */
function isWhole(piece: UnnamedPiece, stat: EntryStat, wanted: number): boolean {
  return piece.stat !== undefined && isSameFile(piece.stat, stat) && piece.bytesRead === wanted;
}

/** What lies between the holes. */
export function dataRanges(size: number, holes: readonly Hole[]): Range[] {
  const ranges: Range[] = [];
  let start = 0;
  for (const { offset, length } of [...holes, { offset: size, length: 0 }]) {
    if (offset > start) ranges.push({ start, end: offset });
    start = offset + length;
  }
  return ranges;
}

function sourceChanged(entry: SourceEntry): ReplicationError {
  const path = printablePath(entry.path);
  return new ReplicationError('ERR_SOURCE_CHANGED', `${path} changed while it was read`, { path });
}

/** A file that is gone, or no file any more, is as if it had never been there. */
function skipReason(errno: string | undefined): 'unreadable' | 'gone' {
  const isGone = errno === 'ENOENT' || errno === 'EINVAL' || errno === 'ELOOP';
  return isGone ? 'gone' : 'unreadable';
}
