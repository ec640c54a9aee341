// SPDX-License-Identifier: GPL-2.0-or-later
// The composition root: everything is made here, in order, once; the way to the core in
// assemble-core.ts. Nobody else constructs a service.
import { join } from 'node:path';
import { systemClock, type Clock } from '../base/clock.ts';
import { ReplicationError, hasCode } from '../base/errors.ts';
import { HOME_LOCK_RETRY_MS, HOME_LOCK_WAIT_MS } from '../base/limits.ts';
import { createLogger, type Logger } from '../base/logger.ts';
import { ControlClient } from '../control/client.ts';
import { formatConfig, parseConfig, type Config, type ConfigValues } from '../control/config.ts';
import { controlRoutes } from '../control/routes.ts';
import { ControlServer, type Route } from '../control/server.ts';
import { ControlCore } from '../core/control-core.ts';
import type { KeyLookup } from '../dataset/envelope.ts';
import { Identity, type SiteAddress } from '../peers/identity.ts';
import { Outbox } from '../peers/outbox.ts';
import { PeerBook } from '../peers/peer-book.ts';
import { PushClient } from '../peers/push-client.ts';
import { PushServer } from '../peers/push-server.ts';
import { ManifestAcceptance } from '../replication/acceptance.ts';
import { AnnouncementAcceptance } from '../replication/announcement-acceptance.ts';
import { AnnouncementPush } from '../replication/announcement-push.ts';
import { DatasetLocks } from '../replication/dataset-locks.ts';
import { DatasetRegistry } from '../replication/dataset-registry.ts';
import { Distribution } from '../replication/distribution.ts';
import { EarlyFetch } from '../replication/early-fetch.ts';
import { FollowService } from '../replication/follow-service.ts';
import { sweepHome } from '../replication/home-sweep.ts';
import { keyRing } from '../replication/key-ring.ts';
import { IndexRebuilder } from '../replication/index-rebuilder.ts';
import { LinkService } from '../replication/link-service.ts';
import { Maintenance } from '../replication/maintenance.ts';
import { StoredManifests } from '../replication/manifest-source.ts';
import { MergeRebuild } from '../replication/merge-rebuild.ts';
import { PackAnnouncer } from '../replication/pack-announcer.ts';
import { PackExchange } from '../replication/pack-exchange.ts';
import { PackHolds } from '../replication/pack-holds.ts';
import { PackLibrary } from '../replication/pack-library.ts';
import { PackRetirement } from '../replication/pack-retirement.ts';
import { PackSweep } from '../replication/pack-sweep.ts';
import { PeerAdmin } from '../replication/peer-admin.ts';
import { PublishService } from '../replication/publish-service.ts';
import { Publisher } from '../replication/publisher.ts';
import { ReceiptLedger } from '../replication/receipt-ledger.ts';
import { RetentionService } from '../replication/retention-service.ts';
import { SiteQueries } from '../replication/site-queries.ts';
import type { SiteView } from '../replication/site-view.ts';
import { Restorer } from '../replication/restorer.ts';
import { SnapshotChain } from '../replication/snapshot-chain.ts';
import { SnapshotCommit } from '../replication/snapshot-commit.ts';
import { SnapshotCover } from '../replication/snapshot-cover.ts';
import { StampStore } from '../replication/stamp-store.ts';
import { Verifier } from '../replication/verifier.ts';
import { Waiter } from '../replication/waiter.ts';
import { Catalogue } from '../store/catalogue.ts';
import { readBounded, writeAtomic } from '../store/atomic-file.ts';
import { Home } from '../store/home.ts';
import { IndexStore } from '../store/index-store.ts';
import { FeatureStore } from '../store/feature-store.ts';
import { ManifestStore } from '../store/manifest-store.ts';
import { PackStore } from '../store/pack-store.ts';
import { PrivateFolder } from '../store/private-folder.ts';
import { SecretsStore } from '../store/secrets-store.ts';
import { transportOf } from './assemble-core.ts';

/** A config is a few KB; more is no config. */
const CONFIG_SIZE_MAX = 1_048_576;
const GiB = 1024 ** 3;

/** Makes a home with keys and config. ERR_HOME_EXISTS, ERR_CONFIG_INVALID. */
export async function createSite(homePath: string, values: ConfigValues): Promise<SiteView> {
  const source = formatConfig(values);
  const config = parseConfig(source, 'config.toml');
  const home = await Home.create(homePath);
  await writeAtomic(home.configFile, Buffer.from(source));
  const files = new PrivateFolder(home.identityFolder);
  const identity = await Identity.create({ files }, addressOf(config));
  const catalogue = await Catalogue.open(home.catalogueFolder);
  await catalogue.close();
  const { siteId, record, card } = identity;
  const { name, version, host, port, ed2kHost, ed2kPort } = record;
  return { siteId, name, card, recordVersion: version, host, port, ed2kHost, ed2kPort };
}

