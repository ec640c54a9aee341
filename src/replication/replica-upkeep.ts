// SPDX-License-Identifier: GPL-2.0-or-later
// What is done in a replica's folder while nothing is to be replicated. First a spare tree is made,
// of links to the visible one: the next tree is made of it by changing what changed, so the time
// that takes grows with the change, not with the tree. Then old trees are removed.
import { messageOf } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import type { SnapshotId } from '../dataset/ids.ts';
import type { ReplicaFolder } from './replica-folder.ts';

interface Work {
  readonly visible: SnapshotId;
  readonly stop: AbortController;
  /** True when the spare tree is whole. */
  readonly spare: Promise<boolean>;
  readonly done: Promise<void>;
}

export class ReplicaUpkeep {
  readonly #folder: ReplicaFolder;
  readonly #logger: Logger;
  readonly #stopped: AbortSignal;
  #work: Work | undefined;

  /** Nothing begins or goes on once the signal is given. */
  constructor(
    components: { readonly folder: ReplicaFolder; readonly logger: Logger },
    stopped: AbortSignal,
  ) {
    this.#folder = components.folder;
    this.#logger = components.logger;
    this.#stopped = stopped;
  }

  /** Begins, unless it has for this snapshot; `old` are the trees to be removed. */
  begin(visible: SnapshotId, old: readonly SnapshotId[]): void {
    if (this.#work?.visible === visible) return;
    const before = this.stop();
    const stop = new AbortController();
    const signal = AbortSignal.any([stop.signal, this.#stopped]);
    const spare = this.#attempt(signal, 'spare tree not made', async () => {
      await before;
      await this.#folder.makeSpare(visible, signal);
    });
    const done = this.#attempt(signal, 'old trees not removed', async () => {
      await spare;
      await this.#folder.remove(old, signal);
    });
    this.#work = { visible, stop, spare, done: done.then(() => undefined) };
  }

  /**
   * Lets the spare tree of one snapshot become that in which another is made, after finishing it;
   * leaves off all else. False when there is none.
   */
  async takeSpare(from: SnapshotId, to: SnapshotId, signal: AbortSignal): Promise<boolean> {
    const isWhole = this.#work?.visible === from && (await this.#work.spare);
    await this.stop();
    if (!isWhole) await this.#folder.makeSpare(from, signal);
    return this.#folder.useSpare(from, to);
  }

  async stop(): Promise<void> {
    const work = this.#work;
    this.#work = undefined;
    work?.stop.abort();
    await work?.done;
  }

  /** What fails here is tried again when the next snapshot is made. */
  async #attempt(
    signal: AbortSignal,
    failure: string,
    work: () => Promise<void>,
  ): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      if (!signal.aborted) this.#logger.warn(failure, { reason: messageOf(error) });
      return false;
    }
  }
}
