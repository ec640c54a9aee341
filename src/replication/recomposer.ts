// SPDX-License-Identifier: GPL-2.0-or-later
// Makes the tree of a snapshot from its recipe. What the tree before has is there already, as links
// to its files; all else is removed, or written from chunks, each checked against its id when it is
// decoded. The tree lies under a name that no reader looks at.
import { ReplicationError, storageError } from '../base/errors.ts';
import {
  RECOMPOSE_BATCHES_AHEAD,
  RECOMPOSE_BATCH_ENTRIES,
  RECOMPOSE_BATCH_SIZE,
} from '../base/limits.ts';
import type { ChunkId } from '../dataset/ids.ts';
import type { RecipeEntry } from '../dataset/recipe.ts';
import { decodeEntry, decodeMetadata } from '../dataset/recipe-decoder.ts';
import type { EncodedEntry } from '../dataset/recipe-splitter.ts';
import { isBelow, parentPath } from '../dataset/recipe-path.ts';
import { BufferPool } from '../native/buffer-pool.ts';
import type { FileOperation } from '../native/file-batch.ts';
import type { PlacedPiece } from '../native/file-writer.ts';
import type { TreeEntry } from '../native/folder.ts';
import type { BaseStep, BaseTree } from './base-tree.ts';
import { placeChunks } from './chunk-placement.ts';
import { metadataOperations } from './entry-metadata.ts';
import { LargeFile } from './large-file.ts';
import { printablePath } from './printable-path.ts';
import type { BufferedSource } from './recipe-reader.ts';
import { runTolerantly } from './tolerant-batch.ts';

const SLASH = Buffer.from('/');

interface Components {
  readonly chunks: BufferedSource;
}

interface Init {
  /**
   * The replica's snapshots folder, absolute: all paths lead from here, and never through a link.
   */
  readonly root: Buffer;
  /** Name of the new tree below it. */
  readonly name: Buffer;
  /** What lies under that name already. */
  readonly base: BaseTree | undefined;
  readonly signal: AbortSignal;
  /** Called before so many bytes are written. */
  readonly onBytes: (bytes: number) => Promise<void> | void;
}

/** A folder of the recipe that may get more entries. */
interface OpenFolder {
  readonly encoded: EncodedEntry;
  /** Its metadata is to be set: it is new, or differs, or something in it changed. */
  isDue: boolean;
}

/** Entries that are made by one call, with the chunks that they need. */
interface Batch {
  readonly operations: FileOperation[];
  /** Files that are written in this batch: the operation's pieces are filled in. */
  readonly files: { readonly entry: RecipeEntry; readonly path: Buffer }[];
  /** What can be done only when the files have their content. */
  readonly metadata: FileOperation[];
  size: number;
}

const NOTHING_THERE: BaseStep = { match: 'none', obsolete: [] };

export class Recomposer {
  readonly #chunks: BufferedSource;
  readonly #init: Init;
  /**
   * The folders around the entry in work, the root first. A folder gets its metadata after all that
   * is in it, because every entry made in it changes its time.
   */
  readonly #open: OpenFolder[] = [];
  #batch: Batch = emptyBatch();
  /** For what a batch reads: less than its size before the last file, and that file. */
  readonly #buffers = new BufferPool({ size: 2 * RECOMPOSE_BATCH_SIZE });
  /** The end of all writes so far, which keep their order while later ones are being read. */
  #writing: Promise<void> = Promise.resolve();
  /** Those that have not ended, in order. */
  readonly #underWay: Promise<void>[] = [];
  /** The large file in work. */
  #large: LargeFile | undefined;
  #toleratedCount = 0;

  constructor(components: Components, init: Init) {
    this.#chunks = components.chunks;
    this.#init = init;
  }

  /** Attributes that could not be set. */
  get toleratedCount(): number {
    return this.#toleratedCount;
  }

  /** Makes the whole tree; it is not on disk yet when this resolves. */
  async run(recipe: AsyncGenerator<readonly EncodedEntry[]>): Promise<void> {
    try {
      for await (const entries of recipe) {
        for (const encoded of entries) await this.#add(encoded);
      }
      await this.#remove(this.#init.base?.rest() ?? []);
      this.#leaveFolders(() => false);
      await this.#flush();
      await this.#writing;
    } finally {
      await this.#writing.catch(() => undefined);
      await this.#closeOpen();
      await recipe.return(undefined);
    }
  }

