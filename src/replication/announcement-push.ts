// SPDX-License-Identifier: GPL-2.0-or-later
// Tells connected peers of the packs of own sessions, each peer in order and on its own. Nothing is
// owed: a peer that is away, or refuses, gets the manifest like everybody else.
import { ReplicationError, hasCode, messageOf } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import type { DatasetId, SiteId } from '../dataset/ids.ts';
import type { PeerBook } from '../peers/peer-book.ts';
import type { PushClient } from '../peers/push-client.ts';
import type { Catalogue } from '../store/catalogue.ts';
import type { SessionRow } from '../store/rows.ts';
import { announcementKey, datasetOf } from './announced-session.ts';

interface Components {
  readonly catalogue: Catalogue;
  readonly peers: PeerBook;
  readonly client: Pick<PushClient, 'announce' | 'state' | 'onState'>;
  readonly logger: Logger;
}

/** How far a peer knows a session. */
interface Cursor {
  readonly session: Buffer;
  next: number;
  /** It knows the end, or does not want to know more while the connection lasts. */
  isDone: boolean;
}

export class AnnouncementPush {
  readonly #components: Components;
  readonly #logger: Logger;
  /** Own sessions, open and ended ones. */
  readonly #sessions = new Map<DatasetId, SessionRow>();
  readonly #cursors = new Map<SiteId, Map<DatasetId, Cursor>>();
  /** Peers that are being told now; true: look again afterwards. */
  readonly #telling = new Map<SiteId, { again: boolean; readonly done: Promise<void> }>();
  readonly #stopped = new AbortController();
  readonly #stops: (() => void)[] = [];

  constructor(components: Components) {
    this.#components = components;
    this.#logger = components.logger.child({ component: 'announcement-push' });
  }

  start(): void {
    const { client, peers } = this.#components;
    this.#stops.push(
      client.onState(({ siteId, state }) => {
        if (state !== 'connected') return;
        // A peer may follow now what it did not before.
        for (const cursor of this.#cursors.get(siteId)?.values() ?? []) cursor.isDone = false;
        this.#tell(siteId);
      }),
      peers.onChange(({ kind, siteId }) => {
        if (kind === 'removed') this.#cursors.delete(siteId);
        else this.#tell(siteId);
      }),
    );
    this.#tellAll();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    for (const stop of this.#stops) stop();
    await Promise.all([...this.#telling.values()].map(({ done }) => done));
  }

  /** The session is new, has one more announcement, or has ended; its row is durable. */
  set(row: SessionRow): void {
    this.#sessions.set(row.datasetId, row);
    this.#tellAll();
  }

  /** A manifest names the packs of the data set's session. */
  forget(datasetId: DatasetId): void {
    this.#sessions.delete(datasetId);
    for (const cursors of this.#cursors.values()) cursors.delete(datasetId);
  }

  #tellAll(): void {
    for (const { siteId } of this.#components.peers.list()) this.#tell(siteId);
  }

  #tell(siteId: SiteId): void {
    if (this.#stopped.signal.aborted || this.#sessions.size === 0) return;
    const telling = this.#telling.get(siteId);
    if (telling !== undefined) {
      telling.again = true;
      return;
    }
    const done = this.#run(siteId)
      .catch((error: unknown) => this.#note(siteId, error))
      .then(() => {
        const isAgain = this.#telling.get(siteId)?.again === true;
        this.#telling.delete(siteId);
        if (isAgain) this.#tell(siteId);
      });
    this.#telling.set(siteId, { again: false, done });
  }

  async #run(siteId: SiteId): Promise<void> {
    const { client, peers } = this.#components;
    for (const datasetId of [...this.#sessions.keys()]) {
      for (;;) {
        const row = this.#sessions.get(datasetId);
        if (row === undefined || client.state(siteId) !== 'connected') break;
        if (!peers.allows(siteId, 'read', datasetOf(row))) break;
        if (!(await this.#tellNext(siteId, row))) break;
      }
    }
  }

  /** True when there may be more to tell. */
  async #tellNext(siteId: SiteId, row: SessionRow): Promise<boolean> {
    const { client } = this.#components;
    const cursor = this.#cursorOf(siteId, row);
    const announcement = await this.#nextFor(row, cursor);
    if (announcement === undefined) return false;
    try {
      const content = { genesis: row.genesis, announcement };
      const answer = await client.announce(siteId, content, this.#stopped.signal);
      cursor.next += 1;
      cursor.isDone = row.end !== null || answer === 'unwanted';
      return true;
    } catch (error) {
      this.#stopped.signal.throwIfAborted();
      // It has lost what it was told, or a grace time is over: from the first again.
      const isBehind = hasCode(error, 'ERR_ANNOUNCEMENT_GAP') && cursor.next > 0;
      if (isBehind) cursor.next = 0;
      else this.#note(siteId, error);
      return isBehind;
    }
  }

  async #nextFor(row: SessionRow, { isDone, next }: Cursor): Promise<Buffer | undefined> {
    if (isDone) return undefined;
    if (row.end !== null) return row.end;
    if (next >= row.packCount) return undefined;
    const key = announcementKey(row.datasetId, next);
    return (await this.#components.catalogue.announcements.get(key))?.envelope;
  }

  #cursorOf(siteId: SiteId, { datasetId, session }: SessionRow): Cursor {
    const cursors = this.#cursors.get(siteId) ?? new Map<DatasetId, Cursor>();
    this.#cursors.set(siteId, cursors);
    const known = cursors.get(datasetId);
    if (known?.session.equals(session) === true) return known;
    const cursor = { session, next: 0, isDone: false };
    cursors.set(datasetId, cursor);
    return cursor;
  }

  #note(peer: SiteId, error: unknown): void {
    if (this.#stopped.signal.aborted) return;
    const code = error instanceof ReplicationError ? error.code : undefined;
    // Whoever is out of reach is no news.
    const level = code === 'ERR_PEER_UNREACHABLE' ? 'debug' : 'info';
    this.#logger[level]('announcement not taken', { peer, code, reason: messageOf(error) });
  }
}
