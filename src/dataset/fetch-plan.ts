// SPDX-License-Identifier: GPL-2.0-or-later
// Which packs a site has to fetch for a snapshot.
import { partCount } from '../ed2k/part-arithmetic.ts';
import { packIdOf, type PackDescriptor } from './descriptor.ts';
import type { PackId } from './ids.ts';

export interface PlannedFetch {
  readonly packId: PackId;
  readonly descriptor: PackDescriptor;
}

export interface FetchPlan {
  /** In the order of the manifest: the writer put first what a follower can use first. */
  readonly fetches: readonly PlannedFetch[];
  /** Sum of the sizes of these packs. */
  readonly bytes: number;
  readonly partCount: number;
}

/** The packs of needed that has() does not know, each once. */
export function planFetch(
  needed: Iterable<PackDescriptor>,
  has: (packId: PackId) => boolean,
): FetchPlan {
  const fetches = new Map<PackId, PlannedFetch>();
  for (const descriptor of needed) {
    const packId = packIdOf(descriptor);
    if (!has(packId)) fetches.set(packId, { packId, descriptor });
  }
  const sizes = [...fetches.values()].map(({ descriptor }) => descriptor.size);
  return {
    fetches: [...fetches.values()],
    bytes: sizes.reduce((sum, size) => sum + size, 0),
    partCount: sizes.reduce((sum, size) => sum + partCount(size), 0),
  };
}
