// SPDX-License-Identifier: GPL-2.0-or-later
// A lasting EC connection: comes back when it is lost, and hides the loss from requests as long as
// the same core answers. Requests of ours can be sent twice: each sets a state or only asks.
import type { Clock } from '../base/clock.ts';
import { ReplicationError, hasCode, messageOf } from '../base/errors.ts';
import {
  CORE_BACKOFF_MIN_MS,
  CORE_RECONNECT_MAX_MS,
  CORE_RECONNECT_WAIT_MS,
  EC_QUEUE_MAX,
} from '../base/limits.ts';
import type { Logger } from '../base/logger.ts';
import { EcConnection } from '../ec/connection.ts';
import type { EcConnectionInit } from '../ec/connection.ts';
import type { EcPacket } from '../ec/tag.ts';
import type { Greeting, TransportHooks } from './transport.ts';

export interface EcLinkComponents {
  readonly clock: Clock;
  readonly log: Logger;
  readonly hooks: TransportHooks;
}

export interface EcLinkInit {
  readonly connection: EcConnectionInit;
  /** Longest time without a connection; then the link ends. May be Infinity. */
  readonly patienceMs: number;
}

interface Live {
  readonly connection: EcConnection;
  readonly generation: number;
}

type Waiter = (outcome: Live | ReplicationError) => void;

/** How we log in at the control socket of a core. */
export function coreConnection(socketPath: string): EcConnectionInit {
  return {
    address: { socketPath },
    clientName: 'muleplexd',
    clientVersion: '1',
    zlib: false,
    utf8Numbers: false,
  };
}

/** A core that is away this short is no news: it starts, or lost a connection. */
const QUIET_MS = 3_000;

/** Once may be a core that ends just then. */
const HANG_UPS_MAX = 3;

/** Errors that trying again does not mend: another program, another password, another version. */
const LASTING = ['ERR_EC_AUTH_REFUSED', 'ERR_CORE_REFUSED', 'ERR_EC_MALFORMED'] as const;

export class EcLink {
  /** Settles when the link is over, with the reason; undefined after close(). */
  readonly ended: Promise<ReplicationError | undefined>;

  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #hooks: TransportHooks;
  readonly #init: EcLinkInit;
  readonly #stopping = new AbortController();
  readonly #waiters = new Set<Waiter>();
  #live: Live | undefined;
  /** The newest connection, also before it is live. */
  #connection: EcConnection | undefined;
  /** Restarts of the core. */
  #generation = 0;
  #wasLive = false;
  /** Connections closed in the greeting, one after another. */
  #hangUps = 0;
  #lastFailure = '';
  #settleEnded!: (error: ReplicationError | undefined) => void;

  constructor(components: EcLinkComponents, init: EcLinkInit) {
    this.#clock = components.clock;
    this.#log = components.log;
    this.#hooks = components.hooks;
    this.#init = init;
    this.ended = new Promise((resolve) => {
      this.#settleEnded = resolve;
    });
  }

