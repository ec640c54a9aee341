// SPDX-License-Identifier: GPL-2.0-or-later
// Space that an entry of a tree takes at most on the usual file systems.
import { DISK_BLOCK_SIZE, ENTRY_OVERHEAD } from '../base/limits.ts';
import type { Hole, RecipeEntry } from '../dataset/recipe.ts';

/** Of a file: whole blocks for what is outside of holes, and its name and inode. */
export function fileSpace(size: number, holes: readonly Hole[]): number {
  const dataBytes = holes.reduce((sum, hole) => sum - hole.length, size);
  return Math.ceil(dataBytes / DISK_BLOCK_SIZE) * DISK_BLOCK_SIZE + ENTRY_OVERHEAD;
}

/** Of anything else. */
export function plainSpace(type: Exclude<RecipeEntry['type'], 'file'>): number {
  return type === 'folder' ? DISK_BLOCK_SIZE : ENTRY_OVERHEAD;
}
