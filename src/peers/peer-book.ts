// SPDX-License-Identifier: GPL-2.0-or-later
// The sites this one knows, what each of them may do, and how to recognise them: by site id, by TLS
// key, by eD2k end point. Held in memory, written through to the store before it counts.
import type { KeyObject } from 'node:crypto';
import { ReplicationError } from '../base/errors.ts';
import type { Clock } from '../base/clock.ts';
import type { DatasetId, SiteId } from '../dataset/ids.ts';
import { decodeSiteRecord, parseSiteCard } from '../dataset/site-record.ts';
import type { SiteRecord } from '../dataset/site-record.ts';
import { publicKeyFromRaw } from '../dataset/signing-key.ts';
import { PEERS_MAX } from '../base/limits.ts';
import { Listeners } from './listeners.ts';

export type Right = 'publish' | 'read' | 'relay';

/** Rights for the data sets that one entry names; entries add up. */
export interface PeerRights {
  /** '*' for all, a data set id, or a name. */
  readonly dataset: string;
  /** May publish snapshots here. */
  readonly publish: boolean;
  /** Gets our snapshots, keys and packs. */
  readonly read: boolean;
  /** May pass on what others published. */
  readonly relay: boolean;
}

export interface StoredPeer {
  readonly siteId: SiteId;
  /** Envelope of the newest site record. */
  readonly recordBytes: Buffer;
  readonly rights: PeerRights[];
  readonly addedMs: number;
}

export interface Peer extends StoredPeer {
  readonly record: SiteRecord;
}

/** Durable when a call resolves. The catalogue's table of peers is one. */
export interface PeerStore {
  entries(): Promise<readonly { readonly value: StoredPeer }[]>;
  put(key: string, value: StoredPeer): Promise<void>;
  remove(key: string): Promise<void>;
}

export interface PeerChange {
  readonly kind: 'added' | 'record' | 'rights' | 'removed';
  readonly siteId: SiteId;
  /** What was known before; undefined for a new peer. */
  readonly previous?: Peer;
}

export interface PeerBookComponents {
  readonly store: PeerStore;
  readonly clock: Clock;
  /** This site: it is no peer of itself. */
  readonly own: SiteId;
}

interface KnownPeer extends Peer {
  readonly signingKey: KeyObject;
}

export class PeerBook {
  readonly #components: PeerBookComponents;
  readonly #peers = new Map<SiteId, KnownPeer>();
  readonly #byTlsKey = new Map<string, SiteId>();
  readonly #byEndPoint = new Map<string, SiteId>();
  readonly #changes = new Listeners<PeerChange>();
  /** Changes happen one after another, so that store and memory cannot disagree. */
  #queue: Promise<unknown> = Promise.resolve();

  private constructor(components: PeerBookComponents) {
    this.#components = components;
  }

  static async load(components: PeerBookComponents): Promise<PeerBook> {
    const book = new PeerBook(components);
    for (const { value } of await components.store.entries()) {
      book.#remember(known(value, decodeSiteRecord(value.recordBytes)));
    }
    return book;
  }