/** What every process that opens a home needs; with the lock of the home. */
interface Site {
  readonly home: Home;
  readonly config: Config;
  readonly logger: Logger;
  readonly catalogue: Catalogue;
  readonly identity: Identity;
  readonly peers: PeerBook;
  readonly keyOf: KeyLookup;
  readonly manifests: ManifestStore;
  readonly secrets: SecretsStore;
  readonly packs: PackStore;
  readonly features: FeatureStore;
  readonly index: IndexStore;
  readonly registry: DatasetRegistry;
  readonly chain: SnapshotChain;
  readonly receipts: ReceiptLedger;
  readonly cover: SnapshotCover;
  readonly holds: PackHolds;
}

async function openSite(home: Home, config: Config, logger: Logger): Promise<Site> {
  const files = new PrivateFolder(home.identityFolder);
  const identity = await Identity.load({ files });
  const catalogue = await Catalogue.open(home.catalogueFolder);
  try {
    const own = identity.siteId;
    const clock = systemClock;
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
    const cover = new SnapshotCover({ ...known, packs });
    const holds = new PackHolds();
    const stores = { manifests, secrets, packs, features, index };
    return { ...known, ...stores, home, config, receipts, cover, holds };
  } catch (error) {
    await catalogue.close();
    throw error;
  }
}

/** Runs work with the routes that need no daemon, on the home itself, and closes it. */
export async function withOfflineRoutes<T>(
  homePath: string,
  work: (routes: readonly Route[]) => Promise<T>,
): Promise<T> {
  const home = await Home.open(homePath);
  const config = await readConfig(home);
  const site = await openSite(home, config, createLogger({ level: 'error' }));
  try {
    const library = new PackLibrary({ ...site, exchange: undefined });
    const parts = { ...site, library, clock: systemClock };
    return await work(
      controlRoutes({
        restorer: new Restorer({ ...parts, onReleased: () => undefined }),
        retention: new RetentionService({ ...parts, retirement: undefined }),
        queries: new SiteQueries({ ...site, live: undefined }),
        admin: new PeerAdmin({ peers: site.peers, outbox: site.catalogue.outbox }),
        verifier: new Verifier({ ...site, library, exchange: undefined }),
        index: new IndexRebuilder({ ...site, library }),
        links: new LinkService(site),
      }),
    );
  } finally {
    await site.catalogue.close();
  }
}

/** A daemon that is up. */
export interface RunningDaemon {
  readonly logger: Logger;
  stop(): Promise<void>;
}

/**
 * Starts everything of a site. When it rejects nothing is left running. ERR_DAEMON_RUNNING,
 * ERR_HOME_INVALID, ERR_CONFIG_INVALID, ERR_PORT_TAKEN, and what the core's start throws.
 */
