// SPDX-License-Identifier: GPL-2.0-or-later
// Which snapshots of a data set stay.
import { RETAINED_MAX } from '../base/limits.ts';
import type { SnapshotId } from './ids.ts';

/** A snapshot stays when one of the rules keeps it. Without a rule all of them stay. */
export interface RetentionRules {
  /** So many of the newest, the newest one included. */
  readonly keepLast: number | null;
  /** Those made at most so long before the newest. */
  readonly keepWithinMs: number | null;
}

export const KEEP_ALL: RetentionRules = { keepLast: null, keepWithinMs: null };

export interface RetentionCandidate {
  readonly snapshotId: SnapshotId;
  readonly createdMs: number;
}

/**
 * Of candidates, newest first, those that stay, in their order. The newest one always does, and
 * those that are pinned; at most RETAINED_MAX and the newest.
 */
export function keptSnapshots<C extends RetentionCandidate>(
  candidates: readonly C[],
  { keepLast, keepWithinMs }: RetentionRules,
  pinned: ReadonlySet<SnapshotId>,
): C[] {
  const [newest] = candidates;
  if (newest === undefined) return [];
  const isKeptByRule = ({ createdMs }: C, index: number): boolean => {
    if (keepLast === null && keepWithinMs === null) return true;
    if (keepLast !== null && index < keepLast) return true;
    return keepWithinMs !== null && createdMs >= newest.createdMs - keepWithinMs;
  };
  const kept = candidates.filter(
    (each, index) => index === 0 || pinned.has(each.snapshotId) || isKeptByRule(each, index),
  );
  const pins = kept.filter(({ snapshotId }) => pinned.has(snapshotId)).length;
  let room = Math.max(0, RETAINED_MAX - pins);
  return kept.filter(({ snapshotId }, index) => {
    if (index === 0 || pinned.has(snapshotId)) return true;
    room -= 1;
    return room >= 0;
  });
}
