// SPDX-License-Identifier: GPL-2.0-or-later
// Which packs of a data set are to be merged: those of which little is still needed, and when there
// are too many the smallest.
import { PACK_TARGET_SIZE_MAX } from '../base/limits.ts';
import type { PackId } from './ids.ts';

export interface PackUse {
  readonly packId: PackId;
  /** Of all frames: what a pack needs around them it would need in a merged pack too. */
  readonly frameBytes: number;
  /** Of frames that some retained snapshot needs. */
  readonly liveBytes: number;
}

export interface MergeRules {
  /** A pack is merged when a larger share of it is needed no more, 0 to 1. */
  readonly maxUnused: number;
  /** The smallest packs are merged when more than so many would be left. */
  readonly maxPacks: number;
}

export function packsToMerge(packs: readonly PackUse[], rules: MergeRules): Set<PackId> {
  const merged = new Set<PackId>();
  let liveBytes = 0;
  const take = (pack: PackUse): void => {
    merged.add(pack.packId);
    liveBytes += pack.liveBytes;
  };
  for (const pack of packs) {
    if (pack.frameBytes - pack.liveBytes > rules.maxUnused * pack.frameBytes) take(pack);
  }
  const countLeft = (): number =>
    packs.length - merged.size + Math.ceil(liveBytes / PACK_TARGET_SIZE_MAX);
  const smallest = packs
    .filter(({ packId }) => !merged.has(packId))
    .sort((a, b) => a.liveBytes - b.liveBytes || (a.packId < b.packId ? -1 : 1));
  for (const pack of smallest) {
    if (countLeft() <= rules.maxPacks) break;
    take(pack);
  }
  return merged;
}
