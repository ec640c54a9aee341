// SPDX-License-Identifier: GPL-2.0-or-later
// Answers what the local API is asked about this site, from the catalogue and, while the daemon
// runs, from what is live.
import type { Core } from '../core/core.ts';
import type { SiteId } from '../dataset/ids.ts';
import { partCount } from '../ed2k/part-arithmetic.ts';
import { PartBitmap } from '../ed2k/part-bitmap.ts';
import type { Identity } from '../peers/identity.ts';
import type { Peer, PeerBook } from '../peers/peer-book.ts';
import type { Catalogue } from '../store/catalogue.ts';
import type { SnapshotRow } from '../store/rows.ts';
import type { AnnouncementAcceptance } from './announcement-acceptance.ts';
import type { Dataset, DatasetRegistry } from './dataset-registry.ts';
import { followView, type FollowService } from './follow-service.ts';
import type { PackExchange } from './pack-exchange.ts';
import { bitmapOf, type PackFetch, type WantedPack } from './pack-fetch.ts';
import type { ReceiptLedger } from './receipt-ledger.ts';
import type {
  DatasetView,
  FollowView,
  PeerView,
  ProblemView,
  ReceiptView,
  SiteView,
  SnapshotView,
  SourceView,
  StatusView,
  TransferView,
  TransfersView,
} from './site-view.ts';
import { snapshotKey, type SnapshotChain } from './snapshot-chain.ts';
import type { SnapshotCover } from './snapshot-cover.ts';

/** What only a running daemon has. */
export interface LiveSite {
  readonly core: Core;
  readonly follows: FollowService;
  readonly exchange: PackExchange;
  readonly announced: Pick<AnnouncementAcceptance, 'packs'>;
  readonly startedMs: number;
  readonly isConnected: (siteId: SiteId) => boolean;
  /** Starts of the core after its first. */
  readonly coreRestarts: () => number;
}

interface Components {
  readonly catalogue: Catalogue;
  readonly registry: DatasetRegistry;
  readonly chain: SnapshotChain;
  readonly cover: SnapshotCover;
  readonly receipts: ReceiptLedger;
  readonly identity: Identity;
  readonly peers: PeerBook;
  readonly live: LiveSite | undefined;
}

export class SiteQueries {
  readonly #components: Components;

  constructor(components: Components) {
    this.#components = components;
  }

  site(): SiteView {
    const { identity } = this.#components;
    const { siteId, name, version, host, port, ed2kHost, ed2kPort } = identity.record;
    const { card } = identity;
    return { siteId, name, card, recordVersion: version, host, port, ed2kHost, ed2kPort };
  }

  async peers(): Promise<PeerView[]> {
    const pending = await this.#pending();
    return this.#components.peers.list().map((peer) => this.#peerView(peer, pending));
  }

