// SPDX-License-Identifier: GPL-2.0-or-later
// What lies in a folder, walked side by side with a recipe.
import { comparePaths, isBelow } from '../dataset/recipe-path.ts';
import type { TreeEntry } from '../native/folder.ts';

export class TreeCursor {
  readonly #entries: readonly TreeEntry[];
  #index = 0;

  /** Entries in any order. */
  constructor(entries: TreeEntry[]) {
    this.#entries = entries.sort((a, b) => comparePaths(a.path, b.path));
  }

  /** The next entry, if it has this path. */
  takeAt(path: Buffer): TreeEntry | undefined {
    const entry = this.#entries[this.#index];
    if (entry?.path.equals(path) !== true) return undefined;
    this.#index += 1;
    return entry;
  }

  /** The next entries, as far as they come before this path in a recipe. */
  takeBefore(path: Buffer): TreeEntry[] {
    return this.#takeWhile((entry) => comparePaths(entry.path, path) < 0);
  }

  /** The next entries, as far as they are in this folder, however deep. */
  takeBelow(folder: Buffer): TreeEntry[] {
    return this.#takeWhile((entry) => isBelow(entry.path, folder));
  }

  /** All that are left. */
  takeRest(): TreeEntry[] {
    return this.#takeWhile(() => true);
  }

  #takeWhile(isTaken: (entry: TreeEntry) => boolean): TreeEntry[] {
    const taken: TreeEntry[] = [];
    let entry = this.#entries[this.#index];
    while (entry !== undefined && isTaken(entry)) {
      taken.push(entry);
      this.#index += 1;
      entry = this.#entries[this.#index];
    }
    return taken;
  }
}
