// SPDX-License-Identifier: GPL-2.0-or-later
// Progress of a long call as lines to its caller: the newest ten times a second at most, and none
// while the caller does not read. A publish of small files reports each of a million files.
import type { ServerResponse } from 'node:http';
import { PROGRESS_INTERVAL_MS } from '../base/limits.ts';

export class ProgressLines {
  readonly #response: ServerResponse;
  #newest: object | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  /** Takes the place of a report that was not sent yet. */
  report(event: object): void {
    this.#newest = event;
    if (this.#timer === undefined) this.#send();
  }

  /** Sends what is left; call it before the end of the answer. */
  finish(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#write();
  }

  #send(): void {
    if (!this.#response.writableNeedDrain) this.#write();
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#newest !== undefined) this.#send();
    }, PROGRESS_INTERVAL_MS);
  }

  #write(): void {
    const event = this.#newest;
    this.#newest = undefined;
    if (event === undefined || this.#response.destroyed) return;
    this.#response.write(`${JSON.stringify({ progress: event })}\n`);
  }
}