  async status(): Promise<StatusView> {
    const { live, registry } = this.#components;
    const pending = await this.#pending();
    const core = await this.#core();
    return {
      site: this.site(),
      daemon:
        live === undefined
          ? { running: false }
          : { running: true, pid: process.pid, startedMs: live.startedMs },
      ...(core === undefined ? {} : { core }),
      peers: this.#components.peers.list().map((peer) => this.#peerView(peer, pending)),
      datasets: await Promise.all(registry.list().map((dataset) => this.#datasetView(dataset))),
      follows: await this.#follows(),
      outbox: [...pending.values()].reduce((sum, count) => sum + count, 0),
    };
  }

  /** Newest first; of one data set, or of all. */
  async snapshots(nameOrId: string | undefined): Promise<SnapshotView[]> {
    const { catalogue, chain, cover, registry } = this.#components;
    const datasets = nameOrId === undefined ? registry.list() : [registry.resolve(nameOrId)];
    const views: SnapshotView[] = [];
    for (const dataset of datasets) {
      const kept = {
        retained: await cover.retained(dataset),
        pins: new Set((await catalogue.pins.entries(`${dataset.id}/`)).map(({ key }) => key)),
      };
      for (const row of await chain.list(dataset.id)) {
        const pinned = kept.pins.has(snapshotKey(dataset.id, row.snapshotId));
        const retained = pinned || kept.retained.has(row.snapshotId);
        views.push({ ...(await this.#snapshotView(dataset, row)), retained, pinned });
      }
    }
    return views;
  }

  async transfers(): Promise<TransfersView> {
    const { chain, live, peers } = this.#components;
    if (live === undefined) return { transfers: [], clients: [] };
    const wanted = live.follows.followers().flatMap((follower) => follower.wanted);
    const announced = await live.announced.packs();
    const transfers = await Promise.all([
      ...wanted.map(async (pack) => {
        const head = await chain.head(pack.dataset.id);
        return this.#transferView(live, pack, head?.snapshotId ?? '');
      }),
      ...announced.map((pack) => this.#transferView(live, pack, '')),
    ]);
    const clients = await live.core.clients().catch(() => []);
    return {
      transfers,
      clients: clients.map(({ client: { host, port }, ...totals }) => ({
        site: peers.byEndPoint(host, port)?.record.name ?? `${host}:${port}`,
        host,
        port,
        ...totals,
      })),
    };
  }

  async #follows(): Promise<FollowView[]> {
    const { catalogue, live } = this.#components;
    if (live !== undefined) return live.follows.views();
    return (await catalogue.follows.entries()).map(({ value }) => followView(value));
  }

  async #core(): Promise<StatusView['core']> {
    const { live } = this.#components;
    if (live === undefined) return undefined;
    const { mode } = live.core;
    const restarts = live.coreRestarts();
    try {
      const { version, port } = await live.core.info();
      return { mode, state: 'running', version, port, restarts };
    } catch {
      const { ed2kPort } = this.#components.identity.record;
      return { mode, state: 'restarting', version: '', port: ed2kPort, restarts };
    }
  }

  #peerView(peer: Peer, pending: ReadonlyMap<SiteId, number>): PeerView {
    const { siteId, record, rights } = peer;
    return {
      siteId,
      name: record.name,
      host: record.host,
      port: record.port,
      ed2kHost: record.ed2kHost,
      ed2kPort: record.ed2kPort,
      recordVersion: record.version,
      connected: this.#components.live?.isConnected(siteId) ?? false,
      rights: rights.map(({ dataset, publish, read, relay }) => ({
        dataset,
        rights: [
          ...(publish ? ['publish'] : []),
          ...(read ? ['read'] : []),
          ...(relay ? ['relay'] : []),
        ],
      })),
      pending: pending.get(siteId) ?? 0,
    };
  }

  /** Messages that wait, by peer. */
  async #pending(): Promise<Map<SiteId, number>> {
    const pending = new Map<SiteId, number>();
    for (const { value } of await this.#components.catalogue.outbox.entries()) {
      pending.set(value.siteId, (pending.get(value.siteId) ?? 0) + 1);
    }
    return pending;
  }

  async #datasetView(dataset: Dataset): Promise<DatasetView> {
    const { catalogue, chain, registry } = this.#components;
    const head = await chain.head(dataset.id);
    const row = head && (await chain.find(dataset.id, head.snapshotId));
    const packs = row === undefined ? 0 : (await chain.packs(row)).size;
    return {
      name: dataset.name,
      datasetId: dataset.id,
      writer: dataset.writer,
      own: registry.isOwn(dataset),
      sequence: head?.sequence ?? 0,
      ...(head === undefined ? {} : { head: head.snapshotId }),
      packs,
      packBytes: row?.packBytes ?? 0,
      forks: (await catalogue.forks.entries(`${dataset.id}/`)).length,
    };
  }

  async #snapshotView(
    dataset: Dataset,
    row: SnapshotRow,
  ): Promise<Omit<SnapshotView, 'retained' | 'pinned'>> {
    const { registry } = this.#components;
    const error = this.#problemOf(row) ?? row.failure ?? undefined;
    return {
      datasetId: dataset.id,
      dataset: dataset.name,
      snapshotId: row.snapshotId,
      epoch: row.epoch,
      sequence: row.sequence,
      kind: row.kind,
      role: registry.isOwn(dataset) ? 'publisher' : 'follower',
      state: stateOf(row),
      createdMs: row.createdMs,
      files: row.fileCount,
      bytes: row.contentBytes,
      packBytes: row.packBytes,
      newPackBytes: row.newPackBytes,
      manifestBytes: row.bodySize,
      fetchedBytes: row.fetchedBytes,
      timesMs: {
        accepted: row.acceptedMs,
        ...(row.fetchStartedMs === null ? {} : { fetchStarted: row.fetchStartedMs }),
        ...(row.fetchCompleteMs === null ? {} : { fetchComplete: row.fetchCompleteMs }),
        ...(row.stagedMs === null ? {} : { staged: row.stagedMs }),
        ...(row.visibleMs === null ? {} : { visible: row.visibleMs }),
      },
      receipts: await this.#receipts(row),
      ...(error === undefined ? {} : { error }),
    };
  }

