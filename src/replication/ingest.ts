// SPDX-License-Identifier: GPL-2.0-or-later
// Turns a scanned folder into a recipe and the chunks that no pack has yet. Files that look as they
// did in the parent snapshot are not read: their chunks are taken over from its recipe.
import type { ChunkRef } from '../dataset/chunk-list.ts';
import type { RecipeRoot } from '../dataset/manifest.ts';
import type { Hole, RecipeEntry } from '../dataset/recipe.ts';
import { decodeEntry } from '../dataset/recipe-decoder.ts';
import type { EncodedEntry } from '../dataset/recipe-splitter.ts';
import type { ChunkKeys } from '../native/chunker.ts';
import type { EntryStat } from '../native/folder.ts';
import type { ChunkSink } from './chunk-sink.ts';
import { fileSpace, plainSpace } from './entry-space.ts';
import { FileReader, type FileContent, type ReadResult } from './file-reader.ts';
import { printablePath } from './printable-path.ts';
import type { RecipeCursor } from './recipe-cursor.ts';
import { RecipeWriter } from './recipe-writer.ts';
import type { PublishProgress, SkippedPath } from './site-view.ts';
import type { StampWriter } from './stamp-store.ts';
import type { SourceEntry, SourceTree } from './tree-scanner.ts';

export interface IngestResult {
  readonly recipe: RecipeRoot;
  readonly fileCount: number;
  readonly contentBytes: number;
  /** Space that a replica needs. */
  readonly allocatedBytes: number;
  readonly bytesRead: number;
  readonly skipped: readonly SkippedPath[];
}

interface Components {
  readonly sink: ChunkSink;
  readonly stamps: StampWriter;
}

interface Init {
  readonly tree: SourceTree;
  readonly keys: ChunkKeys;
  readonly threads: number;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: PublishProgress) => void;
}

export class Ingest {
  readonly #components: Components;
  readonly #init: Init;
  readonly #recipe: RecipeWriter;
  readonly #skipped: SkippedPath[] = [];
  /** Paths that were left out, so that further names of their inodes are too. */
  readonly #leftOut = new Set<string>();
  /** The file before, when it was not read. */
  #lastKnown: EncodedEntry | undefined;
  #fileCount = 0;
  #contentBytes = 0;
  #allocatedBytes = 0;
  #bytesRead = 0;
  #filesDone = 0;

  constructor(components: Components, init: Init) {
    this.#components = components;
    this.#init = init;
    this.#recipe = new RecipeWriter(components, init);
  }

  /** The chunks are stored when this resolves, except those that the sink still holds. */
  async run(parent: RecipeCursor | undefined): Promise<IngestResult> {
    const { sink } = this.#components;
    const { tree, signal } = this.#init;
    const reader = this.#reader();
    for await (const batch of tree.entries()) {
      for (const { entry, isToRead } of batch) {
        signal.throwIfAborted();
        if (isToRead) {
          this.#passKnown();
          const reading = reader.next();
          this.#addRead(reading instanceof Promise ? await reading : reading);
          if (sink.isFull) await sink.flush();
        } else {
          await this.#addKnown(entry, parent);
        }
        if (this.#recipe.isFull) await this.#recipe.flush();
        this.#filesDone += 1;
      }
      await this.#components.stamps.flush();
    }
    return {
      recipe: await this.#recipe.finish(),
      fileCount: this.#fileCount,
      contentBytes: this.#contentBytes,
      allocatedBytes: this.#allocatedBytes,
      bytesRead: this.#bytesRead,
      skipped: [...tree.skipped, ...this.#skipped],
    };
  }

  #reader(): FileReader {
    const { sink } = this.#components;
    const { tree, keys, threads, signal, onProgress } = this.#init;
    const onRead = (bytes: number): void => {
      this.#bytesRead += bytes;
      onProgress({
        stage: 'ingest',
        bytesDone: this.#bytesRead,
        bytesTotal: tree.toReadBytes,
        filesDone: this.#filesDone,
        filesTotal: tree.entryCount,
        packBytes: sink.packBytes,
      });
    };
    const { root } = tree;
    const files = tree.entriesToRead();
    return new FileReader({ sink }, { root, files, keys, threads, signal, onRead });
  }

  #addRead(result: ReadResult): void {
    const { entry } = result;
    if ('skipped' in result) this.#leaveOut(entry, result.skipped);
    else this.#addFile(entry, result.content);
  }

  async #addKnown(entry: SourceEntry, parent: RecipeCursor | undefined): Promise<void> {
    if (entry.type === 'file') {
      const known = await parent?.seek(entry.path);
      if (known?.type !== 'file') {
        throw new TypeError('a stamp names a file that its snapshot does not have');
      }
      // The stamp covers the time of the last change of metadata, so the whole entry is the same.
      this.#count(entry, entry.stat, entry.holes);
      this.#lastKnown = known;
      this.#recipe.appendEncoded(known.bytes);
      return;
    }
    if (entry.type === 'hardlink' && this.#leftOut.has(keyOf(entry.target))) {
      this.#leftOut.add(keyOf(entry.path));
      return;
    }
    this.#allocatedBytes += plainSpace(entry.type);
    this.#recipe.append(recipeEntry(entry, entry.stat, [], []));
  }

  /** Tells the sink where the stream is after files that are not read. */
  #passKnown(): void {
    const lastChunk = this.#lastKnown && decodeEntry(this.#lastKnown).chunks.at(-1);
    this.#lastKnown = undefined;
    if (lastChunk !== undefined) this.#components.sink.pass(lastChunk.id);
  }

  #addFile(entry: SourceEntry, { chunks, holes, stat }: FileContent): void {
    this.#count(entry, stat, holes);
    this.#recipe.append(recipeEntry(entry, stat, chunks, holes));
  }

  #count({ path }: SourceEntry, stat: EntryStat, holes: readonly Hole[]): void {
    this.#fileCount += 1;
    this.#contentBytes += stat.size;
    this.#allocatedBytes += fileSpace(stat.size, holes);
    this.#components.stamps.add(path, stat);
  }

  #leaveOut(entry: SourceEntry, reason: 'unreadable' | 'gone'): void {
    this.#leftOut.add(keyOf(entry.path));
    if (reason === 'unreadable') this.#skipped.push({ path: printablePath(entry.path), reason });
  }
}

function recipeEntry(
  entry: SourceEntry,
  stat: EntryStat,
  chunks: readonly ChunkRef[],
  holes: readonly Hole[],
): RecipeEntry {
  const { path, type, xattrs, target } = entry;
  if (type === 'hardlink') {
    const none = { mode: 0, uid: 0, gid: 0, mtimeSec: 0, mtimeNsec: 0, xattrs: [] };
    return { path, type, ...none, size: 0, chunks: [], ...(target && { target }) };
  }
  const content = {
    path,
    type,
    mode: stat.mode,
    uid: stat.uid,
    gid: stat.gid,
    mtimeSec: stat.mtimeSeconds,
    mtimeNsec: stat.mtimeNanoseconds,
    xattrs,
    size: type === 'file' ? stat.size : 0,
    chunks,
  };
  if (target === undefined && holes.length === 0) return content;
  return { ...content, ...(target && { target }), ...(holes.length > 0 && { holes }) };
}

function keyOf(path: Buffer | undefined): string {
  return path === undefined ? '' : path.toString('latin1');
}
