// SPDX-License-Identifier: GPL-2.0-or-later
// What peers still have to get: durable before it counts, one queue per peer, removed only when the
// peer has acknowledged. Queues survive restarts of both sides; sending twice does no harm.
import { createHash } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { ReplicationError } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import type { DatasetId, SiteId, SnapshotId } from '../dataset/ids.ts';
import { OUTBOX_ITEMS_PER_PEER_MAX } from '../base/limits.ts';
import { Listeners } from './listeners.ts';
import { OutboxQueue } from './outbox-queue.ts';
import type { PushClient } from './push-client.ts';
import type { Offer } from './routes.ts';

/** Items of one lane reach a peer in order; lanes do not wait for each other. */
export type OutboxItem =
  | { readonly kind: 'manifest'; readonly snapshotId: SnapshotId; readonly lane: DatasetId }
  | { readonly kind: 'receipt'; readonly receipt: Buffer; readonly lane: DatasetId };

/** Finds what belongs to a snapshot when its turn has come. */
export interface ManifestSource {
  /** Undefined when there is nothing to send (any more): forgotten, or the peer may not read it. */
  load(to: SiteId, snapshotId: SnapshotId): Promise<OutgoingManifest | undefined>;
}

export interface OutgoingManifest extends Offer {
  /** Asked for only when the peer wants it. */
  body(): Promise<Buffer>;
}

export interface StoredItem {
  readonly siteId: SiteId;
  readonly kind: 'manifest' | 'receipt';
  readonly lane: string;
  /** Snapshot id of a manifest, SHA-256 of a receipt: the same item is queued once. */
  readonly subject: string;
  /** The receipt; empty for a manifest. */
  readonly payload: Buffer;
  readonly queuedMs: number;
}

/** Durable when a call resolves. The catalogue's table of the outbox is one. */
export interface OutboxStore {
  /** In the order of the keys. */
  entries(): Promise<readonly { readonly key: string; readonly value: StoredItem }[]>;
  /** All of them or none. */
  putAll(entries: readonly { readonly key: string; readonly value: StoredItem }[]): Promise<void>;
  removeAll(keys: readonly string[]): Promise<void>;
}

export interface OutboxComponents {
  readonly store: OutboxStore;
  readonly client: Pick<PushClient, 'offer' | 'putBody' | 'receipt' | 'state' | 'onState'>;
  readonly source: ManifestSource;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Numbers of [0, 1) for jitter. */
  readonly random?: () => number;
}

export interface Delivery {
  readonly siteId: SiteId;
  readonly item: OutboxItem;
}

export interface Refusal extends Delivery {
  readonly error: ReplicationError;
}

/** An item and the key it is stored under. */
export interface QueuedItem {
  readonly key: string;
  readonly item: OutboxItem;
  readonly subject: string;
}

const KEY_DIGITS = 16;

export class Outbox {
  readonly #components: OutboxComponents;
  readonly #queues = new Map<SiteId, OutboxQueue>();
  readonly #delivered = new Listeners<Delivery>();
  readonly #refused = new Listeners<Refusal>();
  #nextNumber = 0;
  /** Items are stored one after another, so that keys tell the order of the calls. */
  #tail: Promise<void> = Promise.resolve();
  #stopWatching: (() => void) | undefined;

  constructor(components: OutboxComponents) {
    this.#components = components;
  }

