// SPDX-License-Identifier: GPL-2.0-or-later
// A recipe walked side by side with something else that has the same order.
import { comparePaths } from '../dataset/recipe-path.ts';
import type { EncodedEntry } from '../dataset/recipe-splitter.ts';

export class RecipeCursor {
  readonly #batches: AsyncGenerator<readonly EncodedEntry[]>;
  #batch: readonly EncodedEntry[] = [];
  #index = 0;
  #isAtEnd = false;

  constructor(batches: AsyncGenerator<readonly EncodedEntry[]>) {
    this.#batches = batches;
  }

  /** The entry at this path. Paths must be asked for in ascending order. */
  async seek(path: Buffer): Promise<EncodedEntry | undefined> {
    for (;;) {
      const entry = this.#batch[this.#index];
      if (entry === undefined) {
        if (!(await this.#more())) return undefined;
        continue;
      }
      const order = comparePaths(entry.path, path);
      if (order > 0) return undefined;
      this.#index += 1;
      if (order === 0) return entry;
    }
  }

  /** Call when the rest is not wanted. */
  async close(): Promise<void> {
    this.#isAtEnd = true;
    this.#batch = [];
    await this.#batches.return(undefined);
  }

  async #more(): Promise<boolean> {
    if (this.#isAtEnd) return false;
    const next = await this.#batches.next();
    this.#isAtEnd = next.done === true;
    this.#batch = next.done === true ? [] : next.value;
    this.#index = 0;
    return !this.#isAtEnd;
  }
}
