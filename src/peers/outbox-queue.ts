// SPDX-License-Identifier: GPL-2.0-or-later
// The queue of one peer and its worker: lanes in turn, in order within a lane, receipts first.
// This is the one place that decides whether a delivery that failed is tried again.
import { AssertionError } from 'node:assert/strict';
import type { Clock } from '../base/clock.ts';
import { ReplicationError, messageOf } from '../base/errors.ts';
import type { ErrorCode } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import type { SiteId } from '../dataset/ids.ts';
import { Backoff } from './backoff.ts';
import type {
  ManifestSource,
  OutboxComponents,
  OutboxItem,
  OutboxStore,
  QueuedItem,
} from './outbox.ts';

export interface OutboxQueueComponents {
  readonly client: OutboxComponents['client'];
  readonly source: ManifestSource;
  readonly store: OutboxStore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
}

export interface OutboxQueueInit {
  readonly siteId: SiteId;
  readonly onDelivered: (item: OutboxItem) => void;
  readonly onRefused: (item: OutboxItem, error: ReplicationError) => void;
}

interface Lane {
  readonly items: QueuedItem[];
  readonly backoff: Backoff;
  /** Monotonic time before which the lane is not tried again. */
  notBeforeMs: number;
}

/** Refusals that no later attempt can change; those of class malformed, corrupt, limit are too. */
const FINAL_CODES: ReadonlySet<ErrorCode> = new Set([
  'ERR_MANIFEST_FORK',
  'ERR_MANIFEST_STALE',
  'ERR_SIGNATURE_INVALID',
]);

export class OutboxQueue {
  readonly #components: OutboxQueueComponents;
  readonly #init: OutboxQueueInit;
  readonly #logger: Logger;
  readonly #lanes = new Map<string, Lane>();
  /** Identities of the items that wait. */
  readonly #waiting = new Set<string>();
  readonly #stopped = new AbortController();
  #pause: AbortController | undefined;
  #isWorking = false;
  #worker: Promise<void> = Promise.resolve();

  constructor(components: OutboxQueueComponents, init: OutboxQueueInit) {
    this.#components = components;
    this.#init = init;
    this.#logger = components.logger.child({ component: 'outbox', peer: init.siteId });
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** Keys of all that waits. */
  keys(): string[] {
    return [...this.#lanes.values()].flatMap((lane) => lane.items.map((queued) => queued.key));
  }

  has(kind: OutboxItem['kind'], subject: string): boolean {
    return this.#waiting.has(`${kind} ${subject}`);
  }

  /** Appends an item that is stored already. */
  add(queued: QueuedItem): void {
    const name = laneOf(queued.item);
    const lane = this.#lanes.get(name) ?? this.#newLane();
    this.#lanes.set(name, lane);
    lane.items.push(queued);
    this.#waiting.add(identityOf(queued));
  }

  /** Something may be possible now: an item came, the peer is connected. */
  wake(): void {
    this.#pause?.abort();
    if (this.#isWorking || this.#stopped.signal.aborted) return;
    this.#isWorking = true;
    this.#worker = this.#work();
  }

  /** As wake, and lanes that failed are tried at once. */
  kick(): void {
    for (const lane of this.#lanes.values()) {
      lane.backoff.reset();
      lane.notBeforeMs = 0;
    }
    this.wake();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#pause?.abort();
    await this.#worker;
  }

  /** Runs while the peer is connected and something waits. */
  async #work(): Promise<void> {
    const { client, clock } = this.#components;
    try {
      while (!this.#stopped.signal.aborted && client.state(this.#init.siteId) === 'connected') {
        const next = this.#next();
        if (next === undefined) return;
        const [name, lane] = next;
        const waitMs = lane.notBeforeMs - clock.monotonicMs();
        if (waitMs > 0) {
          await this.#sleep(waitMs);
        } else {
          await this.#deliver(name, lane);
        }
      }
    } finally {
      // In the same step as the last look at the lanes: an item added later starts a new worker.
      this.#isWorking = false;
    }
  }

  /** The lane whose turn comes first; among those that may go now, receipts before manifests. */
  #next(): [string, Lane] | undefined {
    const now = this.#components.clock.monotonicMs();
    let best: [string, Lane] | undefined;
    for (const entry of this.#lanes) {
      if (best === undefined || rank(entry, now) < rank(best, now)) best = entry;
    }
    return best;
  }

  async #deliver(name: string, lane: Lane): Promise<void> {
    const queued = lane.items[0];
    if (queued === undefined) {
      this.#lanes.delete(name);
      return;
    }
    let refusal: ReplicationError | undefined;
    try {
      await this.#send(queued.item);
    } catch (error) {
      if (error instanceof AssertionError) throw error;
      if (!(error instanceof ReplicationError) || !isFinal(error)) {
        this.#postpone(lane, error);
        return;
      }
      refusal = error;
    }
    await this.#finish(name, lane, queued, refusal);
  }

