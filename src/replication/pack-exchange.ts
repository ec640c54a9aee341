// SPDX-License-Identifier: GPL-2.0-or-later
// Between packs and the core: offers complete packs, fetches wanted ones, and brings a core that
// was restarted back to where it was. The catalogue knows at any time which parts of which pack are
// here.
import type { Clock } from '../base/clock.ts';
import { ReplicationError, hasCode, messageOf } from '../base/errors.ts';
import { FETCH_POLL_INTERVAL_MS } from '../base/limits.ts';
import type { Logger } from '../base/logger.ts';
import type { Core, CoreEvent, EndPoint } from '../core/core.ts';
import { Listeners } from '../core/listeners.ts';
import { decodeDescriptor } from '../dataset/descriptor.ts';
import { planFetch } from '../dataset/fetch-plan.ts';
import type { PackId } from '../dataset/ids.ts';
import { PART_SIZE } from '../ed2k/constants.ts';
import { partCount } from '../ed2k/part-arithmetic.ts';
import { PartBitmap } from '../ed2k/part-bitmap.ts';
import { verifyParts } from '../native/file-hasher.ts';
import type { Catalogue } from '../store/catalogue.ts';
import type { PackStore } from '../store/pack-store.ts';
import type { PackRow } from '../store/rows.ts';
import { coreTrust, type TrustComponents } from './core-trust.ts';
import type { Dataset } from './dataset-registry.ts';
import {
  PackFetch,
  bitmapOf,
  completeRow,
  fetchingRow,
  partUnavailable,
  sharedPack,
  type WantedPack,
} from './pack-fetch.ts';
import { abortOf, ignoreUnknown, isAway, toError } from './request-errors.ts';
import type { PackMap } from './snapshot-chain.ts';

interface Components extends TrustComponents {
  readonly core: Core;
  readonly catalogue: Catalogue;
  readonly packs: PackStore;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface MissingPack extends WantedPack {
  /** Of parts that are verified. */
  readonly bytesHere: number;
}

export class PackExchange {
  readonly #components: Components;
  readonly #logger: Logger;
  /** By file hash. */
  readonly #fetches = new Map<string, PackFetch>();
  readonly #changes: Listeners<PackFetch>;
  readonly #stopped = new AbortController();
  readonly #stops: (() => void)[] = [];
  #polling: Promise<void> | undefined;
  #saving: Promise<void> = Promise.resolve();

  constructor(components: Components) {
    this.#components = components;
    this.#logger = components.logger.child({ component: 'packs' });
    this.#changes = new Listeners(this.#logger);
  }

