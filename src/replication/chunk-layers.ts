// SPDX-License-Identifier: GPL-2.0-or-later
// Chunks of two pack sets: those of a snapshot, and of packs that it does not have any more. Only
// where the first lacks a chunk the second is asked.
import type { ChunkId } from '../dataset/ids.ts';
import type { PackSet } from '../store/pack-set.ts';
import type { BufferedSource } from './recipe-reader.ts';

export class ChunkLayers implements BufferedSource {
  readonly #first: PackSet;
  readonly #second: PackSet;

  constructor(first: PackSet, second: PackSet) {
    this.#first = first;
    this.#second = second;
  }

  has(id: ChunkId): boolean {
    return this.#first.has(id) || this.#second.has(id);
  }

  async readChunks(ids: readonly ChunkId[], signal?: AbortSignal): Promise<readonly Buffer[]> {
    return this.readChunksInto(ids, undefined, signal);
  }

  /** The same in a buffer of the caller's, if the first has them all and it has room. */
  async readChunksInto(
    ids: readonly ChunkId[],
    into: Buffer | undefined,
    signal?: AbortSignal,
  ): Promise<readonly Buffer[]> {
    const isSecond = ids.map((id) => !this.#first.has(id));
    if (!isSecond.includes(true)) return this.#first.readChunksInto(ids, into, signal);
    const from = async (set: PackSet, second: boolean): Promise<Buffer[]> =>
      set.readChunks(
        ids.filter((_, index) => isSecond[index] === second),
        signal,
      );
    const first = (await from(this.#first, false)).values();
    const second = (await from(this.#second, true)).values();
    return isSecond.map((each) => {
      const next = (each ? second : first).next();
      if (next.done === true) throw new RangeError('each id has its chunk');
      return next.value;
    });
  }
}
