// SPDX-License-Identifier: GPL-2.0-or-later
// Pushes to peers: a live link to each peer of the book, and one call for each thing that is
// pushed.
import { ReplicationError } from '../base/errors.ts';
import type { SiteId, SnapshotId } from '../dataset/ids.ts';
import type { PushRequest } from './client-session.ts';
import { Listeners } from './listeners.ts';
import { PeerLink } from './peer-link.ts';
import type { LinkState, PeerLinkComponents } from './peer-link.ts';
import type { PeerChange } from './peer-book.ts';
import { PATHS, encodeOffer, encodePackAnnouncement } from './routes.ts';
import type { AnnouncementAnswer, Offer, PackAnnouncement } from './routes.ts';
import { LINK_TIMES } from './times.ts';
import type { LinkTimes } from './times.ts';

export interface StateChange {
  readonly siteId: SiteId;
  readonly state: LinkState;
}

export type PushClientComponents = Omit<PeerLinkComponents, 'random' | 'times'> & {
  /** Numbers of [0, 1) for jitter. */
  readonly random?: () => number;
  readonly times?: LinkTimes;
};

export class PushClient {
  readonly #components: PeerLinkComponents;
  readonly #links = new Map<SiteId, PeerLink>();
  readonly #states = new Listeners<StateChange>();
  #stopWatching: (() => void) | undefined;

  constructor(components: PushClientComponents) {
    this.#components = {
      ...components,
      random: components.random ?? Math.random,
      times: components.times ?? LINK_TIMES,
    };
  }

  /** Starts to connect to all peers, now and as they are added. */
  start(): void {
    const { peers } = this.#components;
    this.#stopWatching = peers.onChange((change) => this.#follow(change));
    for (const peer of peers.list()) this.#open(peer.siteId);
  }

  /** Ends all links for good. */
  stop(): void {
    this.#stopWatching?.();
    for (const siteId of [...this.#links.keys()]) this.disconnect(siteId);
  }

  /** Offers a snapshot: does the peer have it, or want its body? */
  async offer(siteId: SiteId, offer: Offer, signal?: AbortSignal): Promise<'have' | 'want'> {
    const body = encodeOffer(offer);
    const request: PushRequest = { method: 'POST', path: PATHS.offers, body };
    const reply = await this.#link(siteId).request(request, signal);
    const { answer } = (reply ?? {}) as { answer?: unknown };
    if (answer === 'have' || answer === 'want') return answer;
    throw new ReplicationError('ERR_REQUEST_FAILED', `${siteId} sent a bad answer to an offer`);
  }

  /** Sends the body the peer wants; it is durable there when this resolves. */
  async putBody(
    siteId: SiteId,
    snapshotId: SnapshotId,
    body: Buffer,
    signal?: AbortSignal,
  ): Promise<void> {
    const path = PATHS.bodies + snapshotId;
    await this.#link(siteId).request({ method: 'PUT', path, body }, signal);
  }

  /** Sends a signed receipt; it is durable there when this resolves. */
  async receipt(siteId: SiteId, receipt: Buffer, signal?: AbortSignal): Promise<void> {
    const request: PushRequest = { method: 'POST', path: PATHS.receipts, body: receipt };
    await this.#link(siteId).request(request, signal);
  }

  /** Tells of a pack, or of the end of a session; durable there when this resolves. */
  async announce(
    siteId: SiteId,
    announcement: PackAnnouncement,
    signal?: AbortSignal,
  ): Promise<AnnouncementAnswer> {
    const body = encodePackAnnouncement(announcement);
    const request: PushRequest = { method: 'POST', path: PATHS.announcements, body };
    const reply = await this.#link(siteId).request(request, signal);
    const { answer } = (reply ?? {}) as { answer?: unknown };
    if (answer === 'taken' || answer === 'unwanted') return answer;
    const text = `${siteId} sent a bad answer to an announcement`;
    throw new ReplicationError('ERR_REQUEST_FAILED', text);
  }

  /** Unreachable for a site that is no peer. */
  state(siteId: SiteId): LinkState {
    return this.#links.get(siteId)?.state ?? 'unreachable';
  }

  /** Why a peer is not connected, if it is not. */
  failure(siteId: SiteId): ReplicationError | undefined {
    return this.#links.get(siteId)?.failure;
  }

  onState(listener: (change: StateChange) => void): () => void {
    return this.#states.add(listener);
  }

  /** The peer was heard of: connect now. */
  kick(siteId: SiteId): void {
    this.#links.get(siteId)?.kick();
  }

  /** Ends the connection to a peer at once, requests under way included. */
  disconnect(siteId: SiteId): void {
    this.#links.get(siteId)?.stop();
    this.#links.delete(siteId);
  }

  #follow(change: PeerChange): void {
    const { kind, siteId, previous } = change;
    if (kind === 'added') this.#open(siteId);
    if (kind === 'removed') this.disconnect(siteId);
    const record = this.#components.peers.get(siteId)?.record;
    if (record === undefined || previous === undefined) return;
    const isSameAddress =
      record.host === previous.record.host &&
      record.port === previous.record.port &&
      record.tlsKey.equals(previous.record.tlsKey);
    if (!isSameAddress) this.#links.get(siteId)?.reconnect();
  }

  #open(siteId: SiteId): void {
    const onState = (state: LinkState): void => this.#states.emit({ siteId, state });
    this.#links.set(siteId, new PeerLink(this.#components, { siteId, onState }));
  }

  #link(siteId: SiteId): PeerLink {
    const link = this.#links.get(siteId);
    if (link !== undefined) return link;
    throw new ReplicationError('ERR_PEER_UNKNOWN', `${siteId} is no peer`, { siteId });
  }
}
