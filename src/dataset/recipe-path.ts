// SPDX-License-Identifier: GPL-2.0-or-later
// Paths of a recipe: raw bytes relative to the data set's root, '/' between names; the root itself
// is the empty path.
import { FILE_NAME_LENGTH_MAX, PATH_LENGTH_MAX } from '../base/limits.ts';

const SLASH = 0x2f;
const DOT = 0x2e;

/**
 * The order of a recipe: name by name, each by its bytes; so a folder comes directly before what
 * is in it. The same as comparing bytes with '/' below every other byte.
 */
export function comparePaths(left: Buffer, right: Buffer): number {
  const length = Math.min(left.length, right.length);
  for (let index = 0; index < length; index += 1) {
    const a = left[index] ?? 0;
    const b = right[index] ?? 0;
    if (a === b) continue;
    if (a === SLASH) return -1;
    return b === SLASH ? 1 : a - b;
  }
  return left.length - right.length;
}

/** The path of the folder that holds it; the root for a name without '/'. */
export function parentPath(path: Buffer): Buffer {
  return path.subarray(0, Math.max(path.lastIndexOf(SLASH), 0));
}

/** True for a path in this folder, however deep. */
export function isBelow(path: Buffer, folder: Buffer): boolean {
  const { length } = folder;
  if (length === 0) return path.length > 0;
  return path.length > length && path[length] === SLASH && path.subarray(0, length).equals(folder);
}

/**
 * What is wrong with a path, or undefined: no NUL, no empty name, no '.' and '..', names and whole
 * within what Linux takes. So joined to a folder it never leads out of it (links aside).
 */
export function pathProblem(path: Buffer): string | undefined {
  if (path.length === 0) return undefined;
  if (path.length > PATH_LENGTH_MAX) return `has ${path.length} bytes`;
  if (path.includes(0)) return 'has a NUL';
  let start = 0;
  while (start <= path.length) {
    const slash = path.indexOf(SLASH, start);
    const end = slash < 0 ? path.length : slash;
    const problem = nameProblem(path, start, end);
    if (problem !== undefined) return problem;
    start = end + 1;
  }
  return undefined;
}

function nameProblem(path: Buffer, start: number, end: number): string | undefined {
  const length = end - start;
  if (length === 0) return 'has an empty name';
  if (length > FILE_NAME_LENGTH_MAX) return `has a name of ${length} bytes`;
  const isDots = length <= 2 && path[start] === DOT && path[end - 1] === DOT;
  return isDots ? 'has a name . or ..' : undefined;
}
