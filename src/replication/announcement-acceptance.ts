// SPDX-License-Identifier: GPL-2.0-or-later
// Decides about packs that a writer announces before their manifest: whose signature, which right,
// where in the chain of its session. What is taken is durable before the writer hears of it, and
// goes when the session ends, a newer one comes, or nothing is heard of it for a grace time.
import type { Clock } from '../base/clock.ts';
import { ReplicationError, messageOf } from '../base/errors.ts';
import { ANNOUNCED_CHECK_INTERVAL_MS, ANNOUNCED_GRACE_MS } from '../base/limits.ts';
import type { Logger } from '../base/logger.ts';
import { decodeAnnouncement, type DecodedAnnouncement } from '../dataset/announcement.ts';
import { packIdOf, type PackDescriptor } from '../dataset/descriptor.ts';
import type { KeyLookup } from '../dataset/envelope.ts';
import { decodeGenesis } from '../dataset/genesis.ts';
import type { SiteId } from '../dataset/ids.ts';
import type { Identity } from '../peers/identity.ts';
import type { PeerBook } from '../peers/peer-book.ts';
import type { AnnouncementAnswer, AnnouncementSink, PackAnnouncement } from '../peers/routes.ts';
import type { Catalogue } from '../store/catalogue.ts';
import type { SessionRow } from '../store/rows.ts';
import { noRight } from './acceptance.ts';
import { announcementKey, datasetOf, forgetSession } from './announced-session.ts';
import type { Dataset } from './dataset-registry.ts';
import type { EarlyFetch } from './early-fetch.ts';
import type { WantedPack } from './pack-fetch.ts';
import type { PackRetirement } from './pack-retirement.ts';
import type { SnapshotChain } from './snapshot-chain.ts';

interface Components {
  readonly catalogue: Catalogue;
  readonly chain: SnapshotChain;
  readonly identity: Identity;
  readonly peers: PeerBook;
  readonly keyOf: KeyLookup;
  readonly early: EarlyFetch;
  readonly retirement: Pick<PackRetirement, 'run'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Init {
  /** Bytes that one session may announce. */
  readonly sizeMax: number;
}

/** An announcement that is rightly signed, and the session as it is known. */
interface Judged {
  readonly dataset: Dataset;
  readonly genesis: Buffer;
  readonly envelope: Buffer;
  readonly decoded: DecodedAnnouncement;
  readonly row: SessionRow | undefined;
}

export class AnnouncementAcceptance implements AnnouncementSink {
  readonly #components: Components;
  readonly #init: Init;
  readonly #stopped = new AbortController();
  readonly #stops: (() => void)[] = [];
  /** One thing after another: each is judged by what the one before left. */
  #queue: Promise<unknown> = Promise.resolve();
  #checking: Promise<void> = Promise.resolve();

  constructor(components: Components, init: Init) {
    this.#components = components;
    this.#init = init;
  }

  /** For the start of a daemon, before packs are removed: forgets what is over. */
  recover(): Promise<void> {
    return this.#inTurn(async () => {
      for (const row of await this.#sessions()) await this.#dropIfOver(row);
    });
  }

  /** Goes on with what was announced before a restart, and looks for what is over. */
  async start(): Promise<void> {
    const { early, peers } = this.#components;
    for (const pack of await this.packs()) early.begin(pack);
    this.#stops.push(peers.onChange(() => this.#watch(this.recover())));
    this.#checking = this.#check();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    for (const stop of this.#stops) stop();
    await this.#checking;
    await this.#queue;
    await this.#components.early.stop();
  }

  announce(peer: SiteId, announcement: PackAnnouncement): Promise<AnnouncementAnswer> {
    return this.#inTurn(() => this.#announce(peer, announcement));
  }