  /** Reads what is stored and starts to deliver. */
  async start(): Promise<void> {
    for (const { key, value } of await this.#components.store.entries()) {
      this.#nextNumber = Math.max(this.#nextNumber, numberOf(key) + 1);
      this.#queue(value.siteId).add({ key, item: itemOf(value), subject: value.subject });
    }
    this.#stopWatching = this.#components.client.onState(({ siteId, state }) => {
      if (state === 'connected') this.#queues.get(siteId)?.kick();
    });
    for (const queue of this.#queues.values()) queue.wake();
  }

  /** Ends deliveries under way; what was not acknowledged stays stored. */
  async stop(): Promise<void> {
    this.#stopWatching?.();
    await Promise.all([...this.#queues.values()].map((queue) => queue.stop()));
  }

  /**
   * Queues the item for each of the peers; durable when it resolves. An equal item that still waits
   * is not queued again. ERR_LIMIT_EXCEEDED when too much waits for one of the peers.
   */
  enqueue(siteIds: readonly SiteId[], item: OutboxItem): Promise<void> {
    const done = this.#tail.then(() => this.#store(siteIds, item));
    this.#tail = done.catch(() => undefined);
    return done;
  }

  /** Try what waits for this peer now; for a right or an address that changed. */
  kick(siteId: SiteId): void {
    this.#queues.get(siteId)?.kick();
  }

  /** Forgets all that waits for a peer. */
  async drop(siteId: SiteId): Promise<void> {
    const queue = this.#queues.get(siteId);
    if (queue === undefined) return;
    this.#queues.delete(siteId);
    await queue.stop();
    await this.#components.store.removeAll(queue.keys());
  }

  /** Items that wait for the peer. */
  pending(siteId: SiteId): number {
    return this.#queues.get(siteId)?.size ?? 0;
  }

  /**
   * Called after the peer has acknowledged an item, which it does when the item is durable there.
   */
  onDelivered(listener: (delivery: Delivery) => void): () => void {
    return this.#delivered.add(listener);
  }

  /** Called when an item is given up because the peer will never take it. */
  onRefused(listener: (refusal: Refusal) => void): () => void {
    return this.#refused.add(listener);
  }

  async #store(siteIds: readonly SiteId[], item: OutboxItem): Promise<void> {
    const subject = subjectOf(item);
    const added = [...new Set(siteIds)]
      .filter((siteId) => !this.#queue(siteId).has(item.kind, subject))
      .map((siteId) => ({ siteId, key: this.#newKey(siteId) }));
    for (const { siteId } of added) {
      if (this.#queue(siteId).size >= OUTBOX_ITEMS_PER_PEER_MAX) {
        throw new ReplicationError('ERR_LIMIT_EXCEEDED', `too much waits for peer ${siteId}`);
      }
    }
    const queuedMs = this.#components.clock.now();
    await this.#components.store.putAll(
      added.map(({ siteId, key }) => ({ key, value: stored(siteId, item, subject, queuedMs) })),
    );
    for (const { siteId, key } of added) {
      const queue = this.#queue(siteId);
      queue.add({ key, item, subject });
      queue.wake();
    }
  }

  #queue(siteId: SiteId): OutboxQueue {
    const known = this.#queues.get(siteId);
    if (known !== undefined) return known;
    const { client, source, store, clock, logger, random } = this.#components;
    const queue = new OutboxQueue(
      { client, source, store, clock, logger, random: random ?? Math.random },
      {
        siteId,
        onDelivered: (item) => this.#delivered.emit({ siteId, item }),
        onRefused: (item, error) => this.#refused.emit({ siteId, item, error }),
      },
    );
    this.#queues.set(siteId, queue);
    return queue;
  }

  #newKey(siteId: SiteId): string {
    const number = this.#nextNumber;
    this.#nextNumber += 1;
    return `${siteId}/${number.toString().padStart(KEY_DIGITS, '0')}`;
  }
}

function numberOf(key: string): number {
  return Number(key.slice(-KEY_DIGITS));
}

function subjectOf(item: OutboxItem): string {
  if (item.kind === 'manifest') return item.snapshotId;
  return createHash('sha256').update(item.receipt).digest('hex');
}

function stored(siteId: SiteId, item: OutboxItem, subject: string, queuedMs: number): StoredItem {
  const payload = item.kind === 'receipt' ? item.receipt : Buffer.alloc(0);
  return { siteId, kind: item.kind, lane: item.lane, subject, payload, queuedMs };
}

function itemOf({ kind, lane, subject, payload }: StoredItem): OutboxItem {
  return kind === 'manifest'
    ? { kind, snapshotId: subject as SnapshotId, lane: lane as DatasetId }
    : { kind, receipt: payload, lane: lane as DatasetId };
}
