// SPDX-License-Identifier: GPL-2.0-or-later
// Typed listeners of one event.

export class Listeners<T> {
  readonly #listeners = new Set<(event: T) => void>();

  /** The returned function removes the listener. */
  add(listener: (event: T) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Calls all listeners, in the order they were added. */
  emit(event: T): void {
    for (const listener of [...this.#listeners]) listener(event);
  }
}