  /**
   * Adds a peer by its site card, or gives one that is known other rights and, when the card is
   * newer, its record. ERR_ARGUMENT_INVALID for a card of this site or one that uses the key or end
   * point of another peer.
   */
  add(card: string, rights: readonly PeerRights[]): Promise<Peer> {
    const recordBytes = parseSiteCard(card);
    const record = decodeSiteRecord(recordBytes);
    return this.#exclusively(async () => {
      const { siteId } = record;
      if (siteId === this.#components.own) {
        throw new ReplicationError('ERR_ARGUMENT_INVALID', 'the card is of this site itself');
      }
      const old = this.#peers.get(siteId);
      if (old === undefined && this.#peers.size >= PEERS_MAX) {
        throw new ReplicationError('ERR_LIMIT_EXCEEDED', `a site has at most ${PEERS_MAX} peers`);
      }
      this.#refuseTaken(record);
      const isNewer =
        old === undefined ||
        (record.version >= old.record.version && isReplacement(old, record, recordBytes));
      return this.#save({
        siteId,
        recordBytes: isNewer ? recordBytes : old.recordBytes,
        rights: [...rights],
        addedMs: old?.addedMs ?? this.#components.clock.now(),
      });
    });
  }

  /**
   * Takes a newer record of a known peer; false when it is the one we have. ERR_PEER_UNKNOWN,
   * ERR_SITE_RECORD_STALE when it is older, or another one of the same version.
   */
  updateRecord(recordBytes: Buffer): Promise<boolean> {
    const record = decodeSiteRecord(recordBytes);
    return this.#exclusively(async () => {
      const old = this.#mustGet(record.siteId);
      this.#refuseTaken(record);
      if (!isReplacement(old, record, recordBytes)) return false;
      await this.#save({ ...stored(old), recordBytes });
      return true;
    });
  }

  /** Forgets a peer; false when there is none. Listeners end what is live. */
  remove(siteId: SiteId): Promise<boolean> {
    return this.#exclusively(async () => {
      const old = this.#peers.get(siteId);
      if (old === undefined) return false;
      await this.#components.store.remove(siteId);
      this.#forget(old);
      this.#changes.emit({ kind: 'removed', siteId, previous: old });
      return true;
    });
  }

  /** All peers, by site id. */
  list(): Peer[] {
    return [...this.#peers.values()].sort((a, b) => (a.siteId < b.siteId ? -1 : 1));
  }

  get(siteId: SiteId): Peer | undefined {
    return this.#peers.get(siteId);
  }

  /** The peer whose newest record names this hash of a TLS key. */
  byTlsKey(tlsKey: Buffer): Peer | undefined {
    const siteId = this.#byTlsKey.get(tlsKey.toString('hex'));
    return siteId === undefined ? undefined : this.#peers.get(siteId);
  }

  /** The peer whose core listens there. */
  byEndPoint(host: string, port: number): Peer | undefined {
    const siteId = this.#byEndPoint.get(`${host}:${port}`);
    return siteId === undefined ? undefined : this.#peers.get(siteId);
  }

  /** The key that verifies what the peer signs. */
  signingKeyOf(siteId: SiteId): KeyObject | undefined {
    return this.#peers.get(siteId)?.signingKey;
  }

  /** False for an unknown peer. */
  allows(
    siteId: SiteId,
    right: Right,
    dataset: { readonly id: DatasetId; readonly name: string },
  ): boolean {
    const rights = this.#peers.get(siteId)?.rights ?? [];
    return rights.some(
      (entry) =>
        entry[right] &&
        (entry.dataset === '*' || entry.dataset === dataset.id || entry.dataset === dataset.name),
    );
  }

  /** Called after each change; the returned function ends it. */
  onChange(listener: (change: PeerChange) => void): () => void {
    return this.#changes.add(listener);
  }

  async #save(peer: StoredPeer): Promise<Peer> {
    await this.#components.store.put(peer.siteId, peer);
    const old = this.#peers.get(peer.siteId);
    if (old !== undefined) this.#forget(old);
    const next = known(peer, decodeSiteRecord(peer.recordBytes));
    this.#remember(next);
    const { siteId } = peer;
    if (old === undefined) {
      this.#changes.emit({ kind: 'added', siteId });
    } else {
      const isSameRecord = old.recordBytes.equals(peer.recordBytes);
      this.#changes.emit({ kind: isSameRecord ? 'rights' : 'record', siteId, previous: old });
    }
    return next;
  }

  #remember(peer: KnownPeer): void {
    this.#peers.set(peer.siteId, peer);
    this.#byTlsKey.set(peer.record.tlsKey.toString('hex'), peer.siteId);
    this.#byEndPoint.set(endPointOf(peer.record), peer.siteId);
  }

  #forget(peer: KnownPeer): void {
    this.#peers.delete(peer.siteId);
    this.#byTlsKey.delete(peer.record.tlsKey.toString('hex'));
    this.#byEndPoint.delete(endPointOf(peer.record));
  }

  /** A record that names another peer's key or end point would let the two be mistaken. */
  #refuseTaken(record: SiteRecord): void {
    const owners = [
      this.#byTlsKey.get(record.tlsKey.toString('hex')),
      this.#byEndPoint.get(endPointOf(record)),
    ];
    for (const owner of owners) {
      if (owner !== undefined && owner !== record.siteId) {
        throw new ReplicationError(
          'ERR_SITE_RECORD_CONFLICT',
          `the record of ${record.siteId} names the TLS key or eD2k end point of ${owner}`,
          { siteId: record.siteId, owner },
        );
      }
    }
  }

  #mustGet(siteId: SiteId): KnownPeer {
    const peer = this.#peers.get(siteId);
    if (peer === undefined) {
      throw new ReplicationError('ERR_PEER_UNKNOWN', `${siteId} is no peer`, { siteId });
    }
    return peer;
  }

  #exclusively<T>(change: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(change);
    this.#queue = result.catch(() => undefined);
    return result;
  }
}

function known(peer: StoredPeer, record: SiteRecord): KnownPeer {
  return { ...peer, record, signingKey: publicKeyFromRaw(record.signingKey) };
}

function stored(peer: KnownPeer): StoredPeer {
  const { siteId, recordBytes, rights, addedMs } = peer;
  return { siteId, recordBytes, rights, addedMs };
}

function endPointOf(record: SiteRecord): string {
  return `${record.ed2kHost}:${record.ed2kPort}`;
}

/** True when the record is newer, false when it is the same; ERR_SITE_RECORD_STALE otherwise. */
function isReplacement(old: Peer, record: SiteRecord, recordBytes: Buffer): boolean {
  if (record.version > old.record.version) return true;
  if (recordBytes.equals(old.recordBytes)) return false;
  throw new ReplicationError(
    'ERR_SITE_RECORD_STALE',
    `record ${record.version} of ${record.siteId} does not replace record ${old.record.version}`,
    { siteId: record.siteId, version: record.version, known: old.record.version },
  );
}
