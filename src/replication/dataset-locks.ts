// SPDX-License-Identifier: GPL-2.0-or-later
// One writer of a data set's history at a time: publish and prune exclude each other.
import { ReplicationError } from '../base/errors.ts';

export class DatasetLocks {
  readonly #busy = new Set<string>();

  /**
   * Runs work alone. key: the data set's id; its name while it has none. ERR_DATASET_BUSY at once
   * when somebody else is at work.
   */
  async alone<T>(key: string, name: string, work: () => Promise<T>): Promise<T> {
    if (this.#busy.has(key)) {
      throw new ReplicationError('ERR_DATASET_BUSY', `${name} is being published or pruned`, {
        dataset: name,
      });
    }
    this.#busy.add(key);
    try {
      return await work();
    } finally {
      this.#busy.delete(key);
    }
  }
}
