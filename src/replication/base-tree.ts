// SPDX-License-Identifier: GPL-2.0-or-later
// The tree that a new one is made of: links to all files of the snapshot before. Beside its recipe
// and what really lies there, it says entry by entry what may stay.
import { decodeEntry, decodeMetadata } from '../dataset/recipe-decoder.ts';
import type { EncodedEntry } from '../dataset/recipe-splitter.ts';
import { changeOf } from '../dataset/snapshot-diff.ts';
import type { TreeEntry } from '../native/folder.ts';
import { metadataProblems } from './entry-metadata.ts';
import type { RecipeCursor } from './recipe-cursor.ts';
import type { TreeCursor } from './tree-cursor.ts';

/**
 * What is there of a wanted entry. same: all; metadata: a file with the same content, or a folder;
 * none: nothing, after what is obsolete has been removed.
 */
export type Match = 'same' | 'metadata' | 'none';

export interface BaseStep {
  readonly match: Match;
  /** Entries to be removed before, each folder after what is in it. */
  readonly obsolete: readonly TreeEntry[];
}

export class BaseTree {
  readonly #recipe: RecipeCursor;
  readonly #found: TreeCursor;

  /** The recipe that the tree was made from, and what lies there now. */
  constructor(recipe: RecipeCursor, found: TreeCursor) {
    this.#recipe = recipe;
    this.#found = found;
  }

  /** Entries of the new recipe one after another. ERR_RECIPE_MALFORMED when one does not decode. */
  async advance(wanted: EncodedEntry): Promise<BaseStep> {
    const obsolete = this.#found.takeBefore(wanted.path);
    const found = this.#found.takeAt(wanted.path);
    if (found === undefined) return { match: 'none', obsolete: obsolete.reverse() };
    const match = await this.#match(wanted, found);
    const replaced = match === 'none' ? [found, ...this.#found.takeBelow(found.path)] : [];
    return { match, obsolete: obsolete.concat(replaced).reverse() };
  }

  /** What is there behind the last entry of the new recipe. */
  rest(): readonly TreeEntry[] {
    return this.#found.takeRest().reverse();
  }

  async close(): Promise<void> {
    await this.#recipe.close();
  }

  async #match(wanted: EncodedEntry, found: TreeEntry): Promise<Match> {
    // Whether the other name is still that of the same file would have to be looked up.
    if (wanted.type === 'hardlink' || wanted.type !== found.stat?.type) return 'none';
    if (wanted.type === 'folder') return isAs(wanted, found) ? 'same' : 'metadata';
    const before = await this.#recipe.seek(wanted.path);
    if (before?.type !== wanted.type || !isAs(before, found)) return 'none';
    if (before.bytes.equals(wanted.bytes)) return 'same';
    if (wanted.type !== 'file') return 'none';
    return changeOf(decodeEntry(before), decodeEntry(wanted)) === 'new' ? 'none' : 'metadata';
  }
}

/** A file whose time and size are right has its content; somebody who cares has `verify`. */
function isAs(entry: EncodedEntry, { stat, attributes, error, target }: TreeEntry): boolean {
  if (stat === undefined || error !== undefined) return false;
  const wanted = decodeMetadata(entry);
  if (wanted.target?.equals(target ?? Buffer.alloc(0)) === false) return false;
  return metadataProblems(wanted, stat, attributes).length === 0;
}
