// SPDX-License-Identifier: GPL-2.0-or-later
// What a command prints: results on stdout (lines for people, or one JSON object with --json),
// progress on stderr: one line redrawn in place on a terminal, else a plain line now and then.
import type { Clock } from '../base/clock.ts';
import type { ReplicationError } from '../base/errors.ts';

/** On a terminal a redraw is not seen below this. */
const REDRAW_INTERVAL_MS = 100;
/** Logs of scripts stay readable. */
const PLAIN_INTERVAL_MS = 5_000;

export interface Stream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): boolean;
}

export class Output {
  readonly #out: Stream;
  readonly #err: Stream;
  readonly #clock: Clock;
  readonly json: boolean;
  #lastMs = -Infinity;
  #stage = '';
  #drawn = false;
  #hasResult = false;

  constructor(
    components: { readonly out: Stream; readonly err: Stream; readonly clock: Clock },
    init: { readonly json: boolean },
  ) {
    this.#out = components.out;
    this.#err = components.err;
    this.#clock = components.clock;
    this.json = init.json;
  }

  /** The answer of a command: the object with --json, else the lines. */
  result(value: object, lines: () => readonly string[]): void {
    this.#hasResult = true;
    this.#endProgress();
    const text = this.json ? [JSON.stringify(value)] : lines();
    if (text.length > 0) this.#out.write(`${text.join('\n')}\n`);
  }

  /** How a command failed: on stderr, and with --json as an object unless a result went before. */
  failure(error: ReplicationError): void {
    this.note(`muleplex: ${error.message} (${error.code})`);
    if (this.json && !this.#hasResult) this.#out.write(`${JSON.stringify({ error })}\n`);
  }

  /** A remark for people, on stderr. */
  note(text: string): void {
    this.#endProgress();
    this.#err.write(`${text}\n`);
  }

  /** Where an operation is. A new stage is always shown; the rest is thinned out by time. */
  progress(stage: string, text: string): void {
    const now = this.#clock.monotonicMs();
    const interval = this.#err.isTTY === true ? REDRAW_INTERVAL_MS : PLAIN_INTERVAL_MS;
    if (stage === this.#stage && now - this.#lastMs < interval) return;
    this.#stage = stage;
    this.#lastMs = now;
    if (this.#err.isTTY === true) {
      const line = text.slice(0, (this.#err.columns ?? 80) - 1);
      this.#err.write(`\r\x1b[K${line}`);
      this.#drawn = true;
    } else {
      this.#err.write(`${text}\n`);
    }
  }

  #endProgress(): void {
    if (this.#drawn) this.#err.write('\r\x1b[K');
    this.#drawn = false;
  }
}