  async #send(item: OutboxItem): Promise<void> {
    const { client, source } = this.#components;
    const { siteId } = this.#init;
    const signal = this.#stopped.signal;
    if (item.kind === 'receipt') {
      await client.receipt(siteId, item.receipt, signal);
      return;
    }
    const manifest = await source.load(siteId, item.snapshotId);
    if (manifest === undefined) return;
    const answer = await client.offer(siteId, manifest, signal);
    if (answer === 'want') {
      await client.putBody(siteId, item.snapshotId, await manifest.body(), signal);
    }
  }

  #postpone(lane: Lane, error: unknown): void {
    if (this.#stopped.signal.aborted) return;
    const pauseMs = lane.backoff.nextMs();
    lane.notBeforeMs = this.#components.clock.monotonicMs() + pauseMs;
    this.#logger.debug('delivery postponed', { pauseMs, reason: messageOf(error) });
  }

  async #finish(
    name: string,
    lane: Lane,
    queued: QueuedItem,
    refusal: ReplicationError | undefined,
  ): Promise<void> {
    try {
      await this.#components.store.removeAll([queued.key]);
    } catch (error) {
      // It is sent again, which does no harm; the disk may have recovered by then.
      this.#logger.warn('outbox not updated', { reason: messageOf(error) });
      this.#postpone(lane, error);
      return;
    }
    lane.items.shift();
    lane.backoff.reset();
    this.#waiting.delete(identityOf(queued));
    if (lane.items.length === 0) this.#lanes.delete(name);
    if (refusal === undefined) {
      this.#init.onDelivered(queued.item);
    } else {
      this.#logger.error('peer refuses for good', { code: refusal.code, reason: refusal.message });
      this.#init.onRefused(queued.item, refusal);
    }
  }

  async #sleep(durationMs: number): Promise<void> {
    this.#pause = new AbortController();
    try {
      await this.#components.clock.sleep(durationMs, this.#pause.signal);
    } catch {
      // Woken or stopped.
    } finally {
      this.#pause = undefined;
    }
  }

  #newLane(): Lane {
    return { items: [], backoff: new Backoff(this.#components.random), notBeforeMs: 0 };
  }
}

function laneOf(item: OutboxItem): string {
  return `${item.kind} ${item.lane}`;
}

function identityOf(queued: QueuedItem): string {
  return `${queued.item.kind} ${queued.subject}`;
}

/** Ready receipts, ready manifests, then by the end of the pause. */
function rank([name, lane]: [string, Lane], nowMs: number): number {
  if (lane.notBeforeMs > nowMs) return lane.notBeforeMs;
  return name.startsWith('receipt') ? -2 : -1;
}

function isFinal(error: ReplicationError): boolean {
  return (
    FINAL_CODES.has(error.code) ||
    error.errorClass === 'malformed' ||
    error.errorClass === 'corrupt' ||
    error.errorClass === 'limit'
  );
}
