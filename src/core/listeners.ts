// SPDX-License-Identifier: GPL-2.0-or-later
// Listeners that cannot harm who calls them: what one throws is logged, the others are still
// called.
import { messageOf } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';

export class Listeners<Value> {
  readonly #log: Logger;
  readonly #listeners = new Set<(value: Value) => void>();

  constructor(log: Logger) {
    this.#log = log;
  }

  /** The result takes the listener away. */
  add(listener: (value: Value) => void): () => void {
    const own = (value: Value) => listener(value);
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  emit(value: Value): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(value);
      } catch (error) {
        this.#log.error('a listener failed', { error: messageOf(error) });
      }
    }
  }
}
