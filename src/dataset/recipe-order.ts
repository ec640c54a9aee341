// SPDX-License-Identifier: GPL-2.0-or-later
// What the entries of a recipe must be to each other: in order, and each in a folder of the recipe,
// so that no path leads through a link.
import { malformed } from '../bytes/malformed.ts';
import type { ReplicationError } from '../base/errors.ts';
import { comparePaths, parentPath } from './recipe-path.ts';
import { RECIPE_FORMAT } from './recipe-record.ts';
import type { EntryType } from './recipe.ts';

/** Takes the entries of one recipe one after another; ERR_RECIPE_MALFORMED at the first bad one. */
export class RecipeOrder {
  #last: Buffer | undefined;
  /** Paths of the folders around the last entry, the root first. */
  readonly #folders: Buffer[] = [];

  /** The path must not change later. */
  check({ path, type }: { readonly path: Buffer; readonly type: EntryType }): void {
    if (this.#last === undefined) {
      if (path.length > 0 || type !== 'folder') throw failure('path', 'is not the root at first');
    } else {
      if (comparePaths(this.#last, path) >= 0) throw failure('path', 'is out of order');
      const parent = parentPath(path);
      while (this.#folders.length > 0 && this.#folders.at(-1)?.equals(parent) !== true) {
        this.#folders.pop();
      }
      if (this.#folders.length === 0) throw failure('path', 'is not in a folder of the recipe');
    }
    this.#last = path;
    if (type === 'folder') this.#folders.push(path);
  }

  /** Call after the last entry: there must be one. */
  end(): void {
    if (this.#last === undefined) throw failure('', 'ends too early');
  }
}

function failure(path: string, problem: string): ReplicationError {
  return malformed(RECIPE_FORMAT, path, problem);
}
