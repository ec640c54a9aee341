// SPDX-License-Identifier: GPL-2.0-or-later
// The one connection that this site keeps to a peer: made again with backoff whenever it is lost,
// to the address of the newest site record, until the link is stopped.
import { ReplicationError, messageOf } from '../base/errors.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { SiteId } from '../dataset/ids.ts';
import { Backoff } from './backoff.ts';
import { ClientSession } from './client-session.ts';
import type { PushRequest } from './client-session.ts';
import type { Identity } from './identity.ts';
import type { PeerBook } from './peer-book.ts';
import { PATHS } from './routes.ts';
import type { PingReply } from './routes.ts';
import type { LinkTimes } from './times.ts';
import { connectToPeer } from './transport.ts';

export type LinkState = 'connecting' | 'connected' | 'unreachable';

export interface PeerLinkComponents {
  readonly identity: Identity;
  readonly peers: PeerBook;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: () => number;
  readonly times: LinkTimes;
}

export class PeerLink {
  readonly #components: PeerLinkComponents;
  readonly #siteId: SiteId;
  readonly #logger: Logger;
  readonly #onState: (state: LinkState) => void;
  readonly #stopped = new AbortController();
  readonly #backoff: Backoff;
  #session: ClientSession | undefined;
  #pause: AbortController | undefined;
  #state: LinkState = 'connecting';
  #failure: ReplicationError | undefined;

  /** Starts to connect at once. */
  constructor(
    components: PeerLinkComponents,
    init: { siteId: SiteId; onState: (state: LinkState) => void },
  ) {
    this.#components = components;
    this.#siteId = init.siteId;
    this.#onState = init.onState;
    this.#logger = components.logger.child({ component: 'peer-link', peer: init.siteId });
    this.#backoff = new Backoff(components.random);
    void this.#run();
  }

  get state(): LinkState {
    return this.#state;
  }

  /** Why the peer is not connected. */
  get failure(): ReplicationError | undefined {
    return this.#failure;
  }

  /** Sends a request over the live connection; when there is none, throws why. */
  request(request: PushRequest, signal?: AbortSignal): Promise<unknown> {
    if (this.#session === undefined || this.#state !== 'connected') {
      const text = `${this.#siteId} is not connected`;
      return Promise.reject(this.#failure ?? new ReplicationError('ERR_PEER_UNREACHABLE', text));
    }
    return this.#session.request(request, signal);
  }

  /** The peer was heard of, or its address is new: do not wait for the next attempt. */
  kick(): void {
    this.#backoff.reset();
    this.#pause?.abort();
  }

  /** Ends the connection and makes a new one; for a changed address. */
  reconnect(): void {
    this.#session?.destroy(this.#ended('its record changed'));
    this.kick();
  }

  /** Ends the connection for good. */
  stop(): void {
    this.#stopped.abort();
    this.#pause?.abort();
    this.#session?.destroy(this.#ended('the link is stopped'));
  }

  async #run(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      const failure = await this.#connectOnce();
      if (this.#isStopped()) return;
      if (failure.code !== this.#failure?.code) {
        this.#logger.info('peer is not reachable', { code: failure.code, reason: failure.message });
      }
      this.#failure = failure;
      this.#enter('unreachable');
      await this.#wait(this.#backoff.nextMs());
      if (!this.#isStopped()) this.#enter('connecting');
    }
  }

  #isStopped(): boolean {
    return this.#stopped.signal.aborted;
  }

  /** Connects and stays connected as long as it goes; gives the reason of the end. */
  async #connectOnce(): Promise<ReplicationError> {
    let session: ClientSession | undefined;
    try {
      const peer = this.#components.peers.get(this.#siteId);
      if (peer === undefined) return this.#ended('it is no longer a peer');
      const { tls } = this.#components.identity;
      const socket = await connectToPeer(peer, tls, this.#stopped.signal);
      session = new ClientSession(this.#siteId, socket, this.#components.times);
      if (this.#isStopped()) session.destroy(this.#ended('the link is stopped'));
      this.#session = session;
      // With TLS 1.3 a client is connected before the server has judged its certificate: only an
      // answer shows that the peer takes this site.
      await this.#exchangeRecords(session);
      this.#failure = undefined;
      this.#backoff.reset();
      this.#logger.info('peer is connected');
      this.#enter('connected');
      return await session.closed;
    } catch (error) {
      const failure =
        error instanceof ReplicationError
          ? error
          : new ReplicationError('ERR_PEER_UNREACHABLE', messageOf(error), {}, error);
      session?.destroy(failure);
      return failure;
    } finally {
      this.#session = undefined;
    }
  }

  async #exchangeRecords(session: ClientSession): Promise<void> {
    const { identity } = this.#components;
    const signal = this.#stopped.signal;
    const reply = await session.request({ method: 'GET', path: PATHS.ping }, signal);
    if (pingReply(reply).known >= identity.record.version) return;
    const body = identity.recordBytes;
    await session.request({ method: 'POST', path: PATHS.siteRecords, body }, signal);
  }

  async #wait(durationMs: number): Promise<void> {
    this.#pause = new AbortController();
    try {
      await this.#components.clock.sleep(durationMs, this.#pause.signal);
    } catch {
      // Kicked or stopped.
    } finally {
      this.#pause = undefined;
    }
  }

  #enter(state: LinkState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#onState(state);
  }

  #ended(reason: string): ReplicationError {
    return new ReplicationError('ERR_PEER_UNREACHABLE', `${this.#siteId}: ${reason}`, {
      peer: this.#siteId,
    });
  }
}

function pingReply(reply: unknown): PingReply {
  const { siteId, version, known } = (reply ?? {}) as Partial<Record<keyof PingReply, unknown>>;
  if (typeof siteId !== 'string' || typeof version !== 'number' || typeof known !== 'number') {
    throw new ReplicationError('ERR_REQUEST_FAILED', 'the reply to a ping is malformed');
  }
  return { siteId, version, known };
}
