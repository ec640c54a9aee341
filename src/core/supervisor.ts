// SPDX-License-Identifier: GPL-2.0-or-later
// Keeps one core process alive: starts it, waits for its end, starts it again with growing waits.
import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import { CORE_BACKOFF_MAX_MS, CORE_BACKOFF_MIN_MS, CORE_HEALTHY_MS } from '../base/limits.ts';
import type { Logger } from '../base/logger.ts';

/** One life of the process. */
export interface Incarnation {
  /** Resolves when nothing of it is left, with what ended it. */
  readonly ended: Promise<string>;
  /** Ends it in order, by force when that takes too long; resolves after `ended`. */
  stop(): Promise<void>;
}

/** Starts the process; resolves when it works. When it rejects nothing is left running. */
export type Launch = (signal: AbortSignal) => Promise<Incarnation>;

export interface SupervisorComponents {
  readonly clock: Clock;
  readonly log: Logger;
}

export class Supervisor {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #launch: Launch;
  readonly #stopping = new AbortController();
  /** Before the next launch. */
  #waitMs = CORE_BACKOFF_MIN_MS;
  #starting: Promise<Incarnation> | undefined;
  #current: Incarnation | undefined;
  #watching: Promise<void> | undefined;

  constructor(components: SupervisorComponents, launch: Launch) {
    this.#clock = components.clock;
    this.#log = components.log;
    this.#launch = launch;
  }

  /** Rejects as the first launch does; later ones are tried for ever. Call once. */
  async start(signal?: AbortSignal): Promise<void> {
    const signals = [this.#stopping.signal, ...(signal === undefined ? [] : [signal])];
    this.#starting = this.#launch(AbortSignal.any(signals));
    this.#watching = this.#watch(await this.#starting);
  }

  /** Safe to call twice, and before or during start. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.allSettled([this.#starting]);
    await this.#current?.stop();
    await this.#watching;
  }

  async #watch(first: Incarnation): Promise<void> {
    let incarnation = first;
    for (;;) {
      this.#current = incarnation;
      const startedAtMs = this.#clock.monotonicMs();
      if (this.#isStopping()) await incarnation.stop();
      const reason = await incarnation.ended;
      if (this.#isStopping()) return;
      const aliveMs = this.#clock.monotonicMs() - startedAtMs;
      if (aliveMs >= CORE_HEALTHY_MS) this.#waitMs = CORE_BACKOFF_MIN_MS;
      this.#log.warn('the core ended and is started again', { reason });
      const next = await this.#relaunch();
      if (next === undefined) return;
      incarnation = next;
    }
  }

  /** Undefined when stop() came first. */
  async #relaunch(): Promise<Incarnation | undefined> {
    const { signal } = this.#stopping;
    while (!this.#isStopping()) {
      const waitMs = this.#waitMs;
      this.#waitMs = Math.min(2 * waitMs, CORE_BACKOFF_MAX_MS);
      try {
        await this.#clock.sleep(waitMs, signal);
        return await this.#launch(signal);
      } catch (error) {
        if (this.#isStopping()) break;
        this.#log.error('the core does not start', { error: messageOf(error) });
      }
    }
    return undefined;
  }

  #isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }
}
