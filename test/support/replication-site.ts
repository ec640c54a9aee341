// SPDX-License-Identifier: GPL-2.0-or-later
// A site without network: home, catalogue, keys and everything of replication, for tests in one
// process. Its core is a FolderCore.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { systemClock, type Clock } from '../../src/base/clock.ts';
import { createLogger } from '../../src/base/logger.ts';
import { ANNOUNCED_SIZE_MAX } from '../../src/base/limits.ts';
import type { KeyLookup } from '../../src/dataset/envelope.ts';
import { Identity } from '../../src/peers/identity.ts';
import { Outbox } from '../../src/peers/outbox.ts';
import { PeerBook, type PeerRights } from '../../src/peers/peer-book.ts';
import { IndexRebuilder } from '../../src/replication/index-rebuilder.ts';
import { ManifestAcceptance } from '../../src/replication/acceptance.ts';
import { AnnouncementAcceptance } from '../../src/replication/announcement-acceptance.ts';
import { AnnouncementPush } from '../../src/replication/announcement-push.ts';
import { DatasetLocks } from '../../src/replication/dataset-locks.ts';
import {
  DatasetRegistry,
  type Dataset,
  type DatasetParameters,
} from '../../src/replication/dataset-registry.ts';
import { EarlyFetch } from '../../src/replication/early-fetch.ts';
import { FollowService } from '../../src/replication/follow-service.ts';
import { keyRing } from '../../src/replication/key-ring.ts';
import { Maintenance } from '../../src/replication/maintenance.ts';
import { StoredManifests } from '../../src/replication/manifest-source.ts';
import { MergeRebuild } from '../../src/replication/merge-rebuild.ts';
import { PackAnnouncer } from '../../src/replication/pack-announcer.ts';
import { PackExchange } from '../../src/replication/pack-exchange.ts';
import { PackHolds } from '../../src/replication/pack-holds.ts';
import { PackLibrary } from '../../src/replication/pack-library.ts';
import { PackRetirement } from '../../src/replication/pack-retirement.ts';
import { PackSweep } from '../../src/replication/pack-sweep.ts';
import { Publisher, type Published } from '../../src/replication/publisher.ts';
import { ReceiptLedger } from '../../src/replication/receipt-ledger.ts';
import { Restorer } from '../../src/replication/restorer.ts';
import { RetentionService } from '../../src/replication/retention-service.ts';
import { SnapshotChain } from '../../src/replication/snapshot-chain.ts';
import { SnapshotCommit } from '../../src/replication/snapshot-commit.ts';
import { SnapshotCover } from '../../src/replication/snapshot-cover.ts';
import { StampStore } from '../../src/replication/stamp-store.ts';
import { Verifier } from '../../src/replication/verifier.ts';
import { Catalogue } from '../../src/store/catalogue.ts';
import { FeatureStore } from '../../src/store/feature-store.ts';
import { Home } from '../../src/store/home.ts';
import { IndexStore } from '../../src/store/index-store.ts';
import { ManifestStore } from '../../src/store/manifest-store.ts';
import { PackStore } from '../../src/store/pack-store.ts';
import { PrivateFolder } from '../../src/store/private-folder.ts';
import { SecretsStore } from '../../src/store/secrets-store.ts';
import { FolderCore } from './folder-core.ts';
import { ALL_RIGHTS } from './peer-site.ts';
import { temporaryFolder } from './temporary-folder.ts';

let ed2kPort = 30_000;

export interface ReplicationSiteInit {
  readonly name?: string;
  /** Folders of packs that the core finds. */
  readonly packFolders?: readonly string[];
  readonly clock?: Clock;
  /** Of fingerprints of chunks, other than usual. */
  readonly fingerprintBits?: number;
  /** Other than usual, of new data sets. */
  readonly parameters?: Partial<DatasetParameters>;
  /** Bytes that a session of another site may announce here. */
  readonly announcedSizeMax?: number;
  /** Takes what is announced; nobody by default. */
  readonly announceTo?: AnnounceClient;
}

