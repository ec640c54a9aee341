// SPDX-License-Identifier: GPL-2.0-or-later
// Adds and removes peers, as the operator names them. What follows from it (trust of the core, live
// connections, queued manifests) is done by those who watch the peer book.
import { ReplicationError } from '../base/errors.ts';
import { decodeSiteRecord, parseSiteCard } from '../dataset/site-record.ts';
import type { Peer, PeerBook, PeerRights } from '../peers/peer-book.ts';
import type { OutboxStore } from '../peers/outbox.ts';

const RIGHTS = ['publish', 'read', 'relay'] as const;

interface Components {
  readonly peers: PeerBook;
  readonly outbox: Pick<OutboxStore, 'entries' | 'removeAll'>;
}

export class PeerAdmin {
  readonly #components: Components;

  constructor(components: Components) {
    this.#components = components;
  }

  /**
   * Adds the site of a card, or gives a known one these rights for the data set (name, id or `*`);
   * its rights for other data sets stay. ERR_ARGUMENT_INVALID for an unknown right.
   */
  async add(card: string, rights: readonly string[], dataset: string): Promise<Peer> {
    const wrong = rights.find((right) => !(RIGHTS as readonly string[]).includes(right));
    if (wrong !== undefined) {
      throw new ReplicationError('ERR_ARGUMENT_INVALID', `${wrong} is not publish, read or relay`);
    }
    const entry: PeerRights = {
      dataset,
      publish: rights.includes('publish'),
      read: rights.includes('read'),
      relay: rights.includes('relay'),
    };
    const { peers } = this.#components;
    const { siteId } = decodeSiteRecord(parseSiteCard(card));
    const others = (peers.get(siteId)?.rights ?? []).filter((old) => old.dataset !== dataset);
    return peers.add(card, [...others, entry]);
  }

  /** By name, site id, or at least 8 first digits of it; ERR_PEER_UNKNOWN, ERR_ARGUMENT_INVALID. */
  find(what: string): Peer {
    const found = this.#components.peers
      .list()
      .filter(
        ({ siteId, record }) =>
          record.name === what || (/^[0-9a-f]{8,64}$/.test(what) && siteId.startsWith(what)),
      );
    const [peer, ...others] = found;
    if (peer === undefined) {
      throw new ReplicationError('ERR_PEER_UNKNOWN', `no peer is named ${what}`);
    }
    if (others.length > 0) {
      throw new ReplicationError(
        'ERR_ARGUMENT_INVALID',
        `${what} names several peers; use the id`,
        {
          ids: found.map(({ siteId }) => siteId),
        },
      );
    }
    return peer;
  }

  /** Forgets the peer and all that waits for it. */
  async remove(what: string): Promise<Peer> {
    const { outbox, peers } = this.#components;
    const peer = this.find(what);
    await peers.remove(peer.siteId);
    const waiting = await outbox.entries();
    await outbox.removeAll(
      waiting.filter(({ value }) => value.siteId === peer.siteId).map(({ key }) => key),
    );
    return peer;
  }
}
