// SPDX-License-Identifier: GPL-2.0-or-later
// What has to be undone, in the reverse order of its making, however the program ends.

export class Cleanup {
  #steps: (() => Promise<void>)[] = [];

  /** Remembers the step; the result does it now, and it is done once in any case. */
  add(step: () => Promise<void>): () => Promise<void> {
    this.#steps.push(step);
    return async () => {
      if (!this.#steps.includes(step)) return;
      this.#steps = this.#steps.filter((other) => other !== step);
      await step();
    };
  }

  /** Does all that is left; a step that fails does not keep the others from being done. */
  async all(): Promise<void> {
    for (;;) {
      const step = this.#steps.pop();
      if (step === undefined) return;
      await step().catch((error: unknown) => {
        process.stderr.write(`cleaning up: ${String(error)}\n`);
      });
    }
  }
}