export type AnnounceClient = ConstructorParameters<typeof AnnouncementPush>[0]['client'];

export interface ReplicationSite {
  readonly home: Home;
  readonly catalogue: Catalogue;
  readonly manifests: ManifestStore;
  readonly secrets: SecretsStore;
  readonly packs: PackStore;
  readonly features: FeatureStore;
  readonly index: IndexStore;
  readonly registry: DatasetRegistry;
  readonly chain: SnapshotChain;
  readonly receipts: ReceiptLedger;
  readonly identity: Identity;
  readonly peers: PeerBook;
  readonly keyOf: KeyLookup;
  readonly clock: Clock;
  readonly core: FolderCore;
  readonly exchange: PackExchange;
  readonly source: StoredManifests;
  readonly outbox: Outbox;
  readonly follows: FollowService;
  readonly acceptance: ManifestAcceptance;
  readonly publisher: Publisher;
  readonly announced: AnnouncementAcceptance;
  readonly announcer: PackAnnouncer;
  readonly verifier: Verifier;
  readonly rebuilder: IndexRebuilder;
  readonly cover: SnapshotCover;
  readonly holds: PackHolds;
  readonly retention: RetentionService;
  readonly retirement: PackRetirement;
  readonly maintenance: Maintenance;
  readonly restorer: Restorer;
  /** A folder beside the home. */
  newFolder(name: string): string;
  publish(path: string, dataset?: string): Promise<Published>;
}

