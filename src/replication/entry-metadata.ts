// SPDX-License-Identifier: GPL-2.0-or-later
// Owner, attributes, mode and time of an entry: compared, and put on a new one.
import type { RecipeEntry, Xattr } from '../dataset/recipe.ts';
import { sameXattrs } from '../dataset/snapshot-diff.ts';
import type { FileOperation } from '../native/file-batch.ts';
import type { EntryStat } from '../native/folder.ts';

/** Root may give files to others; who else tries is refused by the kernel, so it is left out. */
const isRoot = process.geteuid?.() === 0;

type Metadata = Pick<
  RecipeEntry,
  'type' | 'mode' | 'uid' | 'gid' | 'mtimeSec' | 'mtimeNsec' | 'xattrs'
>;

/**
 * Operations that give the entry at path its metadata. Their order counts: a new owner clears set-
 * id bits and capabilities, and everything changes the time.
 */
export function metadataOperations(path: Buffer, entry: Metadata): FileOperation[] {
  const { type, mode, uid, gid, mtimeSec, mtimeNsec, xattrs } = entry;
  const operations: FileOperation[] = [];
  if (isRoot) operations.push({ operation: 'changeOwner', path, uid, gid });
  for (const { name, value } of xattrs) {
    operations.push({ operation: 'setAttribute', path, name, value });
  }
  if (type !== 'symlink') operations.push({ operation: 'changeMode', path, mode });
  operations.push({
    operation: 'setTime',
    path,
    mtimeSeconds: mtimeSec,
    mtimeNanoseconds: mtimeNsec,
  });
  return operations;
}

/** What of a replica's entry is not as the recipe says, in words; empty when all is. */
export function metadataProblems(
  entry: RecipeEntry,
  stat: EntryStat,
  xattrs: readonly Xattr[],
): string[] {
  const problems: string[] = [];
  if (entry.type === 'file' && stat.size !== entry.size) {
    problems.push(`size is ${stat.size}, not ${entry.size}`);
  }
  if (entry.type !== 'symlink' && stat.mode !== entry.mode) {
    problems.push(`mode is ${stat.mode.toString(8)}, not ${entry.mode.toString(8)}`);
  }
  if (isRoot && (stat.uid !== entry.uid || stat.gid !== entry.gid)) {
    problems.push(`owner is ${stat.uid}:${stat.gid}, not ${entry.uid}:${entry.gid}`);
  }
  if (stat.mtimeSeconds !== entry.mtimeSec || stat.mtimeNanoseconds !== entry.mtimeNsec) {
    problems.push('modification time differs');
  }
  if (!sameXattrs(xattrs, entry.xattrs)) problems.push('extended attributes differ');
  return problems;
}
