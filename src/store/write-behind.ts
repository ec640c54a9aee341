// SPDX-License-Identifier: GPL-2.0-or-later
// Lets the disk begin with a long file while it is still written, so that the sync at its end has
// little to wait for.

/** What the disk is given at once, at least. */
const STEP = 8 * 1024 * 1024;

export class WriteBehind {
  readonly #start: (offset: number, length: number) => Promise<void>;
  #begun = 0;
  #underWay: Promise<void> | undefined;

  /** start never fails. */
  constructor(start: (offset: number, length: number) => Promise<void>) {
    this.#start = start;
  }

  /** All up to this offset is written. */
  wrote(end: number): void {
    // A disk that is behind gets more at once later.
    if (this.#underWay !== undefined || end - this.#begun < STEP) return;
    const offset = this.#begun;
    this.#begun = end;
    this.#underWay = this.#start(offset, end - offset).finally(() => {
      this.#underWay = undefined;
    });
  }

  /** Resolves when nothing of it uses the file any more. */
  async settle(): Promise<void> {
    await this.#underWay;
  }
}
