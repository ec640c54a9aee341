// SPDX-License-Identifier: GPL-2.0-or-later
// Reads a recipe back from the packs, in order and without holding the whole of it.
import { ReplicationError } from '../base/errors.ts';
import { RECIPE_READ_SIZE, RECIPE_ROOT_CHUNKS_MAX } from '../base/limits.ts';
import {
  chunkListLength,
  decodeChunkList,
  fileDigest,
  type ChunkRef,
} from '../dataset/chunk-list.ts';
import type { RecipeRoot } from '../dataset/manifest.ts';
import { RecipeOrder } from '../dataset/recipe-order.ts';
import { RECIPE_FORMAT } from '../dataset/recipe-record.ts';
import { RecipeSplitter, type EncodedEntry } from '../dataset/recipe-splitter.ts';

/** Where chunks can be read: verified by their ids, in the order asked for. */
export interface ChunkSource {
  readChunks(ids: readonly Buffer[], signal?: AbortSignal): Promise<readonly Buffer[]>;
}

export interface BufferedSource extends ChunkSource {
  /** The same in the buffer, if it has room for them. */
  readChunksInto(
    ids: readonly Buffer[],
    into: Buffer | undefined,
    signal?: AbortSignal,
  ): Promise<readonly Buffer[]>;
}

/**
 * The entries, some at a time. What holds between entries is checked, an entry itself when it is
 * decoded. Throws ERR_RECIPE_MALFORMED when the recipe breaks its format or is not the one that the
 * root names, and what the source throws.
 */
export async function* readRecipe(
  source: ChunkSource,
  root: RecipeRoot,
  signal?: AbortSignal,
): AsyncGenerator<readonly EncodedEntry[]> {
  const splitter = new RecipeSplitter();
  const order = new RecipeOrder();
  for await (const bytes of readRecipeBytes(source, root, signal)) {
    const entries = splitter.push(bytes);
    for (const entry of entries) order.check(entry);
    yield entries;
  }
  splitter.end();
  order.end();
}

async function* readRecipeBytes(
  source: ChunkSource,
  root: RecipeRoot,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer> {
  const levels = await recipeLevels(source, root, signal);
  yield* readInBatches(source, levels.at(-1) ?? [], signal);
}

/** The chunks of each level from the root's on; the last are those of the recipe itself. */
export async function recipeLevels(
  source: ChunkSource,
  root: RecipeRoot,
  signal: AbortSignal | undefined,
): Promise<readonly (readonly ChunkRef[])[]> {
  let { chunks } = root;
  const levels = [chunks];
  for (let level = root.levels; level > 0; level -= 1) {
    const pieces: Buffer[] = [];
    for await (const bytes of readInBatches(source, chunks, signal)) pieces.push(bytes);
    chunks = decodeChunkList(Buffer.concat(pieces), RECIPE_FORMAT, `level ${level}`);
    if (chunks.length <= RECIPE_ROOT_CHUNKS_MAX) throw wrong('has more levels');
    levels.push(chunks);
  }
  if (chunkListLength(chunks) !== root.length) throw wrong('has another length');
  if (!fileDigest(chunks).equals(root.digest)) throw wrong('has another digest');
  return levels;
}

async function* readInBatches(
  source: ChunkSource,
  chunks: readonly ChunkRef[],
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer> {
  let batch: Buffer[] = [];
  let size = 0;
  for (const [index, { id, length }] of chunks.entries()) {
    batch.push(id);
    size += length;
    if (size < RECIPE_READ_SIZE && index + 1 < chunks.length) continue;
    signal?.throwIfAborted();
    yield Buffer.concat(await source.readChunks(batch, signal));
    batch = [];
    size = 0;
  }
}

function wrong(problem: string): ReplicationError {
  return new ReplicationError('ERR_RECIPE_MALFORMED', `the recipe ${problem} than its root says`);
}
