// SPDX-License-Identifier: GPL-2.0-or-later
// Keeps one replica at the newest snapshot of its data set. One snapshot is in work at a time; when
// it is visible, or cannot be finished, the newest one known then comes next.
import { ReplicationError, messageOf } from '../base/errors.ts';
import { FOLLOW_RETRY_MAX_MS, FOLLOW_RETRY_MIN_MS, OLD_TREES_MAX } from '../base/limits.ts';
import type { FollowRow, SnapshotRow } from '../store/rows.ts';
import type { Dataset } from './dataset-registry.ts';
import type { WantedPack } from './pack-fetch.ts';
import { ReplicaFolder } from './replica-folder.ts';
import { ReplicaUpkeep } from './replica-upkeep.ts';
import { Replicator, type ReplicatorComponents } from './replicator.ts';
import type { FollowState, FollowView } from './site-view.ts';
import { snapshotKey } from './snapshot-chain.ts';

interface Init {
  readonly key: string;
  readonly row: FollowRow;
  readonly dataset: Dataset;
  readonly packsFolder: string;
}

export class Follower {
  readonly dataset: Dataset;
  readonly #components: ReplicatorComponents;
  readonly #init: Init;
  readonly #folder: ReplicaFolder;
  readonly #upkeep: ReplicaUpkeep;
  readonly #stopped = new AbortController();
  #state: FollowState = 'idle';
  #percent = 0;
  #visible: SnapshotRow | undefined;
  #target: SnapshotRow | undefined;
  #wanted: readonly WantedPack[] = [];
  #problem: ReplicationError | undefined;
  /** Message of the failure that was logged last. */
  #lastProblem: string | undefined;
  #wake: AbortController | undefined;
  /** Ends the work on a snapshot whose packs are gone everywhere. */
  #obsolete = new AbortController();
  #isKicked = false;
  #worker: Promise<void> = Promise.resolve();

