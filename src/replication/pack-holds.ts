// SPDX-License-Identifier: GPL-2.0-or-later
// Packs that somebody reads or fetches now: they stay until that ends, whatever manifests say.
import type { PackId } from '../dataset/ids.ts';

export class PackHolds {
  readonly #counts = new Map<PackId, number>();

  /** Holds packs until the result is called. */
  hold(packIds: Iterable<PackId>): () => void {
    const held = [...packIds];
    for (const packId of held) this.#counts.set(packId, (this.#counts.get(packId) ?? 0) + 1);
    let isReleased = false;
    return () => {
      if (isReleased) return;
      isReleased = true;
      for (const packId of held) this.#release(packId);
    };
  }

  has(packId: PackId): boolean {
    return this.#counts.has(packId);
  }

  #release(packId: PackId): void {
    const count = (this.#counts.get(packId) ?? 1) - 1;
    if (count === 0) this.#counts.delete(packId);
    else this.#counts.set(packId, count);
  }
}
