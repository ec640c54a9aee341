// SPDX-License-Identifier: GPL-2.0-or-later
// The part of a recipe that a restore wants: some paths with all below them, and the folders that
// lead there. A further name of a file whose first name is not wanted becomes the file itself.
import { ReplicationError } from '../base/errors.ts';
import { decodeEntry, decodeMetadata } from '../dataset/recipe-decoder.ts';
import { isBelow, pathProblem } from '../dataset/recipe-path.ts';
import type { EncodedEntry } from '../dataset/recipe-splitter.ts';
import { encodeRecipeEntry, type RecipeEntry } from '../dataset/recipe.ts';
import { fileSpace, plainSpace } from './entry-space.ts';
import { printablePath } from './printable-path.ts';

type Entries = AsyncGenerator<readonly EncodedEntry[]>;

export interface Selected {
  readonly fileCount: number;
  readonly contentBytes: number;
  /** Space that the tree takes, in file system blocks. */
  readonly allocatedBytes: number;
}

export class RestoreSelection {
  readonly #paths: readonly Buffer[];
  /** First names, not wanted themselves, of files of which another name is. */
  readonly #needed = new Set<string>();
  /** Of those: the first wanted name, once the file was given it. */
  readonly #newNames = new Map<string, Buffer>();

  /** Paths as people write them, below the root of the data set. ERR_ARGUMENT_INVALID. */
  constructor(paths: readonly string[]) {
    this.#paths = paths.map(normalised);
  }

  /**
   * Reads the recipe once to see what is wanted. ERR_ARGUMENT_INVALID when a path is not in it.
   * Call before select().
   */
  async measure(recipe: Entries): Promise<Selected> {
    const unseen = new Set(this.#paths);
    const sums = { fileCount: 0, contentBytes: 0, allocatedBytes: 0 };
    for await (const entries of recipe) {
      for (const encoded of entries) {
        for (const path of unseen) if (covers(path, encoded.path)) unseen.delete(path);
        if (!this.#isWanted(encoded)) continue;
        if (encoded.type === 'file') count(sums, decodeMetadata(encoded));
        else sums.allocatedBytes += plainSpace(encoded.type);
        if (encoded.type === 'hardlink') this.#noteLink(encoded);
      }
    }
    const [absent] = unseen;
    if (absent !== undefined) {
      const path = printablePath(absent);
      throw new ReplicationError('ERR_ARGUMENT_INVALID', `the snapshot has no path ${path}`, {
        path,
      });
    }
    return sums;
  }

  /** The wanted entries, in order; parents of wanted paths are among them. */
  async *select(recipe: Entries): Entries {
    const files = new Map<string, RecipeEntry>();
    for await (const entries of recipe) {
      const wanted: EncodedEntry[] = [];
      for (const encoded of entries) {
        if (this.#needed.has(keyOf(encoded.path))) {
          files.set(keyOf(encoded.path), decodeEntry(encoded));
        }
        if (this.#isWanted(encoded)) wanted.push(this.#rename(encoded, files));
      }
      if (wanted.length > 0) yield wanted;
    }
  }

  #isWanted({ path, type }: EncodedEntry): boolean {
    if (this.#paths.length === 0) return true;
    if (this.#paths.some((wanted) => covers(wanted, path))) return true;
    return type === 'folder' && this.#paths.some((wanted) => isBelow(wanted, path));
  }

  #noteLink(encoded: EncodedEntry): void {
    const { target } = decodeMetadata(encoded);
    if (target === undefined || this.#isWanted({ ...encoded, path: target, type: 'file' })) return;
    this.#needed.add(keyOf(target));
  }

  #rename(encoded: EncodedEntry, files: ReadonlyMap<string, RecipeEntry>): EncodedEntry {
    if (encoded.type !== 'hardlink' || this.#needed.size === 0) return encoded;
    const link = decodeMetadata(encoded);
    const key = keyOf(link.target ?? Buffer.alloc(0));
    if (!this.#needed.has(key)) return encoded;
    const target = this.#newNames.get(key);
    if (target !== undefined) {
      return { ...encoded, bytes: encodeRecipeEntry({ ...link, target }) };
    }
    const file = files.get(key);
    if (file === undefined) throw malformedLink(encoded.path);
    this.#newNames.set(key, encoded.path);
    const bytes = encodeRecipeEntry({ ...file, path: encoded.path });
    return { type: 'file', path: encoded.path, bytes };
  }
}

function count(
  sums: { fileCount: number; contentBytes: number; allocatedBytes: number },
  { size, holes = [] }: RecipeEntry,
): void {
  sums.fileCount += 1;
  sums.contentBytes += size;
  sums.allocatedBytes += fileSpace(size, holes);
}

/** `./a/b/` and `a//b` are `a/b`. */
function normalised(text: string): Buffer {
  const names = text.split('/').filter((name) => name !== '' && name !== '.');
  const path = Buffer.from(names.join('/'));
  const problem = text.startsWith('/') ? 'begins with /' : pathProblem(path);
  if (problem === undefined) return path;
  throw new ReplicationError('ERR_ARGUMENT_INVALID', `path ${text} ${problem}`);
}

function covers(wanted: Buffer, path: Buffer): boolean {
  return wanted.equals(path) || isBelow(path, wanted);
}

function keyOf(path: Buffer): string {
  return path.toString('latin1');
}

function malformedLink(path: Buffer): ReplicationError {
  return new ReplicationError(
    'ERR_RECIPE_MALFORMED',
    `${printablePath(path)} is another name of no file`,
    { path: printablePath(path) },
  );
}