export async function startDaemon(homePath: string, signal: AbortSignal): Promise<RunningDaemon> {
  const home = await Home.open(homePath);
  const config = await readConfig(home);
  const file = join(home.logFolder, 'muleplexd.log');
  const logger = createLogger({ level: config.log.level, file, console: true });
  const site = await openLocked(home, config, logger, signal);
  const stops: (() => Promise<void> | void)[] = [() => site.catalogue.close()];
  const stop = async (): Promise<void> => {
    for (let next = stops.pop(); next !== undefined; next = stops.pop()) await next();
  };
  try {
    await site.identity.update(addressOf(config));
    await sweepHome(site);
    await startServices(site, stops, signal);
    logger.info('muleplexd is up', { site: site.identity.siteId, home: home.root });
    return { logger, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Waits for commands that have the home open, not for another daemon. */
async function openLocked(
  home: Home,
  config: Config,
  logger: Logger,
  signal: AbortSignal,
): Promise<Site> {
  const deadlineMs = systemClock.monotonicMs() + HOME_LOCK_WAIT_MS;
  for (;;) {
    try {
      return await openSite(home, config, logger);
    } catch (error) {
      if (!hasCode(error, 'ERR_CATALOGUE_LOCKED')) throw error;
      const isLate = systemClock.monotonicMs() > deadlineMs;
      if (isLate || (await isServed(home.controlSocket))) {
        throw new ReplicationError(
          'ERR_DAEMON_RUNNING',
          `another process uses home ${home.root}`,
          { path: home.root },
          error,
        );
      }
    }
    await systemClock.sleep(HOME_LOCK_RETRY_MS, signal);
  }
}

/** True when a daemon answers there. */
async function isServed(socketPath: string): Promise<boolean> {
  try {
    await new ControlClient({ socketPath }).call('GET', '/v1/site');
    return true;
  } catch (error) {
    return !hasCode(error, 'ERR_DAEMON_ABSENT');
  }
}

/** In the order in which each needs the ones before; stops gets what ends them. */
async function startServices(
  site: Site,
  stops: (() => Promise<void> | void)[],
  signal: AbortSignal,
): Promise<void> {
  const { catalogue, config, home, identity, logger, peers } = site;
  const clock = systemClock;
  const startedMs = clock.now();
  const core = new ControlCore({ transport: await transportOf(site), clock, log: logger });
  stops.push(() => core.stop());
  let coreRestarts = 0;
  core.onRestart(() => (coreRestarts += 1));
  await core.start(signal);

  const exchange = new PackExchange({ ...site, core, clock, isOpen: config.core.isOpen });
  stops.push(() => exchange.stop());
  await exchange.start();

  const client = new PushClient({ identity, peers, logger, clock });
  const source = new StoredManifests(site);
  const outbox = new Outbox({ store: catalogue.outbox, client, source, logger, clock });
  const library = new PackLibrary({ ...site, exchange });
  const { packsFolder } = home;
  const retirement = new PackRetirement({ ...site, exchange });
  const merges = new MergeRebuild({ ...site, library, exchange }, { packsFolder });
  const replication = { ...site, library, exchange, merges, retirement, outbox, clock };
  const follows = new FollowService(replication, { packsFolder });
  const parts = { exchange, retirement, client, clock };
  const { announced, announcer, push } = announcingOf(site, parts);
  const acceptance = new ManifestAcceptance({
    ...site,
    clock,
    onHead: (dataset) => void announced.settle(dataset).then(() => follows.onHead(dataset)),
  });
  const server = new PushServer(
    { identity, peers, sink: acceptance, announcements: announced, logger },
    { host: config.control.listen, port: config.control.port },
  );
  server.onContact((siteId) => client.kick(siteId));
  const distribution = new Distribution({ ...site, outbox });

  await announcer.recover();
  await announced.recover();
  await retirement.runAll();
  for (const service of [follows, announced, server, client, push, outbox, distribution]) {
    stops.push(() => service.stop());
    await service.start();
  }

  const made = { announcer, exchange, library, retirement, distribution, clock };
  const writing = writersOf(site, made);
  const waiter = new Waiter({ ...site, clock });
  const publish = new PublishService({ ...replication, ...writing, distribution, waiter });
  const isConnected = (siteId: Parameters<typeof client.state>[0]): boolean =>
    client.state(siteId) === 'connected';
  const running = { core, follows, exchange, announced, startedMs, isConnected };
  const queries = new SiteQueries({
    ...site,
    live: { ...running, coreRestarts: () => coreRestarts },
  });
  const routes = controlRoutes({
    queries,
    admin: new PeerAdmin({ peers, outbox: catalogue.outbox }),
    verifier: new Verifier({ ...site, library, exchange }),
    index: new IndexRebuilder({ ...site, library }),
    links: new LinkService(site),
    restorer: new Restorer({ ...replication, onReleased: (each) => void retirement.run(each) }),
    retention: writing.retention,
    live: { core, publish, follows, maintenance: writing.maintenance },
  });
  const control = new ControlServer({ logger, routes }, { socketPath: home.controlSocket });
  stops.push(() => control.stop());
  await control.start();
}

/** What announces packs of this site, and takes announcements of others. */
function announcingOf(
  site: Site,
  made: {
    readonly exchange: PackExchange;
    readonly retirement: PackRetirement;
    readonly client: PushClient;
    readonly clock: Clock;
  },
): {
  readonly announced: AnnouncementAcceptance;
  readonly announcer: PackAnnouncer;
  readonly push: AnnouncementPush;
} {
  const { config, home } = site;
  const parts = { ...site, ...made };
  const { packsFolder } = home;
  const early = new EarlyFetch(parts, { packsFolder });
  const sizeMax = config.follow.announcedLimit * GiB;
  const push = new AnnouncementPush(parts);
  return {
    announced: new AnnouncementAcceptance({ ...parts, early }, { sizeMax }),
    announcer: new PackAnnouncer({ ...parts, push }),
    push,
  };
}

/** What makes manifests of this site. */
function writersOf(
  site: Site,
  made: {
    readonly announcer: PackAnnouncer;
    readonly exchange: PackExchange;
    readonly library: PackLibrary;
    readonly retirement: PackRetirement;
    readonly distribution: Distribution;
    readonly clock: Clock;
  },
): {
  readonly publisher: Publisher;
  readonly maintenance: Maintenance;
  readonly retention: RetentionService;
} {
  const { config, home } = site;
  const { packsFolder } = home;
  const parts = { ...site, ...made };
  const stamps = new StampStore({ folder: home.datasetsFolder });
  const retention = new RetentionService(parts);
  const sweep = new PackSweep({ ...parts, retention });
  const commit = new SnapshotCommit(parts);
  const writing = { ...parts, stamps, retention, sweep, commit, locks: new DatasetLocks() };
  return {
    publisher: new Publisher(writing, { ...config.ingest, packsFolder }),
    maintenance: new Maintenance(writing, { packsFolder }),
    retention,
  };
}

async function readConfig(home: Home): Promise<Config> {
  const source = await readBounded(home.configFile, CONFIG_SIZE_MAX);
  if (source !== undefined) return parseConfig(source.toString('utf8'), home.configFile);
  throw new ReplicationError('ERR_CONFIG_INVALID', `${home.configFile} is absent`, {
    path: home.configFile,
  });
}

function addressOf({ site, control, ed2k }: Config): SiteAddress {
  return {
    name: site.name,
    host: control.address,
    port: control.port,
    ed2kHost: ed2k.address,
    ed2kPort: ed2k.port,
  };
}
