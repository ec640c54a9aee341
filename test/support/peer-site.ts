// SPDX-License-Identifier: GPL-2.0-or-later
// A site as its peers see it: identity, peer book, push server and client on a loopback port, with
// a sink that records what came.
import { createServer, type AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { systemClock, type Clock } from '../../src/base/clock.ts';
import { createLogger, type Logger } from '../../src/base/logger.ts';
import type { SiteId, SnapshotId } from '../../src/dataset/ids.ts';
import { Identity } from '../../src/peers/identity.ts';
import { Outbox, type ManifestSource, type StoredItem } from '../../src/peers/outbox.ts';
import { PeerBook, type PeerRights, type StoredPeer } from '../../src/peers/peer-book.ts';
import { PushClient } from '../../src/peers/push-client.ts';
import { PushServer } from '../../src/peers/push-server.ts';
import type {
  AnnouncementAnswer,
  AnnouncementSink,
  ManifestSink,
  Offer,
  PackAnnouncement,
} from '../../src/peers/routes.ts';
import { LINK_TIMES, SERVER_TIMES, type ServerTimes } from '../../src/peers/times.ts';
import { MemoryKeyFiles, MemoryTable } from './memory-tables.ts';

export const ALL_RIGHTS: PeerRights[] = [{ dataset: '*', publish: true, read: true, relay: true }];

/** Pauses of the system clock, a twentieth as long. */
export const hastyClock: Clock = {
  ...systemClock,
  sleep: (durationMs, signal) => systemClock.sleep(durationMs / 20, signal),
  monotonicMs: () => systemClock.monotonicMs() * 20,
};

/** Answers as told, and remembers everything. */
export class RecordingSink implements ManifestSink, AnnouncementSink {
  readonly offers: { peer: SiteId; offer: Offer }[] = [];
  readonly bodies: { peer: SiteId; snapshotId: SnapshotId; body: Buffer }[] = [];
  readonly receipts: { peer: SiteId; receipt: Buffer }[] = [];
  readonly announcements: { peer: SiteId; announcement: PackAnnouncement }[] = [];
  answer: 'have' | 'want' = 'want';
  wantedSize: number | undefined;
  failure: Error | undefined;

  offer(peer: SiteId, offer: Offer): Promise<'have' | 'want'> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    this.offers.push({ peer, offer });
    return Promise.resolve(this.answer);
  }

  bodySize(): Promise<number | undefined> {
    return Promise.resolve(this.wantedSize);
  }

  accept(peer: SiteId, snapshotId: SnapshotId, body: Buffer): Promise<void> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    this.bodies.push({ peer, snapshotId, body });
    return Promise.resolve();
  }

  announce(peer: SiteId, announcement: PackAnnouncement): Promise<AnnouncementAnswer> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    this.announcements.push({ peer, announcement });
    return Promise.resolve('taken');
  }

  receipt(peer: SiteId, receipt: Buffer): Promise<void> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    this.receipts.push({ peer, receipt });
    return Promise.resolve();
  }
}

export interface PeerSiteInit {
  readonly name: string;
  readonly clock?: Clock;
  /** Port that the site record names; where it listens when left out. */
  readonly port?: number;
}

/** A port that nobody listens on at this moment. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

let ed2kPort = 20_000;

export class PeerSite {
  readonly logger: Logger = createLogger({ level: 'debug' });
  readonly sink = new RecordingSink();
  readonly outboxTable = new MemoryTable<StoredItem>();
  readonly identity: Identity;
  readonly peers: PeerBook;
  readonly listenPort: number;
  readonly clock: Clock;
  /** Changes of the times of the next server. */
  serverTimes: Partial<ServerTimes> = {};
  server: PushServer;
  client: PushClient;

  private constructor(identity: Identity, peers: PeerBook, listenPort: number, clock: Clock) {
    this.identity = identity;
    this.peers = peers;
    this.listenPort = listenPort;
    this.clock = clock;
    this.server = this.#newServer();
    this.client = this.#newClient();
  }

  /** Makes the site; it neither listens nor connects yet. Both end with the test. */
  static async create(context: TestContext, init: PeerSiteInit): Promise<PeerSite> {
    const listenPort = await freePort();
    ed2kPort += 1;
    const identity = await Identity.create(
      { files: new MemoryKeyFiles() },
      {
        name: init.name,
        host: '127.0.0.1',
        port: init.port ?? listenPort,
        ed2kHost: '127.0.0.1',
        ed2kPort,
      },
    );
    const peers = await PeerBook.load({
      store: new MemoryTable<StoredPeer>(),
      clock: systemClock,
      own: identity.siteId,
    });
    const site = new PeerSite(identity, peers, listenPort, init.clock ?? systemClock);
    context.after(async () => {
      site.client.stop();
      await site.server.stop();
    });
    return site;
  }

  get siteId(): SiteId {
    return this.identity.siteId;
  }

  /** Ends the server and listens again, as after a restart of the daemon. */
  async restartServer(): Promise<void> {
    await this.server.stop();
    this.server = this.#newServer();
    await this.server.start();
  }

  /** Ends all links and makes new ones. */
  restartClient(): void {
    this.client.stop();
    this.client = this.#newClient();
    this.client.start();
  }

  newOutbox(source: ManifestSource): Outbox {
    return new Outbox({
      store: this.outboxTable,
      client: this.client,
      source,
      logger: this.logger,
      clock: this.clock,
    });
  }

  #newServer(): PushServer {
    const { identity, peers, sink, logger } = this;
    return new PushServer(
      { identity, peers, sink, announcements: sink, logger },
      {
        host: '127.0.0.1',
        port: this.listenPort,
        times: {
          ...SERVER_TIMES,
          handshakeMs: 400,
          requestIdleMs: 300,
          requestTotalMs: 1_000,
          ...this.serverTimes,
        },
      },
    );
  }

  #newClient(): PushClient {
    const { identity, peers, logger, clock } = this;
    const times = { ...LINK_TIMES, pingIntervalMs: 100, pingTimeoutMs: 400 };
    return new PushClient({ identity, peers, logger, clock, times });
  }
}

/** Each knows the other, with all rights. */
export async function introduce(a: PeerSite, b: PeerSite): Promise<void> {
  await a.peers.add(b.identity.card, ALL_RIGHTS);
  await b.peers.add(a.identity.card, ALL_RIGHTS);
}

/** Resolves when the link of from to to has that state. */
export async function linkState(
  from: PeerSite,
  to: SiteId,
  state: 'connected' | 'unreachable' | 'connecting',
): Promise<void> {
  if (from.client.state(to) === state) return;
  await new Promise<void>((resolve) => {
    const stop = from.client.onState((change) => {
      if (change.siteId !== to || change.state !== state) return;
      stop();
      resolve();
    });
  });
}

/** Two sites that know each other; a's link to b is up. */
export async function connectedPair(context: TestContext): Promise<[PeerSite, PeerSite]> {
  const a = await PeerSite.create(context, { name: 'a', clock: hastyClock });
  const b = await PeerSite.create(context, { name: 'b', clock: hastyClock });
  await introduce(a, b);
  await b.server.start();
  a.client.start();
  await linkState(a, b.siteId, 'connected');
  return [a, b];
}