  /** What keeps a snapshot in work from going on. */
  #problemOf(row: SnapshotRow): ProblemView | undefined {
    const follower = this.#components.live?.follows
      .followers()
      .find(({ target }) => target?.snapshotId === row.snapshotId);
    const problem = follower?.problem;
    return problem && { code: problem.code, message: problem.message };
  }

  async #receipts(row: SnapshotRow): Promise<ReceiptView[]> {
    const { identity, peers, receipts } = this.#components;
    return (await receipts.of(row.snapshotId)).map(({ siteId, state, atMs }) => ({
      site:
        siteId === identity.siteId
          ? identity.record.name
          : (peers.get(siteId)?.record.name ?? siteId),
      siteId,
      state,
      atMs,
    }));
  }

  async #transferView(live: LiveSite, pack: WantedPack, snapshotId: string): Promise<TransferView> {
    const { catalogue } = this.#components;
    const { descriptor, dataset, packId } = pack;
    const fileHash = descriptor.fileHash.toString('hex');
    const parts = partCount(descriptor.size);
    const fetch = live.exchange.fetches().find((each) => each.packId === packId);
    const row = await catalogue.packs.get(packId);
    const isHere = row?.state === 'complete';
    const known = isHere ? PartBitmap.full(parts) : bitmapOf(descriptor, row);
    const verified = fetch?.verified ?? known ?? PartBitmap.empty(parts);
    return {
      dataset: dataset.name,
      snapshotId,
      packId,
      fileHash,
      state: isHere ? 'complete' : stateOfFetch(fetch),
      size: descriptor.size,
      bytesDone: isHere ? descriptor.size : (fetch?.bytesDone ?? 0),
      partCount: parts,
      verifiedParts: verified.count,
      verified: verified.toHex(),
      rate: fetch?.state?.rate ?? 0,
      sources: fetch === undefined ? [] : await this.#sources(live, fileHash),
    };
  }

  async #sources(live: LiveSite, fileHash: string): Promise<SourceView[]> {
    const { peers } = this.#components;
    const sources = await live.core.sources(fileHash).catch(() => []);
    return sources.map(({ source: { host, port }, state, bytesDown, rate, partsDown }) => ({
      site: peers.byEndPoint(host, port)?.record.name ?? `${host}:${port}`,
      state,
      bytesDown,
      rate,
      partsDown,
    }));
  }
}

function stateOfFetch(fetch: PackFetch | undefined): string {
  return fetch?.problem?.code ?? fetch?.state?.state ?? 'waiting';
}

function stateOf(row: SnapshotRow): SnapshotView['state'] {
  switch (row.state) {
    case 'accepted':
      return 'offered';
    case 'superseded':
      return 'visible';
    case 'fetching':
      return row.fetchCompleteMs === null ? 'fetching' : 'recomposing';
    case 'staged':
    case 'visible':
    case 'failed':
      return row.state;
  }
}