  async #add(encoded: EncodedEntry): Promise<void> {
    const { match, obsolete } = (await this.#init.base?.advance(encoded)) ?? NOTHING_THERE;
    await this.#remove(obsolete);
    this.#leaveFolders((folder) => isBelow(encoded.path, folder));
    if (match === 'none') markDue(this.#open.at(-1));
    if (encoded.type === 'folder') this.#open.push({ encoded, isDue: match !== 'same' });
    if (match === 'none') await this.#make(encoded);
    else if (match === 'metadata' && encoded.type === 'file') this.#unshare(encoded);
    await this.#flushIfFull();
  }

  async #make(encoded: EncodedEntry): Promise<void> {
    const entry = decodeEntry(encoded);
    if (entry.type === 'file') await this.#addFile(entry, this.#pathOf(entry.path));
    else this.#addPlain(entry);
  }

  /** A file of the tree before, which stays as it is there, with metadata of its own. */
  #unshare(encoded: EncodedEntry): void {
    const path = this.#pathOf(encoded.path);
    markDue(this.#open.at(-1));
    this.#batch.operations.push(
      { operation: 'unshareFile', path, mode: 0o600 },
      ...metadataOperations(path, decodeMetadata(encoded)),
    );
  }

  async #remove(entries: readonly TreeEntry[]): Promise<void> {
    for (const { path, stat } of entries) {
      const parent = parentPath(path);
      markDue(this.#open.findLast(({ encoded }) => encoded.path.equals(parent)));
      const operation = stat?.type === 'folder' ? 'removeFolder' : 'removeFile';
      this.#batch.operations.push({ operation, path: this.#pathOf(path) });
      await this.#flushIfFull();
    }
  }

  /** Finishes the innermost folders that nothing more comes in. */
  #leaveFolders(isAround: (folder: Buffer) => boolean): void {
    for (let last = this.#open.at(-1); last !== undefined; last = this.#open.at(-1)) {
      const { encoded, isDue } = last;
      if (isAround(encoded.path)) return;
      this.#open.pop();
      if (!isDue) continue;
      const path = this.#pathOf(encoded.path);
      this.#batch.metadata.push(...metadataOperations(path, decodeMetadata(encoded)));
    }
  }

  /** An entry without content. */
  #addPlain(entry: RecipeEntry): void {
    const path = this.#pathOf(entry.path);
    const target = entry.target ?? Buffer.alloc(0);
    if (entry.type === 'folder') {
      this.#batch.operations.push({ operation: 'makeFolder', path, mode: 0o700 });
    } else if (entry.type === 'symlink') {
      this.#batch.operations.push(
        { operation: 'symbolicLink', path, target },
        ...metadataOperations(path, entry),
      );
    } else {
      // The file may be made in this very batch, after the operations that need no content.
      const from = this.#pathOf(target);
      this.#batch.metadata.push({ operation: 'hardLink', path, from });
    }
  }

  async #addFile(entry: RecipeEntry, path: Buffer): Promise<void> {
    const size = dataSize(entry);
    if (size > RECOMPOSE_BATCH_SIZE) {
      // What the file lies in is made first.
      await this.#flush();
      await this.#writeLarge(entry, path);
      return;
    }
    this.#batch.files.push({ entry, path });
    this.#batch.size += size;
  }

  async #flushIfFull(): Promise<void> {
    const { operations, files, metadata, size } = this.#batch;
    const count = operations.length + files.length + metadata.length;
    if (count >= RECOMPOSE_BATCH_ENTRIES || size >= RECOMPOSE_BATCH_SIZE) await this.#flush();
  }

  /** Starts to read the batch, and to write it once the one before is written. */
  async #flush(): Promise<void> {
    const batch = this.#batch;
    this.#batch = emptyBatch();
    if (batch.operations.length + batch.metadata.length + batch.files.length === 0) return;
    const ids = batch.files.flatMap(({ entry }) => entry.chunks.map(({ id }) => id));
    await this.#copy(ids, batch.size, async (chunks) => {
      await this.#runBatch(batch.operations);
      // Files need nothing of each other: a call of its own for each half.
      const files = fileOperations(batch, chunks);
      const middle = Math.ceil(files.length / 2);
      const halves = [files.slice(0, middle), files.slice(middle)];
      await bothEnd(halves.map(async (half) => this.#runBatch(half.flat())));
      await this.#runBatch(batch.metadata);
    });
  }

  /** Hands the chunks to a write that follows those before. There is room for more at its end. */
  async #copy(
    ids: readonly ChunkId[],
    size: number,
    write: (chunks: readonly Buffer[]) => Promise<void>,
  ): Promise<void> {
    const { onBytes, signal } = this.#init;
    signal.throwIfAborted();
    const data = this.#buffers.take();
    const reading = this.#chunks.readChunksInto(ids, data.bytes, signal);
    const before = this.#writing;
    const copy = async (): Promise<void> => {
      const [read] = await Promise.allSettled([reading, before]);
      await before;
      if (read.status === 'rejected') throw read.reason;
      await onBytes(size);
      signal.throwIfAborted();
      await write(read.value);
      data.release();
    };
    this.#writing = copy();
    // Met where it is awaited.
    this.#writing.catch(() => undefined);
    this.#underWay.push(this.#writing);
    while (this.#underWay.length > RECOMPOSE_BATCHES_AHEAD) await this.#underWay.shift();
  }

  /** Piece by piece; its metadata follows in the next batch. */
  async #writeLarge(entry: RecipeEntry, path: Buffer): Promise<void> {
    let dataOffset = 0;
    for (let first = 0; first < entry.chunks.length;) {
      const run = entry.chunks.slice(first, first + runLength(entry, first));
      const size = run.reduce((sum, { length }) => sum + length, 0);
      const [start, at] = [first, dataOffset];
      const ids = run.map(({ id }) => id);
      dataOffset += size;
      first += run.length;
      const isLast = first === entry.chunks.length;
      await this.#copy(ids, size, async (chunks) => {
        checkLengths(entry, chunks, start);
        const pieces = [...placeChunks(entry.holes ?? [], chunks, at)];
        await this.#attempt(entry.path, this.#writeOpen(path, pieces));
        if (isLast) await this.#attempt(entry.path, this.#finishOpen(entry.size));
      });
    }
    this.#batch.metadata.push(...metadataOperations(path, entry));
  }

  /** Writes to the large file in work, which the first write makes. */
  async #writeOpen(path: Buffer, pieces: readonly PlacedPiece[]): Promise<void> {
    this.#large ??= await LargeFile.make(this.#init.root, path);
    await this.#large.write(pieces);
  }

  async #finishOpen(size: number): Promise<void> {
    await this.#large?.finish(size);
    await this.#closeOpen();
  }

  /** Closes that file, finished or given up. */
  async #closeOpen(): Promise<void> {
    const file = this.#large;
    this.#large = undefined;
    await file?.close();
  }

  async #runBatch(operations: readonly FileOperation[]): Promise<void> {
    if (operations.length === 0) return;
    const count = await runTolerantly(operations, { root: this.#init.root });
    this.#toleratedCount += count;
  }

  async #attempt<T>(path: Buffer, call: Promise<T>): Promise<T> {
    try {
      return await call;
    } catch (error) {
      throw storageError(printablePath(path), error);
    }
  }

  /** Below the root that all paths lead from. */
  #pathOf(path: Buffer): Buffer {
    return path.length === 0 ? this.#init.name : Buffer.concat([this.#init.name, SLASH, path]);
  }
}

