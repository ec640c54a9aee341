// SPDX-License-Identifier: GPL-2.0-or-later
// Mark and sweep over a pack set: which chunks the retained snapshots need, which packs hold them,
// and which frames have to be copied when packs are removed. Every site that has the packs comes to
// the same answer, which is how it builds a merged pack instead of fetching it.
import { ReplicationError } from '../base/errors.ts';
import type { PackDescriptor } from '../dataset/descriptor.ts';
import type { PackId } from '../dataset/ids.ts';
import type { RecipeRoot } from '../dataset/manifest.ts';
import type { PackUse } from '../dataset/merge-plan.ts';
import type { FrameEntry } from '../dataset/pack-layout.ts';
import { NumberBitmap } from '../store/number-bitmap.ts';
import type { PackSet } from '../store/pack-set.ts';
import { RecipeMarker } from './recipe-marker.ts';
import type { PackMap } from './snapshot-chain.ts';

/** Frames of one pack, in the order in which they lie in it. */
export interface FramesOfPack {
  readonly packId: PackId;
  readonly descriptor: PackDescriptor;
  readonly frames: readonly FrameEntry[];
}

/** A frame that needs other chunks, as numbers of the set. */
interface Delta {
  readonly packId: PackId;
  readonly chunks: readonly number[];
  readonly bases: readonly number[];
}

export class LiveChunks {
  readonly #set: PackSet;
  readonly #marked: NumberBitmap;
  readonly #deltas: readonly Delta[];

  /** marked: numbers of chunks of the set that recipes need. */
  constructor(set: PackSet, marked: NumberBitmap) {
    this.#set = set;
    this.#marked = marked;
    this.#deltas = [...deltasOf(set)];
  }

  /** Marks what the recipes need. ERR_CHUNK_MISSING when the set does not hold all of it. */
  static async of(
    set: PackSet,
    recipes: readonly RecipeRoot[],
    signal: AbortSignal,
  ): Promise<LiveChunks> {
    const marked = new NumberBitmap();
    const marker = new RecipeMarker(set, (id) => void marked.add(numberOf(set, id)));
    for (const recipe of recipes) await marker.add(recipe, signal);
    return new LiveChunks(set, marked);
  }

  /**
   * Packs that must stay. What stays can be decoded as a whole, unneeded frames too: a later
   * snapshot may need any of them.
   */
  neededPacks(): Set<PackId> {
    const marked = this.#copy();
    const needed = new Set<PackId>();
    do {
      for (const number of marked) needed.add(this.#set.packIdAt(number));
    } while (this.#markBases(marked, (packId) => needed.has(packId)));
    return needed;
  }

  /** How much of each of these packs is needed. */
  use(packs: PackMap): PackUse[] {
    const marked = this.#copy();
    while (this.#markBases(marked, () => false));
    return [...packs.keys()].map((packId) => {
      let frameBytes = 0;
      let liveBytes = 0;
      for (const { chunks, length } of this.#set.frames(packId)) {
        const isLive = chunks.some(({ id }) => {
          const number = numberOf(this.#set, id);
          return marked.has(number) && this.#set.packIdAt(number) === packId;
        });
        frameBytes += length;
        if (isLive) liveBytes += length;
      }
      return { packId, frameBytes, liveBytes };
    });
  }

  /**
   * Frames of the packs to be removed that the others of the set do not make up for, in the order
   * of packs.
   */
  framesToCopy(packs: PackMap, removed: ReadonlySet<PackId>): FramesOfPack[] {
    const marked = this.#copy();
    while (this.#markBases(marked, (packId) => !removed.has(packId)));
    const supplied = new NumberBitmap();
    for (const packId of packs.keys()) {
      if (removed.has(packId)) continue;
      for (const frame of this.#set.frames(packId)) this.#supply(supplied, frame);
    }
    const copied: FramesOfPack[] = [];
    for (const [packId, descriptor] of packs) {
      if (!removed.has(packId)) continue;
      const frames: FrameEntry[] = [];
      for (const frame of this.#set.frames(packId)) {
        const numbers = frame.chunks.map(({ id }) => numberOf(this.#set, id));
        if (!numbers.some((number) => marked.has(number) && !supplied.has(number))) continue;
        this.#supply(supplied, frame);
        frames.push(frame);
      }
      if (frames.length > 0) copied.push({ packId, descriptor, frames });
    }
    return copied;
  }

  #supply(supplied: NumberBitmap, { chunks }: FrameEntry): void {
    for (const { id } of chunks) supplied.add(numberOf(this.#set, id));
  }

  #copy(): NumberBitmap {
    const copy = new NumberBitmap();
    for (const number of this.#marked) copy.add(number);
    return copy;
  }

  /**
   * Marks the bases of frames that hold a marked chunk, and of all frames of packs that stay. True
   * when there were new ones.
   */
  #markBases(marked: NumberBitmap, stays: (packId: PackId) => boolean): boolean {
    let isChanged = false;
    for (const { packId, chunks, bases } of this.#deltas) {
      if (!stays(packId) && !chunks.some((number) => marked.has(number))) continue;
      for (const base of bases) if (marked.add(base)) isChanged = true;
    }
    return isChanged;
  }
}

function* deltasOf(set: PackSet): Generator<Delta> {
  for (const { packId, entry } of set.framesWithBases()) {
    const chunks = entry.chunks.map(({ id }) => numberOf(set, id));
    yield { packId, chunks, bases: entry.baseIds.map((id) => numberOf(set, id)) };
  }
}

function numberOf(set: PackSet, id: Buffer): number {
  const number = set.find(id);
  if (number >= 0) return number;
  const chunkId = id.toString('hex');
  throw new ReplicationError('ERR_CHUNK_MISSING', `no pack holds chunk ${chunkId}`, { chunkId });
}
