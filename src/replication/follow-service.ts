// SPDX-License-Identifier: GPL-2.0-or-later
// What this site follows. A wish names a data set that need not exist yet; it is bound to the first
// one of that name, and from then on the name means that data set.
import { isAbsolute, relative } from 'node:path';
import { ReplicationError, messageOf } from '../base/errors.ts';
import type { DatasetId } from '../dataset/ids.ts';
import type { FollowRow } from '../store/rows.ts';
import type { Dataset, DatasetRegistry } from './dataset-registry.ts';
import { Follower } from './follower.ts';
import { ReplicaFolder } from './replica-folder.ts';
import type { ReplicatorComponents } from './replicator.ts';
import type { FollowView } from './site-view.ts';

interface Components extends ReplicatorComponents {
  readonly registry: DatasetRegistry;
}

interface Init {
  readonly packsFolder: string;
}

export class FollowService {
  readonly #components: Components;
  readonly #init: Init;
  readonly #followers = new Map<string, Follower>();
  /** Binding happens one after another. */
  #queue: Promise<unknown> = Promise.resolve();
  readonly #stops: (() => void)[] = [];
  #isStopped = false;

  constructor(components: Components, init: Init) {
    this.#components = components;
    this.#init = init;
  }

  async start(): Promise<void> {
    const { peers } = this.#components;
    this.#stops.push(peers.onChange(() => this.#kickAll()));
    for (const { key, value } of await this.#components.catalogue.follows.entries()) {
      await this.#startFollower(key, value);
    }
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const stop of this.#stops) stop();
    await this.#queue;
    await Promise.all([...this.#followers.values()].map((follower) => follower.stop()));
  }

  /**
   * Follows from now on, into an absolute folder; durable when it resolves. The same wish again is
   * fine. ERR_FOLLOW_CONFLICT when data set or folder are taken, ERR_DATASET_AMBIGUOUS.
   */
  follow(nameOrId: string, folder: string): Promise<FollowView> {
    return this.#inTurn(async () => {
      const { catalogue, clock, registry } = this.#components;
      const known = await catalogue.follows.get(nameOrId);
      if (known?.folder === folder) return this.#viewOf(nameOrId, known);
      const found = registry.find(nameOrId);
      const dataset = found.length === 0 ? undefined : registry.resolve(nameOrId);
      if (dataset !== undefined && registry.isOwn(dataset)) {
        throw conflict(`data set ${nameOrId} is published by this site`);
      }
      await this.#refuseTaken(nameOrId, dataset, folder);
      await new ReplicaFolder({ path: folder }).prepare();
      const row: FollowRow = {
        dataset: nameOrId,
        datasetId: dataset?.id ?? null,
        folder,
        visible: null,
        sinceMs: clock.now(),
      };
      await catalogue.follows.put(nameOrId, row);
      await this.#startFollower(nameOrId, row);
      return this.#viewOf(nameOrId, row);
    });
  }

  followers(): Follower[] {
    return [...this.#followers.values()];
  }

  async views(): Promise<FollowView[]> {
    const rows = await this.#components.catalogue.follows.entries();
    return rows.map(({ key, value }) => this.#viewOf(key, value));
  }

  /** A manifest or key came: binds wishes for its name, wakes its follower. */
  onHead(dataset: Dataset): void {
    this.#inTurn(() => this.#bind(dataset)).catch((error: unknown) =>
      this.#components.logger.error('wish not bound', { reason: messageOf(error) }),
    );
  }

  async #bind(dataset: Dataset): Promise<void> {
    const { catalogue } = this.#components;
    for (const { key, value } of await catalogue.follows.entries()) {
      const fits = value.dataset === dataset.name || value.dataset === dataset.id;
      if (value.datasetId !== null || !fits) continue;
      const bound: FollowRow = { ...value, datasetId: dataset.id };
      await catalogue.follows.put(key, bound);
      await this.#startFollower(key, bound);
    }
    for (const follower of this.#followers.values()) {
      if (follower.dataset.id === dataset.id) follower.kick();
    }
  }

  async #startFollower(key: string, row: FollowRow): Promise<void> {
    const { registry } = this.#components;
    const dataset = row.datasetId === null ? undefined : registry.get(row.datasetId);
    if (dataset === undefined || this.#isStopped) return;
    const { packsFolder } = this.#init;
    const follower = new Follower(this.#components, { key, row, dataset, packsFolder });
    const before = this.#followers.get(key);
    this.#followers.set(key, follower);
    await before?.stop();
    follower.start();
  }

  async #refuseTaken(
    nameOrId: string,
    dataset: Dataset | undefined,
    folder: string,
  ): Promise<void> {
    for (const { key, value } of await this.#components.catalogue.follows.entries()) {
      const isSame = key === nameOrId || isSameDataset(value.datasetId, dataset);
      if (isSame) throw conflict(`${nameOrId} is followed to ${value.folder} already`);
      if (overlaps(value.folder, folder)) {
        throw conflict(`${folder} and the replica ${value.folder} lie in each other`);
      }
    }
  }

  #viewOf(key: string, row: FollowRow): FollowView {
    const follower = this.#followers.get(key);
    if (follower !== undefined) return follower.view();
    return followView(row);
  }

  #kickAll(): void {
    for (const follower of this.#followers.values()) follower.kick();
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#queue.then(work);
    this.#queue = done.catch(() => undefined);
    return done;
  }
}

/** What the catalogue alone knows of a wish. */
export function followView(row: FollowRow): FollowView {
  return {
    dataset: row.dataset,
    ...(row.datasetId === null ? {} : { datasetId: row.datasetId }),
    folder: row.folder,
    state: row.datasetId === null ? 'unbound' : 'idle',
    percent: 0,
    ...(row.visible === null ? {} : { visible: row.visible }),
  };
}

function isSameDataset(id: DatasetId | null, dataset: Dataset | undefined): boolean {
  return id !== null && id === dataset?.id;
}

function overlaps(left: string, right: string): boolean {
  const isInside = (outer: string, inner: string): boolean => {
    const path = relative(outer, inner);
    return path === '' || (!path.startsWith('..') && !isAbsolute(path));
  };
  return isInside(left, right) || isInside(right, left);
}

function conflict(message: string): ReplicationError {
  return new ReplicationError('ERR_FOLLOW_CONFLICT', message);
}