/** Nothing runs any more when it rejects. */
async function bothEnd(runs: readonly Promise<void>[]): Promise<void> {
  await Promise.allSettled(runs);
  await Promise.all(runs);
}

/** For each of the batch's files what makes it; the chunks are those of all of them. */
function fileOperations({ files }: Batch, chunks: readonly Buffer[]): FileOperation[][] {
  let next = 0;
  return files.map(({ entry, path }) => {
    const own = chunks.slice(next, next + entry.chunks.length);
    next += entry.chunks.length;
    checkLengths(entry, own, 0);
    const placed = [...placeChunks(entry.holes ?? [], own, 0)];
    return [
      {
        operation: 'makeFile',
        path,
        mode: 0o600,
        pieces: placed.map(({ bytes }) => bytes),
        ...(entry.holes === undefined
          ? {}
          : { offsets: placed.map(({ offset }) => offset), size: entry.size }),
      },
      ...metadataOperations(path, entry),
    ];
  });
}

function markDue(folder: OpenFolder | undefined): void {
  if (folder !== undefined) folder.isDue = true;
}

function emptyBatch(): Batch {
  return { operations: [], files: [], metadata: [], size: 0 };
}

function dataSize(entry: RecipeEntry): number {
  return (entry.holes ?? []).reduce((size, hole) => size - hole.length, entry.size);
}

/** Chunks from first on that one call reads: up to the batch size, at least one. */
function runLength(entry: RecipeEntry, first: number): number {
  let size = 0;
  let count = 0;
  for (const { length } of entry.chunks.slice(first, first + RECOMPOSE_BATCH_ENTRIES)) {
    if (count > 0 && size + length > RECOMPOSE_BATCH_SIZE) break;
    size += length;
    count += 1;
  }
  return count;
}

/** The recipe's lengths are the publisher's word, the chunks' are verified. */
function checkLengths(entry: RecipeEntry, chunks: readonly Buffer[], first: number): void {
  for (const [index, chunk] of chunks.entries()) {
    if (chunk.length === entry.chunks[first + index]?.length) continue;
    throw new ReplicationError(
      'ERR_RECIPE_MALFORMED',
      `a chunk of ${printablePath(entry.path)} has another length than the recipe says`,
      { path: printablePath(entry.path) },
    );
  }
}