  /**
   * Resolves when the core answers. Until then an error that lasts ends the link and is thrown; a
   * core that cannot be reached is tried again while patience and signal last. Call once.
   */
  async open(signal?: AbortSignal): Promise<void> {
    const abort = () => this.#stopping.abort();
    signal?.addEventListener('abort', abort, { once: true });
    if (signal?.aborted === true) abort();
    const isReady = this.#nextLive();
    const run = this.#run();
    try {
      await isReady;
    } catch (error) {
      await run;
      signal?.throwIfAborted();
      throw error;
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  /** As CoreTransport.exchange. */
  async exchange(request: EcPacket): Promise<EcPacket> {
    const generation = this.#generation;
    const live = await this.#whenLive(generation);
    try {
      return await live.connection.exchange(request);
    } catch (error) {
      if (!hasCode(error, 'ERR_EC_CLOSED')) throw error;
      this.#forget(live);
      const next = await this.#whenLive(generation);
      return next.connection.exchange(request);
    }
  }

  /** Ends the connection; requests that wait are refused. Safe to call twice. */
  async close(): Promise<void> {
    this.#stopping.abort();
    await this.#connection?.close();
    await this.ended;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    let end: ReplicationError | undefined;
    let backoffMs = CORE_BACKOFF_MIN_MS;
    let lostAtMs = this.#clock.monotonicMs();
    while (!signal.aborted) {
      try {
        await this.#connectOnce();
        backoffMs = CORE_BACKOFF_MIN_MS;
        lostAtMs = this.#clock.monotonicMs();
      } catch (error) {
        end = this.#judge(error, this.#clock.monotonicMs() - lostAtMs);
        if (end !== undefined) break;
      }
      await this.#clock.sleep(backoffMs, signal).catch(() => undefined);
      backoffMs = Math.min(2 * backoffMs, CORE_RECONNECT_MAX_MS);
    }
    this.#settleEnded(end);
    const reason =
      end ?? new ReplicationError('ERR_EC_CLOSED', 'the connection to the core is closed');
    for (const waiter of [...this.#waiters]) waiter(reason);
  }

  /** Connects, greets, and resolves when that connection is over. */
  async #connectOnce(): Promise<void> {
    const { signal } = this.#stopping;
    const connection = await EcConnection.open(this.#init.connection, signal);
    this.#connection = connection;
    try {
      const greeting = await this.#greet(connection);
      if (greeting === 'restarted') this.#generation += 1;
      const live = { connection, generation: this.#generation };
      this.#live = live;
      this.#wasLive = true;
      this.#lastFailure = '';
      for (const waiter of [...this.#waiters]) waiter(live);
      this.#hooks.ready(greeting);
      const reason = await connection.ended;
      this.#forget(live);
      if (!signal.aborted) this.#log.debug('connection lost', { error: messageOf(reason) });
    } finally {
      await connection.close();
    }
  }

  /** A stock amuled answers our first question by closing the connection, or with a refusal. */
  async #greet(connection: EcConnection): Promise<Greeting> {
    try {
      const greeting = await this.#hooks.greet((request) => connection.exchange(request));
      this.#hangUps = 0;
      return greeting;
    } catch (error) {
      if (!hasCode(error, 'ERR_EC_CLOSED')) throw error;
      this.#hangUps += 1;
      if (this.#hangUps < HANG_UPS_MAX) throw error;
      throw new ReplicationError(
        'ERR_CORE_REFUSED',
        'the core has no control surface: it closes the connection when it is asked for it',
        { surfaceVersion: 0 },
        error,
      );
    }
  }

  /** The error that ends the link, or undefined when it is worth another try. */
  #judge(error: unknown, downMs: number): ReplicationError | undefined {
    if (this.#stopping.signal.aborted) return undefined;
    if (!(error instanceof ReplicationError)) throw error;
    const isLasting = LASTING.some((code) => code === error.code);
    if (isLasting && !this.#wasLive) return error;
    if (downMs >= this.#init.patienceMs) return error;
    if (downMs >= QUIET_MS && error.code !== this.#lastFailure) {
      this.#lastFailure = error.code;
      this.#log.warn('the core cannot be reached', { error: error.message });
    }
    return undefined;
  }

  #forget(live: Live): void {
    if (this.#live === live) this.#live = undefined;
  }

  /** The connection to the core of that generation; a later core is another one. */
  async #whenLive(generation: number): Promise<Live> {
    const live = this.#live ?? (await this.#nextLive(CORE_RECONNECT_WAIT_MS));
    if (live.generation === generation) return live;
    throw new ReplicationError('ERR_CORE_DIED', 'the core restarted during a request');
  }

  #nextLive(limitMs?: number): Promise<Live> {
    return new Promise((resolve, reject) => {
      if (this.#stopping.signal.aborted || this.#waiters.size >= EC_QUEUE_MAX) {
        reject(new ReplicationError('ERR_EC_CLOSED', 'there is no connection to the core'));
        return;
      }
      const waiter: Waiter = (outcome) => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
        if (outcome instanceof ReplicationError) reject(outcome);
        else resolve(outcome);
      };
      const timer =
        limitMs === undefined ? undefined : setTimeout(() => waiter(noneWithin(limitMs)), limitMs);
      this.#waiters.add(waiter);
    });
  }
}

function noneWithin(limitMs: number): ReplicationError {
  return new ReplicationError('ERR_EC_CLOSED', `no connection to the core within ${limitMs} ms`);
}