  constructor(components: ReplicatorComponents, init: Init) {
    this.dataset = init.dataset;
    this.#components = {
      ...components,
      logger: components.logger.child({ component: 'follower', dataset: init.dataset.name }),
    };
    this.#init = init;
    this.#folder = new ReplicaFolder({ path: init.row.folder });
    const { logger } = this.#components;
    this.#upkeep = new ReplicaUpkeep({ folder: this.#folder, logger }, this.#stopped.signal);
  }

  start(): void {
    this.#worker = this.#work();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#worker;
    await this.#upkeep.stop();
  }

  /** Something changed: a manifest came, a key, a peer. */
  kick(): void {
    this.#isKicked = true;
    this.#wake?.abort();
    void this.#lookForNewer();
  }

  /** Packs that the newest snapshot in work needed beside those of the one before. */
  get wanted(): readonly WantedPack[] {
    return this.#wanted;
  }

  /** Snapshot in work. */
  get target(): SnapshotRow | undefined {
    return this.#target;
  }

  /** What keeps it from going on. */
  get problem(): ReplicationError | undefined {
    return this.#problem ?? this.#packProblem();
  }

  view(): FollowView {
    const { dataset, folder } = this.#init.row;
    const { problem } = this;
    return {
      dataset,
      datasetId: this.dataset.id,
      folder,
      state: problem === undefined ? this.#state : 'blocked',
      percent: this.#percent,
      ...(this.#visible === undefined
        ? {}
        : { visible: this.#visible.snapshotId, visibleSequence: this.#visible.sequence }),
      ...(this.#target === undefined ? {} : { target: this.#target.snapshotId }),
      ...(problem === undefined
        ? {}
        : { problem: { code: problem.code, message: problem.message } }),
    };
  }

  #isStopped(): boolean {
    return this.#stopped.signal.aborted;
  }

  async #work(): Promise<void> {
    let failures = 0;
    while (!this.#isStopped()) {
      this.#isKicked = false;
      try {
        await this.#folder.prepare();
        const target = await this.#next();
        if (target === undefined) {
          this.#state = this.#visible === undefined ? 'idle' : 'current';
          if (this.#visible !== undefined) {
            this.#upkeep.begin(this.#visible.snapshotId, await this.#folder.others());
          }
          await this.#pause(Infinity);
          continue;
        }
        await this.#replicate(target);
        failures = 0;
      } catch (error) {
        if (this.#isStopped()) return;
        if (this.#obsolete.signal.aborted) {
          this.#obsolete = new AbortController();
          await this.#components.retirement.run(this.dataset);
          continue;
        }
        await this.#fail(error);
        failures += 1;
        await this.#pause(Math.min(FOLLOW_RETRY_MIN_MS * 2 ** (failures - 1), FOLLOW_RETRY_MAX_MS));
      }
    }
  }

  /** The head, unless it is visible already. */
  async #next(): Promise<SnapshotRow | undefined> {
    const { chain } = this.#components;
    const head = await chain.head(this.dataset.id);
    const visible = await this.#folder.visible();
    this.#visible = visible && (await chain.find(this.dataset.id, visible));
    this.#problem = undefined;
    if (head === undefined) return undefined;
    const row = await chain.snapshot(this.dataset.id, head.snapshotId);
    // A crash may have come between the switch and its receipt.
    return visible === head.snapshotId && row.state === 'visible' ? undefined : row;
  }

  /** Where snapshots come so fast that upkeep never gets to it. */
  async #limitOldTrees(target: SnapshotRow): Promise<void> {
    const old = (await this.#folder.others()).filter((id) => id !== target.snapshotId);
    if (old.length <= OLD_TREES_MAX) return;
    await this.#upkeep.stop();
    await this.#folder.remove(old, this.#stopped.signal);
  }

  async #replicate(row: SnapshotRow): Promise<void> {
    this.#target = row;
    // A newer one may have come since this one was chosen.
    await this.#lookForNewer();
    await this.#limitOldTrees(row);
    const { dataset, key: followKey, packsFolder } = this.#init;
    const replicator = new Replicator(this.#components, {
      dataset,
      folder: this.#folder,
      upkeep: this.#upkeep,
      packsFolder,
      followKey,
      onPlan: (packs) => {
        this.#wanted = packs;
      },
      onStage: (stage, percent) => {
        this.#state = stage;
        this.#percent = percent;
      },
    });
    const signals = [this.#stopped.signal, this.#obsolete.signal];
    await replicator.replicate(row, AbortSignal.any(signals));
    this.#visible = row;
    this.#lastProblem = undefined;
    this.#target = undefined;
    this.#components.logger.info('snapshot visible', {
      snapshotId: row.snapshotId,
      sequence: row.sequence,
    });
    await this.#components.retirement.run(this.dataset);
  }

  async #lookForNewer(): Promise<void> {
    try {
      await this.#leaveObsolete();
    } catch (error) {
      const { logger } = this.#components;
      logger.warn('newer snapshot not looked at', { reason: messageOf(error) });
    }
  }

  /** A pack that is not here and that the newest snapshot does not have may never come. */
  async #leaveObsolete(): Promise<void> {
    const { chain, exchange } = this.#components;
    const target = this.#target;
    const head = await chain.head(this.dataset.id);
    if (target === undefined || head === undefined) return;
    if (head.snapshotId === target.snapshotId) return;
    const packs = await chain.packs(await chain.snapshot(this.dataset.id, head.snapshotId));
    const missing = await exchange.missing(this.dataset, await chain.packs(target));
    const isObsolete = missing.some(({ packId }) => !packs.has(packId));
    if (isObsolete && this.#target === target) this.#obsolete.abort();
  }

  async #fail(error: unknown): Promise<void> {
    const { catalogue, chain, logger } = this.#components;
    const problem =
      error instanceof ReplicationError
        ? error
        : new ReplicationError('ERR_STORAGE_FAILED', messageOf(error), {}, error);
    this.#problem = problem;
    const { code, message } = problem;
    // The same again is no news.
    const level = this.#lastProblem === message ? 'debug' : 'error';
    this.#lastProblem = message;
    logger[level]('snapshot not replicated', { code, reason: message });
    const target = this.#target;
    if (target === undefined) return;
    try {
      const now = await chain.snapshot(target.datasetId, target.snapshotId);
      const key = snapshotKey(target.datasetId, target.snapshotId);
      await catalogue.snapshots.put(key, { ...now, state: 'failed', failure: { code, message } });
    } catch (failure) {
      logger.warn('failure not noted', { reason: messageOf(failure) });
    }
  }

  /** Of a pack of this data set that nobody can give; the others go on meanwhile. */
  #packProblem(): ReplicationError | undefined {
    return this.#components.exchange
      .fetches()
      .find(({ dataset, problem }) => dataset.id === this.dataset.id && problem !== undefined)
      ?.problem;
  }

  /** Ends early when kicked or stopped. */
  async #pause(durationMs: number): Promise<void> {
    if (this.#isKicked) return;
    this.#wake = new AbortController();
    const signal = AbortSignal.any([this.#wake.signal, this.#stopped.signal]);
    if (durationMs === Infinity) {
      if (!signal.aborted) {
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      }
    } else {
      await this.#components.clock.sleep(durationMs, signal).catch(() => undefined);
    }
    this.#wake = undefined;
  }
}
