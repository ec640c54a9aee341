// SPDX-License-Identifier: GPL-2.0-or-later
// What lies in a folder, walked side by side with a recipe.
import { comparePaths } from '../dataset/recipe-path.ts';
import type { TreeEntry } from '../native/folder.ts';

export class TreeCursor {
  readonly #entries: readonly TreeEntry[];
  #index = 0;

  /** Entries in any order. */
  constructor(entries: TreeEntry[]) {
    this.#entries = entries.sort((a, b) => comparePaths(a.path, b.path));
  }

  /** The entry at this path. Paths must be asked for in ascending order. */
  seek(path: Buffer): TreeEntry | undefined {
    for (;;) {
      const entry = this.#entries[this.#index];
      if (entry === undefined) return undefined;
      const order = comparePaths(entry.path, path);
      if (order > 0) return undefined;
      this.#index += 1;
      if (order === 0) return entry;
    }
  }
}
