// SPDX-License-Identifier: GPL-2.0-or-later
// Writes a recipe as it grows: its bytes are cut into chunks like those of a file and go the same
// way, so that the unchanged stretches of two recipes are stored once.
import { ReplicationError } from '../base/errors.ts';
import { RECIPE_BATCH_SIZE, RECIPE_LEVELS_MAX, RECIPE_ROOT_CHUNKS_MAX } from '../base/limits.ts';
import {
  CHUNK_ID_SIZE,
  encodeChunkList,
  fileDigest,
  type ChunkRef,
} from '../dataset/chunk-list.ts';
import type { RecipeRoot } from '../dataset/manifest.ts';
import { RECIPE_HEADER, encodeRecipeEntry, type RecipeEntry } from '../dataset/recipe.ts';
import { SharedBuffer } from '../native/buffer-pool.ts';
import { cutAndName, type ChunkKeys } from '../native/chunker.ts';
import type { ChunkSink } from './chunk-sink.ts';

export class RecipeWriter {
  readonly #sink: ChunkSink;
  readonly #keys: ChunkKeys;
  /** What is to be cut, in its first bytes: kept one by one, entries are as many objects. */
  #bytes = Buffer.allocUnsafeSlow(RECIPE_BATCH_SIZE);
  #pending = RECIPE_HEADER.copy(this.#bytes);
  #length = 0;
  readonly #chunks: ChunkRef[] = [];

  constructor(components: { readonly sink: ChunkSink }, init: { readonly keys: ChunkKeys }) {
    this.#sink = components.sink;
    this.#keys = init.keys;
  }

  /** There is enough for flush(). */
  get isFull(): boolean {
    return this.#pending >= RECIPE_BATCH_SIZE;
  }

  /** Entries come in the order of comparePaths, the root folder first. */
  append(entry: RecipeEntry): void {
    this.appendEncoded(encodeRecipeEntry(entry));
  }

  /** An entry as another recipe has it. */
  appendEncoded(bytes: Buffer): void {
    const needed = this.#pending + bytes.length;
    if (needed > this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2));
      this.#bytes.copy(larger, 0, 0, this.#pending);
      this.#bytes = larger;
    }
    this.#pending += bytes.copy(this.#bytes, this.#pending);
  }

  /** Cuts chunks from what is there; to be called when it is full, so that it does not pile up. */
  async flush(): Promise<void> {
    await this.#cut(false);
  }

  /**
   * Cuts what is left; the root names every chunk of the recipe, over levels when there are many.
   */
  async finish(): Promise<RecipeRoot> {
    await this.#cut(true);
    const digest = fileDigest(this.#chunks);
    let level: readonly ChunkRef[] = this.#chunks;
    let levels = 0;
    while (level.length > RECIPE_ROOT_CHUNKS_MAX) {
      if (levels === RECIPE_LEVELS_MAX) {
        throw new ReplicationError('ERR_LIMIT_EXCEEDED', 'the recipe is too long', {
          limit: 'RECIPE_LEVELS_MAX',
        });
      }
      level = await this.#store(encodeChunkList(level));
      levels += 1;
    }
    return { levels, chunks: level, length: this.#length, digest };
  }

  async #cut(isLast: boolean): Promise<void> {
    const stream = this.#bytes.subarray(0, this.#pending);
    const { lengths, ids, consumed } = await cutAndName(this.#keys, stream, isLast);
    await this.#sink.add(new SharedBuffer(stream), 0, lengths, ids);
    for (const ref of chunkRefs(lengths, ids)) this.#chunks.push(ref);
    this.#length += consumed;
    // The sink may hold what was cut.
    this.#bytes = Buffer.allocUnsafeSlow(RECIPE_BATCH_SIZE + stream.length - consumed);
    this.#pending = stream.copy(this.#bytes, 0, consumed);
  }

  async #store(bytes: Buffer): Promise<ChunkRef[]> {
    const { lengths, ids } = await cutAndName(this.#keys, bytes, true);
    await this.#sink.add(new SharedBuffer(bytes), 0, lengths, ids);
    return chunkRefs(lengths, ids);
  }
}

/** The chunks that a cut found. */
export function chunkRefs(lengths: Uint32Array, ids: Buffer): ChunkRef[] {
  const chunks: ChunkRef[] = [];
  for (const [index, length] of lengths.entries()) {
    const at = index * CHUNK_ID_SIZE;
    chunks.push({ id: ids.subarray(at, at + CHUNK_ID_SIZE), length });
  }
  return chunks;
}
