// SPDX-License-Identifier: GPL-2.0-or-later
// Makes the tree of a snapshot from its recipe. Files that did not change since the previous tree
// are linked to it; all others are written from chunks, each checked against its id when it is
// decoded. The tree appears below a name that no reader looks at.
import { close, ftruncate, write } from 'node:fs';
import { constants } from 'node:fs';
import { promisify } from 'node:util';
import { ReplicationError, storageError } from '../base/errors.ts';
import { RECOMPOSE_BATCH_ENTRIES, RECOMPOSE_BATCH_SIZE } from '../base/limits.ts';
import type { RecipeEntry } from '../dataset/recipe.ts';
import { errnoName } from '../native/entry.ts';
import { decodeEntry, decodeMetadata } from '../dataset/recipe-decoder.ts';
import type { EncodedEntry } from '../dataset/recipe-splitter.ts';
import { changeOf } from '../dataset/snapshot-diff.ts';
import { openBeneath, runFileBatch, type FileOperation } from '../native/file-batch.ts';
import { placeChunks, type PlacedPiece } from './chunk-placement.ts';
import { metadataOperations, metadataProblems } from './entry-metadata.ts';
import { printablePath } from './printable-path.ts';
import type { RecipeCursor } from './recipe-cursor.ts';
import type { ChunkSource } from './recipe-reader.ts';
import type { TreeCursor } from './tree-cursor.ts';

const closeFile = promisify(close);
const truncateFile = promisify(ftruncate);
const writeFile = promisify(write);

const SLASH = Buffer.from('/');

/** A tree of this replica that files can be taken over from. */
export interface PreviousTree {
  /** Name below the snapshots folder. */
  readonly name: Buffer;
  readonly recipe: RecipeCursor;
  /** What lies there now: a file that somebody changed is not taken over. */
  readonly found: TreeCursor;
}

interface Components {
  readonly chunks: ChunkSource;
}

interface Init {
  /**
   * The replica's snapshots folder, absolute: all paths lead from here, and never through a link.
   */
  readonly root: Buffer;
  /** Name of the new tree below it. */
  readonly name: Buffer;
  readonly previous: PreviousTree | undefined;
  readonly signal: AbortSignal;
  /** Called before so many bytes are written. */
  readonly onBytes: (bytes: number) => Promise<void> | void;
}

/** Entries that are made by one call, with the chunks that they need. */
interface Batch {
  readonly operations: FileOperation[];
  /** Files that are written in this batch: the operation's pieces are filled in. */
  readonly files: { readonly entry: RecipeEntry; readonly path: Buffer }[];
  /** Metadata of the files, after their content. */
  readonly metadata: FileOperation[];
  size: number;
}

/**
 * Attributes that a user, or a file system, may be unable to set; `verify` shows what is missing.
 */
const TOLERATED: ReadonlySet<string> = new Set(['EPERM', 'EOPNOTSUPP', 'ENOTSUP']);