  /**
   * A manifest became the head: what it names of the session is its own from now on. The space held
   * for announced packs is free when this resolves. Never rejects.
   */
  async settle(dataset: Dataset): Promise<void> {
    await this.#components.early.end(dataset.id).catch(() => undefined);
    this.#watch(
      this.#inTurn(async () => {
        const row = await this.#components.catalogue.sessions.get(dataset.id);
        if (row !== undefined) await this.#dropIfOver(row);
      }),
    );
  }

  /** Announced by others and not named by a manifest yet. */
  async packs(): Promise<WantedPack[]> {
    const { catalogue, keyOf } = this.#components;
    const packs: WantedPack[] = [];
    for (const row of await this.#sessions()) {
      for (const { value } of await catalogue.announcements.entries(`${row.datasetId}/`)) {
        const { descriptor } = decodeAnnouncement(value.envelope, keyOf).announcement;
        const { packId } = value;
        if (descriptor !== null) packs.push({ packId, descriptor, dataset: datasetOf(row) });
      }
    }
    return packs;
  }

  async #announce(peer: SiteId, content: PackAnnouncement): Promise<AnnouncementAnswer> {
    const judged = await this.#judge(peer, content);
    const { descriptor } = judged.decoded.announcement;
    if (descriptor === null) return this.#end(judged);
    if (!(await this.#isFollowed(judged.dataset))) return 'unwanted';
    await this.#checkPlace(judged);
    if (await this.#isKnown(judged)) return 'taken';
    this.#checkQuota(judged, descriptor);
    await this.#take(judged, descriptor);
    return 'taken';
  }

  /** Whose it is: ERR_SIGNATURE_INVALID, ERR_PEER_UNKNOWN, ERR_RIGHT_MISSING, malformed ones. */
  async #judge(peer: SiteId, content: PackAnnouncement): Promise<Judged> {
    const { catalogue, keyOf, peers } = this.#components;
    const decoded = decodeAnnouncement(content.announcement, keyOf);
    const { announcement, signer } = decoded;
    const { datasetId, genesis } = decodeGenesis(content.genesis, keyOf);
    if (datasetId !== announcement.datasetId) {
      const text = 'announcement and genesis do not belong together';
      throw new ReplicationError('ERR_RECORD_MALFORMED', text);
    }
    const dataset: Dataset = { id: datasetId, name: genesis.name, writer: genesis.firstWriter };
    const isWriter = signer === dataset.writer && peers.allows(signer, 'publish', dataset);
    if (!isWriter) throw noRight(signer, 'publish', dataset);
    // It is for the moment only; passing it on would not make it newer.
    if (peer !== signer) throw noRight(peer, 'publish', dataset);
    const row = await catalogue.sessions.get(datasetId);
    return { dataset, genesis: content.genesis, envelope: content.announcement, decoded, row };
  }

  async #isFollowed({ id, name }: Dataset): Promise<boolean> {
    const follows = await this.#components.catalogue.follows.entries();
    return follows.some(
      ({ value }) =>
        value.datasetId === id ||
        (value.datasetId === null && (value.dataset === name || value.dataset === id)),
    );
  }

  /** It must build on the newest snapshot: ERR_SNAPSHOT_UNKNOWN, ERR_ANNOUNCEMENT_STALE. */
  async #checkPlace({ dataset, decoded }: Judged): Promise<void> {
    const { chain } = this.#components;
    const { epoch, parent } = decoded.announcement;
    const head = await chain.head(dataset.id);
    if (parent === (head?.snapshotId ?? null)) {
      if (epoch >= (head?.epoch ?? 0)) return;
      throw stale(dataset, 'its epoch is over');
    }
    if (parent === null || (await chain.find(dataset.id, parent)) !== undefined) {
      throw stale(dataset, 'its parent is not the newest snapshot');
    }
    throw new ReplicationError(
      'ERR_SNAPSHOT_UNKNOWN',
      `the parent of an announcement of ${dataset.name} is not known here`,
      { datasetId: dataset.id, parent },
    );
  }

  /** Where it stands in its session: ERR_ANNOUNCEMENT_STALE, _FORK, _GAP; true: taken before. */
  async #isKnown(judged: Judged): Promise<boolean> {
    const { dataset, decoded, envelope, row } = judged;
    const { epoch, index, parent, previous } = decoded.announcement;
    if (row === undefined || !isSame(judged)) {
      if (index > 0) throw gap(dataset, index, 0);
      return false;
    }
    if (row.end !== null) throw stale(dataset, 'its session has ended');
    if (index < row.packCount) {
      const key = announcementKey(dataset.id, index);
      const known = await this.#components.catalogue.announcements.get(key);
      if (known?.envelope.equals(envelope) === true) return true;
      throw fork(dataset, index);
    }
    if (index > row.packCount) throw gap(dataset, index, row.packCount);
    const isNext = previous?.equals(row.lastHash) === true;
    if (!isNext || epoch !== row.epoch || parent !== row.parent) throw fork(dataset, index);
    return false;
  }

  #checkQuota(judged: Judged, { size }: PackDescriptor): void {
    const before = isSame(judged) ? (judged.row?.packBytes ?? 0) : 0;
    const { sizeMax } = this.#init;
    if (before + size <= sizeMax) return;
    throw new ReplicationError(
      'ERR_LIMIT_EXCEEDED',
      `${judged.dataset.name} announces more than ${sizeMax} bytes before a manifest`,
      { limit: 'follow.announced_limit', value: before + size },
    );
  }

  async #take(judged: Judged, descriptor: PackDescriptor): Promise<void> {
    const { catalogue, clock, early, logger, retirement } = this.#components;
    const { dataset, decoded, envelope, genesis, row } = judged;
    const { epoch, index, parent, session } = decoded.announcement;
    const isNew = !isSame(judged);
    const packId = packIdOf(descriptor);
    if (isNew && row !== undefined) await early.end(dataset.id);
    await catalogue.write([
      ...(isNew && row !== undefined ? forgetSession(catalogue, row) : []),
      catalogue.announcements.putOp(announcementKey(dataset.id, index), { packId, envelope }),
      catalogue.sessions.putOp(dataset.id, {
        ...{ datasetId: dataset.id, name: dataset.name, writer: dataset.writer, genesis },
        ...{ session, epoch, parent, packCount: index + 1, end: null },
        packBytes: (isNew ? 0 : (row?.packBytes ?? 0)) + descriptor.size,
        lastHash: decoded.hash,
        changedMs: clock.now(),
      }),
    ]);
    // Before packs of the old session are fetched for the new one.
    if (isNew && row !== undefined) await retirement.run(dataset);
    logger.debug('pack announced', { dataset: dataset.name, packId, index });
    early.begin({ packId, descriptor, dataset });
  }

  /** The end counts even when announcements before it are missing: they do not matter any more. */
  async #end(judged: Judged): Promise<AnnouncementAnswer> {
    const { catalogue, clock, early, logger, retirement } = this.#components;
    const { dataset, envelope, row } = judged;
    if (row === undefined || !isSame(judged)) return 'unwanted';
    if (row.end !== null) return 'taken';
    await early.end(dataset.id);
    await catalogue.write([
      ...forgetSession(catalogue, row),
      // Kept, so that the session cannot be played back.
      catalogue.sessions.putOp(dataset.id, {
        ...row,
        ...{ packCount: 0, packBytes: 0, end: envelope, changedMs: clock.now() },
      }),
    ]);
    logger.info('announced packs dropped', { dataset: dataset.name, packs: row.packCount });
    await retirement.run(dataset);
    return 'taken';
  }

  async #dropIfOver(row: SessionRow): Promise<void> {
    const { catalogue, chain, clock, early, logger, peers, retirement } = this.#components;
    const dataset = datasetOf(row);
    const head = await chain.head(row.datasetId);
    const isSettled = (head?.snapshotId ?? null) !== row.parent;
    const isSilent = clock.now() - row.changedMs > ANNOUNCED_GRACE_MS;
    const isAllowed = peers.allows(row.writer, 'publish', dataset);
    if (!isSettled && !isSilent && isAllowed) return;
    await early.end(row.datasetId);
    await catalogue.write(forgetSession(catalogue, row));
    if (isSettled) return;
    if (row.end === null) {
      const { name, packCount: packs } = row;
      logger.info('announced packs dropped', { dataset: name, packs });
    }
    await retirement.run(dataset);
  }

  /** Of other sites; own ones are the journals of publishes. */
  async #sessions(): Promise<SessionRow[]> {
    const { catalogue, identity } = this.#components;
    const rows = await catalogue.sessions.entries();
    return rows.map(({ value }) => value).filter(({ writer }) => writer !== identity.siteId);
  }

  async #check(): Promise<void> {
    const { signal } = this.#stopped;
    for (;;) {
      try {
        await this.#components.clock.sleep(ANNOUNCED_CHECK_INTERVAL_MS, signal);
      } catch {
        return;
      }
      await this.recover().catch((error: unknown) => this.#warn(error));
    }
  }

  #watch(work: Promise<void>): void {
    work.catch((error: unknown) => this.#warn(error));
  }

  #warn(error: unknown): void {
    if (this.#stopped.signal.aborted) return;
    const reason = messageOf(error);
    this.#components.logger.warn('announced packs not looked at', { reason });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#queue.then(work);
    this.#queue = done.catch(() => undefined);
    return done;
  }
}

/** Of the session that is known here. */
function isSame({ decoded, row }: Judged): boolean {
  return row?.session.equals(decoded.announcement.session) === true;
}

function stale(dataset: Dataset, reason: string): ReplicationError {
  return new ReplicationError(
    'ERR_ANNOUNCEMENT_STALE',
    `an announcement of ${dataset.name} comes too late: ${reason}`,
    { datasetId: dataset.id },
  );
}

function fork(dataset: Dataset, index: number): ReplicationError {
  return new ReplicationError(
    'ERR_ANNOUNCEMENT_FORK',
    `announcement ${index} of ${dataset.name} contradicts its session`,
    { datasetId: dataset.id, index },
  );
}

function gap(dataset: Dataset, index: number, wanted: number): ReplicationError {
  return new ReplicationError(
    'ERR_ANNOUNCEMENT_GAP',
    `announcement ${index} of ${dataset.name} came, ${wanted} is the next`,
    { datasetId: dataset.id, index, wanted },
  );
}
