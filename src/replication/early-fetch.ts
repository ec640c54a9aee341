// SPDX-License-Identifier: GPL-2.0-or-later
// Fetches announced packs before a manifest names them, as far as there is room. It only begins
// fetches and holds space for them: what becomes of a pack is for whoever dropped or took it over.
import { hasCode, messageOf } from '../base/errors.ts';
import { RESERVATION_SLACK } from '../base/limits.ts';
import type { Logger } from '../base/logger.ts';
import type { DatasetId } from '../dataset/ids.ts';
import { Reservation } from '../store/reservation.ts';
import type { MissingPack, PackExchange } from './pack-exchange.ts';
import type { WantedPack } from './pack-fetch.ts';

interface Components {
  readonly exchange: Pick<PackExchange, 'missing' | 'obtain' | 'onChange'>;
  readonly logger: Logger;
}

interface Init {
  readonly packsFolder: string;
}

/** The packs of one data set that are waited for. */
interface Run {
  readonly abort: AbortController;
  readonly works: Set<Promise<void>>;
  isWarned: boolean;
}

export class EarlyFetch {
  readonly #components: Components;
  readonly #init: Init;
  readonly #runs = new Map<DatasetId, Run>();

  constructor(components: Components, init: Init) {
    this.#components = components;
    this.#init = init;
  }

  /** The pack is wanted, now if there is room for it. */
  begin(pack: WantedPack): void {
    const run = this.#runOf(pack.dataset.id);
    const work = this.#fetch(run, pack)
      .catch((error: unknown) => {
        if (run.abort.signal.aborted) return;
        const { packId } = pack;
        this.#components.logger.warn('announced pack not fetched', {
          packId,
          reason: messageOf(error),
        });
      })
      .finally(() => run.works.delete(work));
    run.works.add(work);
  }

  /**
   * Waits for the packs of a data set no more. The space is given back, and no fetch of them begins
   * any more, when this resolves; fetches under way go on.
   */
  async end(datasetId: DatasetId): Promise<void> {
    const run = this.#runs.get(datasetId);
    if (run === undefined) return;
    this.#runs.delete(datasetId);
    run.abort.abort();
    await Promise.all(run.works);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#runs.keys()].map((datasetId) => this.end(datasetId)));
  }

  #runOf(datasetId: DatasetId): Run {
    const known = this.#runs.get(datasetId);
    if (known !== undefined) return known;
    const run: Run = { abort: new AbortController(), works: new Set(), isWarned: false };
    this.#runs.set(datasetId, run);
    return run;
  }

  async #fetch(run: Run, { dataset, descriptor, packId }: WantedPack): Promise<void> {
    const { exchange } = this.#components;
    const { signal } = run.abort;
    const [pack] = await exchange.missing(dataset, new Map([[packId, descriptor]]));
    if (pack === undefined) return;
    const space = await this.#reserve(run, pack);
    if (space === undefined) return;
    const stop = exchange.onChange((fetch) => {
      if (fetch.packId !== packId) return;
      void space.holdAtMost(descriptor.size - fetch.bytesDone - RESERVATION_SLACK);
    });
    try {
      signal.throwIfAborted();
      await exchange.obtain([pack], signal);
    } finally {
      stop();
      await space.release();
    }
  }

  /** Undefined when there is no room: the manifest will decide. */
  async #reserve(run: Run, pack: MissingPack): Promise<Reservation | undefined> {
    const { descriptor, dataset, bytesHere } = pack;
    try {
      return await Reservation.take(this.#init.packsFolder, descriptor.size - bytesHere);
    } catch (error) {
      if (!hasCode(error, 'ERR_SPACE_SHORT')) throw error;
      const level = run.isWarned ? 'debug' : 'warn';
      run.isWarned = true;
      this.#components.logger[level]('no room to fetch packs before their manifest', {
        dataset: dataset.name,
        reason: error.message,
      });
      return undefined;
    }
  }
}