/** Makes a site that is gone when the test ends. */
export async function replicationSite(
  t: TestContext,
  init: ReplicationSiteInit = {},
): Promise<ReplicationSite> {
  const folder = temporaryFolder(t);
  const home = await Home.create(join(folder, 'home'));
  const clock = init.clock ?? systemClock;
  const logger = createLogger({ level: 'error' });
  const files = new PrivateFolder(home.identityFolder);
  ed2kPort += 1;
  const address = { host: '127.0.0.1', port: 1, ed2kHost: '127.0.0.1', ed2kPort };
  const identity = await Identity.create({ files }, { name: init.name ?? 'site', ...address });
  const catalogue = await Catalogue.open(home.catalogueFolder);
  const own = identity.siteId;
  const peers = await PeerBook.load({ store: catalogue.peers, clock, own });
  const keyOf = keyRing(identity, peers);
  const manifests = new ManifestStore(home.manifestsFolder);
  const secrets = new SecretsStore(home.datasetsFolder);
  const packs = new PackStore(home.packsFolder);
  const features = new FeatureStore(home.indexFolder);
  const index = new IndexStore(home.indexFolder);
  const registry = await DatasetRegistry.load({ catalogue, secrets, identity, clock });
  const chain = new SnapshotChain({ catalogue, manifests });
  const known = { catalogue, registry, chain, identity, peers, keyOf, clock, logger };
  const receipts = new ReceiptLedger(known);
  const core = new FolderCore(init.packFolders);
  const cover = new SnapshotCover({ ...known, packs });
  const holds = new PackHolds();
  const stores = { manifests, secrets, packs, features, index };
  const site = { ...known, ...stores, home, receipts, core, cover, holds, isOpen: false };
  const exchange = new PackExchange(site);
  const bits = init.fingerprintBits === undefined ? {} : { fingerprintBits: init.fingerprintBits };
  const library = new PackLibrary({ ...site, exchange }, bits);
  const { packsFolder } = home;
  const retirement = new PackRetirement({ ...site, exchange });
  const merges = new MergeRebuild({ ...site, exchange, library }, { packsFolder });
  const source = new StoredManifests(site);
  const client = offlineClient();
  const outbox = new Outbox({ store: catalogue.outbox, client, source, logger, clock });
  const following = { ...site, exchange, library, outbox, merges, retirement };
  const follows = new FollowService(following, { packsFolder });
  const early = new EarlyFetch({ exchange, logger }, { packsFolder });
  const announced = new AnnouncementAcceptance(
    { ...site, early, retirement },
    { sizeMax: init.announcedSizeMax ?? ANNOUNCED_SIZE_MAX },
  );
  const acceptance = new ManifestAcceptance({
    ...site,
    onHead: (dataset) => void announced.settle(dataset).then(() => follows.onHead(dataset)),
  });
  const push = new AnnouncementPush({ ...site, client: init.announceTo ?? client });
  const announcer = new PackAnnouncer({ ...site, exchange, retirement, push });
  const stamps = new StampStore({ folder: home.datasetsFolder });
  const retention = new RetentionService({ ...site, library, retirement });
  const sweep = new PackSweep({ ...site, library, retention });
  const commit = new SnapshotCommit(site);
  const locks = new DatasetLocks();
  const writing = {
    ...site,
    announcer,
    exchange,
    library,
    stamps,
    retention,
    retirement,
    sweep,
    commit,
    locks,
  };
  const publisher = new Publisher(writing, {
    ...{ packsFolder, threads: 2, chunkAverage: 65_536, compressionLevel: 3 },
    ...init.parameters,
    ...bits,
  });
  const distribution = { announce: () => Promise.resolve() };
  const maintenance = new Maintenance({ ...writing, distribution }, { packsFolder });
  const restorer = new Restorer({
    ...{ ...site, library },
    onReleased: (dataset) => void retirement.run(dataset),
  });
  const verifier = new Verifier({ ...site, exchange, library });
  const rebuilder = new IndexRebuilder({ ...site, library });
  await exchange.start();
  push.start();
  t.after(async () => {
    await push.stop();
    await announced.stop();
    await follows.stop();
    await exchange.stop();
    await catalogue.close();
  });
  const newFolder = (name: string): string => {
    const path = join(folder, name);
    mkdirSync(path, { recursive: true });
    return path;
  };
  return {
    ...{ ...site, exchange, source, outbox, follows, acceptance, publisher },
    ...{ announced, announcer },
    ...{ verifier, rebuilder, retention, retirement, maintenance, restorer },
    newFolder,
    publish: (path, dataset = 'files') =>
      publisher.publish({
        folder: path,
        dataset,
        checksum: false,
        signal: new AbortController().signal,
        onProgress: () => undefined,
      }),
  };
}

/** Makes two sites know each other. */
export async function introduce(
  left: ReplicationSite,
  right: ReplicationSite,
  rights: readonly PeerRights[] = ALL_RIGHTS,
): Promise<void> {
  await left.peers.add(right.identity.card, rights);
  await right.peers.add(left.identity.card, rights);
}

/** Hands a published snapshot over, as the outbox and the push server do. */
export async function handOver(
  from: ReplicationSite,
  to: ReplicationSite,
  { row }: { readonly dataset: Dataset; readonly row: Published['row'] },
): Promise<'have' | 'want'> {
  const manifest = await from.source.load(to.identity.siteId, row.snapshotId);
  if (manifest === undefined) throw new Error('the snapshot is not for this peer');
  const answer = await to.acceptance.offer(from.identity.siteId, manifest);
  if (answer === 'want') {
    const body = await manifest.body();
    await to.acceptance.accept(from.identity.siteId, row.snapshotId, body);
  }
  return answer;
}

/** Everybody is out of reach: what is queued stays. */
function offlineClient(): ConstructorParameters<typeof Outbox>[0]['client'] & AnnounceClient {
  const unreachable = (): Promise<never> => Promise.reject(new Error('no network here'));
  return {
    offer: unreachable,
    putBody: unreachable,
    receipt: unreachable,
    announce: unreachable,
    state: () => 'unreachable',
    onState: () => () => undefined,
  };
}