  /** Tells the core whom to trust and what to share, and listens. The core has started. */
  async start(): Promise<void> {
    const { core, peers } = this.#components;
    this.#stops.push(
      core.onEvent((event) => this.#onEvent(event)),
      core.onRestart(() => this.#watch(this.#reconcile())),
      peers.onChange(() => this.#watch(this.#onPeerChange())),
    );
    await this.#reconcile();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    for (const stop of this.#stops) stop();
    for (const fetch of this.#fetches.values()) fetch.fail(this.#stopped.signal.reason);
    await this.#polling;
    await this.#save();
  }

  /** Packs on their way here. */
  fetches(): PackFetch[] {
    return [...this.#fetches.values()];
  }

  /** Called when parts came, or a problem came or went. */
  onChange(listener: (fetch: PackFetch) => void): () => void {
    return this.#changes.add(listener);
  }

  /** Offers complete packs to peers. While the core is away that is made up for later. */
  async share(packs: readonly Pick<WantedPack, 'packId' | 'descriptor'>[]): Promise<void> {
    if (packs.length === 0) return;
    const shared = packs.map(({ packId, descriptor }) =>
      sharedPack(descriptor, this.#components.packs.path(packId)),
    );
    await this.#tell('share', () => this.#components.core.share(shared));
  }

  /** Those that are not completely here. A pack that is here was verified when it came. */
  async missing(dataset: Dataset, packs: PackMap): Promise<MissingPack[]> {
    const rows = new Map<PackId, PackRow | undefined>();
    const here = new Set<PackId>();
    for (const [packId, descriptor] of packs) {
      const row = await this.#components.catalogue.packs.get(packId);
      rows.set(packId, row);
      const isComplete = row?.state === 'complete';
      if (isComplete && (await this.#components.packs.has(packId, descriptor))) here.add(packId);
    }
    const { fetches } = planFetch(packs.values(), (packId) => here.has(packId));
    return fetches.map(({ packId, descriptor }) => {
      const parts = bitmapOf(descriptor, rows.get(packId))?.count ?? 0;
      const bytesHere = Math.min(parts * PART_SIZE, descriptor.size);
      return { packId, descriptor, dataset, bytesHere };
    });
  }

  /** Resolves when all of them are complete and verified; rejects with the signal's reason. */
  async obtain(packs: readonly WantedPack[], signal: AbortSignal): Promise<void> {
    const { catalogue } = this.#components;
    const rows = await Promise.all(packs.map(({ packId }) => catalogue.packs.get(packId)));
    const added: PackFetch[] = [];
    const fetches = packs.map((pack, index) => {
      const known = this.#fetches.get(pack.descriptor.fileHash.toString('hex'));
      if (known !== undefined) return known;
      const fetch = this.#add(pack, rows[index]);
      added.push(fetch);
      return fetch;
    });
    for (const fetch of added) await this.#begin(fetch);
    const aborted = abortOf(signal);
    try {
      await Promise.race([Promise.all(fetches.map(({ done }) => done)), aborted.promise]);
    } finally {
      aborted.dispose();
    }
  }

  /**
   * Finds the parts of a pack that are not what they were, by their SHA-256, and fetches them from
   * peers. Resolves with their indexes when the pack is whole again.
   */
  async repair(pack: WantedPack, signal: AbortSignal): Promise<number[]> {
    const { core, packs } = this.#components;
    const { packId, descriptor } = pack;
    const path = packs.path(packId);
    const parts = partCount(descriptor.size);
    const good =
      (await packs.size(packId)) === undefined
        ? PartBitmap.empty(parts)
        : await verifyParts(path, descriptor.size, descriptor.partSha256, { signal });
    const bad = good.missing();
    for (const partIndex of bad) this.#logger.error('part is corrupt', { packId, partIndex, path });
    if (bad.length === 0) return bad;
    await this.#components.catalogue.packs.put(packId, fetchingRow(pack, good));
    await this.#tell('unshare', () => core.unshare([descriptor.fileHash.toString('hex')]));
    await this.obtain([pack], signal);
    this.#logger.info('pack repaired', { packId, parts: bad.length });
    return bad;
  }

  /**
   * Ends everything with a pack and removes its file; whoever waits for it gets ERR_PACK_MISSING.
   * A crash in between leaves a file that no row names, which the next start removes.
   */
  async remove(packId: PackId, row: PackRow): Promise<void> {
    const { catalogue, core, packs } = this.#components;
    const fileHash = decodeDescriptor(row.descriptor).fileHash.toString('hex');
    const fetch = this.#fetches.get(fileHash);
    this.#fetches.delete(fileHash);
    // What is being noted of the pack must not come after this.
    await this.#saving.catch(() => undefined);
    await catalogue.packs.remove(packId);
    if (row.state === 'complete') await this.#tell('unshare', () => core.unshare([fileHash]));
    else await this.#tell('cancel', () => core.cancel(fileHash).catch(ignoreUnknown));
    await packs.remove(packId);
    fetch?.fail(
      new ReplicationError('ERR_PACK_MISSING', `pack ${packId} is not needed any more`, { packId }),
    );
  }

  #add(pack: WantedPack, row: PackRow | undefined): PackFetch {
    const path = this.#components.packs.path(pack.packId);
    const fetch = new PackFetch({ ...pack, path, verified: bitmapOf(pack.descriptor, row) });
    this.#fetches.set(fetch.fileHash, fetch);
    this.#polling ??= this.#poll();
    return fetch;
  }

  async #begin(fetch: PackFetch): Promise<void> {
    try {
      await this.#useWhatIsHere(fetch);
      await this.#components.catalogue.packs.put(fetch.packId, fetchingRow(fetch, fetch.verified));
    } catch (error) {
      this.#fetches.delete(fetch.fileHash);
      fetch.fail(error);
      return;
    }
    if (fetch.verified.isFull && fetch.seedPath === fetch.path) await this.#finish(fetch);
    else await this.#request(fetch);
  }

  /** A file may lie there from before a crash, or be a damaged pack: its good parts are kept. */
  async #useWhatIsHere(fetch: PackFetch): Promise<void> {
    const { packId, descriptor, path } = fetch;
    if ((await this.#components.packs.size(packId)) === undefined) return;
    fetch.verified = await verifyParts(path, descriptor.size, descriptor.partSha256);
    fetch.seedPath = path;
  }

  async #request(fetch: PackFetch): Promise<void> {
    const { core } = this.#components;
    // A part that nobody has stays a problem until it comes: the core says it once.
    if (!hasCode(fetch.problem, 'ERR_PART_UNAVAILABLE')) fetch.problem = undefined;
    try {
      await core.fetch(fetch.request(this.#sourcesOf(fetch.dataset)));
      fetch.seedPath = undefined;
    } catch (error) {
      if (isAway(error)) return;
      if (hasCode(error, 'ERR_CORE_REFUSED') && error.details['reason'] === 'EXISTS') {
        await this.#finish(fetch);
        return;
      }
      this.#setProblem(fetch, toError(error));
    }
  }

  async #finish(fetch: PackFetch): Promise<void> {
    const { catalogue, packs } = this.#components;
    const { packId, descriptor } = fetch;
    if (!(await packs.has(packId, descriptor))) return;
    if (!this.#fetches.delete(fetch.fileHash)) return;
    // What is being noted of the pack must not come after this.
    await this.#saving.catch(() => undefined);
    await catalogue.packs.put(packId, completeRow(fetch));
    await this.share([fetch]);
    this.#logger.info('pack complete', { packId, dataset: fetch.dataset.name });
    fetch.complete();
    this.#changes.emit(fetch);
  }

  #onEvent(event: CoreEvent): void {
    if ('client' in event) {
      if (event.kind === 'clientUp') this.#watch(this.#retryBlocked());
      return;
    }
    const fetch = this.#fetches.get(event.fileHash);
    if (fetch === undefined) return;
    const { packId } = fetch;
    switch (event.kind) {
      case 'partVerified':
        fetch.verified = fetch.verified.with(event.partIndex);
        // A source came that has the part intact.
        if (fetch.problem?.details['partIndex'] === event.partIndex) fetch.problem = undefined;
        this.#changes.emit(fetch);
        return;
      case 'partCorrupt':
        this.#logger.warn('corrupt part received, fetched again', {
          packId,
          partIndex: event.partIndex,
          hash: event.hash,
          from: event.sources.map((source) => this.#nameOf(source)),
        });
        return;
      case 'partUnavailable':
        this.#setProblem(fetch, partUnavailable(fetch, event.partIndex));
        return;
      case 'fileComplete':
        this.#watch(this.#finish(fetch));
        return;
      case 'fileError':
        this.#setProblem(
          fetch,
          new ReplicationError('ERR_CORE_REFUSED', `pack ${packId}: ${event.text}`, { packId }),
        );
    }
  }

  #setProblem(fetch: PackFetch, problem: ReplicationError): void {
    if (fetch.problem?.message !== problem.message) {
      this.#logger.error('pack cannot be fetched', { code: problem.code, reason: problem.message });
    }
    fetch.problem = problem;
    this.#changes.emit(fetch);
  }

  /** A source came: what no source could give may be there now. */
  async #retryBlocked(): Promise<void> {
    for (const fetch of this.fetches()) {
      if (fetch.problem !== undefined) await this.#request(fetch);
    }
  }

  async #onPeerChange(): Promise<void> {
    const { core } = this.#components;
    await this.#tell('trust', () => core.setTrust(coreTrust(this.#components)));
    for (const fetch of this.fetches()) {
      const sources = this.#sourcesOf(fetch.dataset);
      await this.#tell('sources', () => core.addSources(fetch.fileHash, sources));
    }
  }

  /** A core that started knows nothing of trust, shares and wanted packs. */
  async #reconcile(): Promise<void> {
    const { catalogue, core } = this.#components;
    await this.#tell('trust', () => core.setTrust(coreTrust(this.#components)));
    const complete: Pick<WantedPack, 'packId' | 'descriptor'>[] = [];
    for (const { key, value } of await catalogue.packs.entries()) {
      if (value.state !== 'complete') continue;
      const pack = { packId: key as PackId, descriptor: decodeDescriptor(value.descriptor) };
      if (await this.#components.packs.has(pack.packId, pack.descriptor)) complete.push(pack);
    }
    await this.share(complete);
    for (const fetch of this.fetches()) {
      // It does not remember whose parts were bad either.
      fetch.problem = undefined;
      await this.#request(fetch);
    }
  }

  /** Runs while packs are on their way: states for people, and what an event may have missed. */
  async #poll(): Promise<void> {
    const { clock, core } = this.#components;
    const { signal } = this.#stopped;
    while (this.#fetches.size > 0 && !signal.aborted) {
      await clock.sleep(FETCH_POLL_INTERVAL_MS, signal).catch(() => undefined);
      try {
        for (const state of await core.fetches([...this.#fetches.keys()])) {
          const fetch = this.#fetches.get(state.fileHash);
          if (fetch === undefined) continue;
          fetch.state = state;
          fetch.verified = fetch.verified.union(state.verified);
          this.#changes.emit(fetch);
          if (state.state === 'complete') await this.#finish(fetch);
        }
        await this.#save();
      } catch (error) {
        if (!isAway(error)) this.#logger.warn('states not read', { reason: messageOf(error) });
      }
    }
    this.#polling = undefined;
  }

  /** Notes the parts that were verified since the last time. */
  async #save(): Promise<void> {
    const { catalogue } = this.#components;
    const changed = this.fetches().filter(({ saved, verified }) => saved.count !== verified.count);
    this.#saving = catalogue.write(
      changed.map((fetch) =>
        catalogue.packs.putOp(fetch.packId, fetchingRow(fetch, fetch.verified)),
      ),
    );
    await this.#saving;
    for (const fetch of changed) fetch.saved = fetch.verified;
  }

  /** A request that a restart of the core makes up for. */
  async #tell(what: string, request: () => Promise<void>): Promise<void> {
    try {
      await request();
    } catch (error) {
      if (this.#stopped.signal.aborted) return;
      const level = isAway(error) ? 'info' : 'error';
      this.#logger[level]('the core did not take a request', { what, reason: messageOf(error) });
    }
  }

  #watch(work: Promise<void>): void {
    work.catch((error: unknown) =>
      this.#logger.error('packs not kept', { reason: messageOf(error) }),
    );
  }

  /** Peers that publish or follow the data set. */
  #sourcesOf(dataset: Dataset): EndPoint[] {
    const { peers } = this.#components;
    return peers
      .list()
      .filter(
        ({ siteId }) =>
          peers.allows(siteId, 'read', dataset) || peers.allows(siteId, 'publish', dataset),
      )
      .map(({ record }) => ({ host: record.ed2kHost, port: record.ed2kPort }));
  }

  #nameOf({ host, port }: EndPoint): string {
    return this.#components.peers.byEndPoint(host, port)?.record.name ?? `${host}:${port}`;
  }
}
