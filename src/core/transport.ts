// SPDX-License-Identifier: GPL-2.0-or-later
// How packets reach a core and come back: what the three modes differ in. ControlCore puts the
// control surface on top of it.
import type { EcPacket } from '../ec/tag.ts';
import type { CoreMode } from './core.ts';

/** What a transport found when the core answered: its first start, the same one, or another. */
export type Greeting = 'first' | 'same' | 'restarted';

/** Given by ControlCore. */
export interface TransportHooks {
  /**
   * Called on each new connection before anything else is sent. A rejection with ERR_CORE_REFUSED
   * means that this core will never do; with any other error that the connection is of no use.
   */
  greet(exchange: (request: EcPacket) => Promise<EcPacket>): Promise<Greeting>;
  /** Requests go through from now on. */
  ready(greeting: Greeting): void;
  /** A packet that the core sent by itself; only when `pushesEvents`. */
  push(packet: EcPacket): void;
}

export interface CoreTransport {
  readonly mode: CoreMode;
  /** False: events have to be asked for. */
  readonly pushesEvents: boolean;
  /**
   * Resolves after the first `ready`. Rejects when that cannot be; then nothing is left running.
   */
  start(hooks: TransportHooks, signal?: AbortSignal): Promise<void>;
  /**
   * The answer to a request. Rejects with ERR_CORE_DIED or ERR_EC_CLOSED when there is no core, or
   * when it may have restarted since the request was made.
   */
  exchange(request: EcPacket): Promise<EcPacket>;
  stop(): Promise<void>;
}
