// SPDX-License-Identifier: GPL-2.0-or-later
// Waits for conditions over what a test collects from events.

export class Watchers {
  readonly #watchers = new Set<() => void>();

  /** Call after each change of what the conditions look at. */
  notify(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }

  /** Resolves when the condition holds; rejects with the message when it does not in limitMs. */
  async until(condition: () => boolean, limitMs: number, message: string): Promise<void> {
    if (condition()) return;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#watchers.delete(watcher);
        reject(new Error(message));
      }, limitMs);
      const watcher = (): void => {
        if (!condition()) return;
        clearTimeout(timer);
        this.#watchers.delete(watcher);
        resolve();
      };
      this.#watchers.add(watcher);
    });
  }
}
