// SPDX-License-Identifier: GPL-2.0-or-later
// Pauses between attempts: doubling, with jitter so that sites do not knock in step.
import { PEER_BACKOFF_MAX_MS, PEER_BACKOFF_MIN_MS } from '../base/limits.ts';

export class Backoff {
  readonly #random: () => number;
  #failures = 0;

  /** random gives numbers of [0, 1). */
  constructor(random: () => number) {
    this.#random = random;
  }

  /**
   * The next pause: from half of the full one up to it; the full one doubles to
   * PEER_BACKOFF_MAX_MS.
   */
  nextMs(): number {
    const full = Math.min(
      PEER_BACKOFF_MAX_MS,
      PEER_BACKOFF_MIN_MS * 2 ** Math.min(this.#failures, 30),
    );
    this.#failures += 1;
    return full * (0.5 + this.#random() / 2);
  }

  /** After a success: the next failure starts with the shortest pause. */
  reset(): void {
    this.#failures = 0;
  }
}
