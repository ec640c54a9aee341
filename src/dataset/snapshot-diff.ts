// SPDX-License-Identifier: GPL-2.0-or-later
// What a snapshot changes at one path against an earlier one, so that a replica reuses what it has.
// Recipes have one order, so two of them are compared while both are read, and none is held.
import type { ChunkRef } from './chunk-list.ts';
import type { RecipeEntry, Xattr } from './recipe.ts';

/**
 * unchanged: the earlier snapshot has the same entry. metadata: the same content; mode, owner, time
 * or attributes differ. new: anything else, or nothing was there.
 */
export type Change = 'unchanged' | 'metadata' | 'new';

/** Compares what is at one path now with what was there before. */
export function changeOf(before: RecipeEntry | undefined, entry: RecipeEntry): Change {
  if (before === undefined || !sameContent(before, entry)) return 'new';
  return sameMetadata(before, entry) ? 'unchanged' : 'metadata';
}

/**
 * A hardlink is what its file is, so only its target's path counts; whether the bytes there changed
 * is said by the entry of that path.
 */
function sameContent(left: RecipeEntry, right: RecipeEntry): boolean {
  return (
    left.type === right.type &&
    left.size === right.size &&
    sameChunks(left.chunks, right.chunks) &&
    sameBytes(left.target, right.target) &&
    sameHoles(left.holes ?? [], right.holes ?? [])
  );
}

function sameMetadata(left: RecipeEntry, right: RecipeEntry): boolean {
  return (
    left.mode === right.mode &&
    left.uid === right.uid &&
    left.gid === right.gid &&
    left.mtimeSec === right.mtimeSec &&
    left.mtimeNsec === right.mtimeNsec &&
    sameXattrs(left.xattrs, right.xattrs)
  );
}

function sameChunks(left: readonly ChunkRef[], right: readonly ChunkRef[]): boolean {
  return (
    left.length === right.length &&
    left.every(({ id, length }, index) => {
      const other = right[index];
      return other?.length === length && other.id.equals(id);
    })
  );
}

function sameHoles(
  left: NonNullable<RecipeEntry['holes']>,
  right: NonNullable<RecipeEntry['holes']>,
): boolean {
  return (
    left.length === right.length &&
    left.every(
      ({ offset, length }, index) =>
        right[index]?.offset === offset && right[index].length === length,
    )
  );
}

/** Attributes of both in ascending order of their names. */
export function sameXattrs(left: readonly Xattr[], right: readonly Xattr[]): boolean {
  return (
    left.length === right.length &&
    left.every(({ name, value }, index) => {
      const other = right[index];
      return other?.name.equals(name) === true && other.value.equals(value);
    })
  );
}

function sameBytes(left: Buffer | undefined, right: Buffer | undefined): boolean {
  if (left === undefined || right === undefined) return left === right;
  return left.equals(right);
}