export class Recomposer {
  readonly #chunks: ChunkSource;
  readonly #init: Init;
  /** Folders get their metadata last, because every entry made in them changes their time. */
  readonly #folders: RecipeEntry[] = [];
  #batch: Batch = emptyBatch();
  /** The batch that is being written while the next one is gathered. */
  #writing: Promise<void> = Promise.resolve();
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
      await this.#flush();
      await this.#writing;
      await this.#finishFolders();
    } finally {
      await this.#writing.catch(() => undefined);
      await recipe.return(undefined);
    }
  }

  async #add(encoded: EncodedEntry): Promise<void> {
    if (encoded.type === 'file') {
      const path = this.#pathOf(encoded.path);
      const taken = await this.#takeOver(encoded, path);
      if (taken === undefined) await this.#addFile(decodeEntry(encoded), path);
      else this.#batch.operations.push(...taken);
    } else {
      this.#addPlain(decodeEntry(encoded));
    }
    const { operations, files, metadata, size } = this.#batch;
    const count = operations.length + files.length + metadata.length;
    if (count >= RECOMPOSE_BATCH_ENTRIES || size >= RECOMPOSE_BATCH_SIZE) await this.#flush();
  }

  /** An entry without content. */
  #addPlain(entry: RecipeEntry): void {
    const path = this.#pathOf(entry.path);
    const target = entry.target ?? Buffer.alloc(0);
    if (entry.type === 'folder') {
      this.#batch.operations.push({ operation: 'makeFolder', path, mode: 0o700 });
      this.#folders.push(entry);
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
      await this.#flush();
      await this.#writing;
      await this.#writeLarge(entry, path);
      return;
    }
    this.#batch.files.push({ entry, path });
    this.#batch.size += size;
  }

  /** Operations that make the file from the previous tree's, when that has the same content. */
  async #takeOver(encoded: EncodedEntry, path: Buffer): Promise<FileOperation[] | undefined> {
    const { previous } = this.#init;
    const before = await previous?.recipe.seek(encoded.path);
    if (previous === undefined || before?.type !== 'file') return undefined;
    const found = previous.found.seek(encoded.path);
    const isUntouched =
      found?.stat?.type === 'file' &&
      metadataProblems(decodeMetadata(before), found.stat, found.attributes).length === 0;
    if (!isUntouched) return undefined;
    const from = Buffer.concat([previous.name, SLASH, encoded.path]);
    if (before.bytes.equals(encoded.bytes)) return [{ operation: 'hardLink', path, from }];
    const entry = decodeEntry(encoded);
    if (changeOf(decodeEntry(before), entry) === 'new') return undefined;
    return [{ operation: 'copyFile', path, from, mode: 0o600 }, ...metadataOperations(path, entry)];
  }

  /** Starts to write the batch once the one before is written. */
  async #flush(): Promise<void> {
    const batch = this.#batch;
    this.#batch = emptyBatch();
    if (batch.operations.length + batch.metadata.length + batch.files.length === 0) return;
    this.#init.signal.throwIfAborted();
    const contents = await this.#readContents(batch);
    await this.#writing;
    await this.#init.onBytes(batch.size);
    this.#writing = this.#runBatch([...batch.operations, ...contents, ...batch.metadata]);
    // Met where it is awaited.
    this.#writing.catch(() => undefined);
  }

  async #readContents(batch: Batch): Promise<FileOperation[]> {
    const ids = batch.files.flatMap(({ entry }) => entry.chunks.map(({ id }) => id));
    const chunks = await this.#chunks.readChunks(ids, this.#init.signal);
    const operations: FileOperation[] = [];
    let next = 0;
    for (const { entry, path } of batch.files) {
      const own = chunks.slice(next, next + entry.chunks.length);
      next += entry.chunks.length;
      checkLengths(entry, own, 0);
      const placed = [...placeChunks(entry.holes ?? [], own, 0)];
      operations.push(
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
      );
    }
    return operations;
  }

  /** Piece by piece: one is decoded while the one before is written. */
  async #writeLarge(entry: RecipeEntry, path: Buffer): Promise<void> {
    const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;
    const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
    const fd = await this.#attempt(entry.path, openBeneath(this.#init.root, path, flags));
    let writing: Promise<void> = Promise.resolve();
    try {
      let dataOffset = 0;
      for (let first = 0; first < entry.chunks.length;) {
        this.#init.signal.throwIfAborted();
        const count = runLength(entry, first);
        const ids = entry.chunks.slice(first, first + count).map(({ id }) => id);
        const chunks = await this.#chunks.readChunks(ids, this.#init.signal);
        checkLengths(entry, chunks, first);
        const pieces = [...placeChunks(entry.holes ?? [], chunks, dataOffset)];
        await writing;
        await this.#init.onBytes(pieces.reduce((sum, { bytes }) => sum + bytes.length, 0));
        writing = this.#attempt(entry.path, writePieces(fd, pieces));
        writing.catch(() => undefined);
        dataOffset += chunks.reduce((sum, chunk) => sum + chunk.length, 0);
        first += count;
      }
      await writing;
      await this.#attempt(entry.path, truncateFile(fd, entry.size));
    } finally {
      await writing.catch(() => undefined);
      await closeFile(fd);
    }
    this.#batch.metadata.push(...metadataOperations(path, entry));
  }

  async #finishFolders(): Promise<void> {
    let operations: FileOperation[] = [];
    // From the last to the first: a folder after all that is in it.
    for (const entry of this.#folders.reverse()) {
      operations.push(...metadataOperations(this.#pathOf(entry.path), entry));
      if (operations.length < RECOMPOSE_BATCH_ENTRIES) continue;
      await this.#runBatch(operations);
      operations = [];
    }
    await this.#runBatch(operations);
  }

  async #runBatch(operations: readonly FileOperation[]): Promise<void> {
    const errors = await runFileBatch(operations, { root: this.#init.root });
    for (const [index, errno] of errors.entries()) {
      const operation = operations[index];
      if (errno === 0 || operation === undefined) continue;
      const name = errnoName(errno) ?? 'UNKNOWN';
      const isExtra =
        operation.operation === 'setAttribute' || operation.operation === 'changeOwner';
      if (!isExtra || !TOLERATED.has(name)) throw operationError(operation, name);
      this.#toleratedCount += 1;
    }
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

async function writePieces(fd: number, pieces: readonly PlacedPiece[]): Promise<void> {
  for (const { bytes, offset } of pieces) {
    for (let done = 0; done < bytes.length;) {
      const { bytesWritten } = await writeFile(fd, bytes, done, bytes.length - done, offset + done);
      done += bytesWritten;
    }
  }
}

function operationError(operation: FileOperation, errno: string): ReplicationError {
  const path = printablePath(operation.path);
  const isFull = errno === 'ENOSPC' || errno === 'EDQUOT';
  return new ReplicationError(
    isFull ? 'ERR_SPACE_SHORT' : 'ERR_STORAGE_FAILED',
    `${path}: ${operation.operation} failed with ${errno}`,
    { path, errno },
  );
}
