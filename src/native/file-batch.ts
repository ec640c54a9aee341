// SPDX-License-Identifier: GPL-2.0-or-later
// Many small changes of the file system in one call. With a root no path can leave it, whatever the
// names are: parents are opened one by one, without following links.
import { ReplicationError } from '../base/errors.ts';
import { NATIVE_BATCH_ITEMS_MAX } from '../base/limits.ts';
import { nativeAddon, settled } from './addon.ts';
import {
  checkBuffer,
  checkBuffers,
  checkInteger,
  checkPath,
  checkSize,
} from './argument-checks.ts';

/** Paths are relative to the batch's root, or as node:fs takes them when there is none. */
export type FileOperation =
  | { readonly operation: 'makeFolder'; readonly path: Buffer; readonly mode: number }
  | {
      /** A new file; fails with EEXIST. Without offsets the pieces follow each other. */
      readonly operation: 'makeFile';
      readonly path: Buffer;
      readonly mode: number;
      readonly pieces: readonly Buffer[];
      readonly offsets?: readonly number[] | undefined;
      /** Where the file ends, if after the last piece: the rest is a hole. */
      readonly size?: number | undefined;
    }
  /** `path` is the new name, `from` the existing entry. */
  | { readonly operation: 'hardLink'; readonly path: Buffer; readonly from: Buffer }
  /** A copy of the file, sharing its content on disk where the file system can, takes its place. */
  | { readonly operation: 'unshareFile'; readonly path: Buffer; readonly mode: number }
  | { readonly operation: 'symbolicLink'; readonly path: Buffer; readonly target: Buffer }
  /** Not for symbolic links (EOPNOTSUPP). */
  | { readonly operation: 'changeMode'; readonly path: Buffer; readonly mode: number }
  | {
      readonly operation: 'changeOwner';
      readonly path: Buffer;
      readonly uid: number;
      readonly gid: number;
    }
  | {
      readonly operation: 'setTime';
      readonly path: Buffer;
      /** May be negative. */
      readonly mtimeSeconds: number;
      readonly mtimeNanoseconds: number;
    }
  | {
      readonly operation: 'setAttribute';
      readonly path: Buffer;
      readonly name: Buffer;
      readonly value: Buffer;
    }
  | { readonly operation: 'removeFile' | 'removeFolder'; readonly path: Buffer };

const MODE_MAX = 0o7777;
const ID_MAX = 0xffffffff;
const NANOSECONDS_MAX = 999_999_999;
const NO_ROOT = Buffer.alloc(0);

function checkPieces(pieces: readonly Buffer[], offsets: readonly number[] | undefined): void {
  checkBuffers('pieces', pieces, NATIVE_BATCH_ITEMS_MAX);
  if (offsets === undefined) return;
  checkInteger('number of offsets', offsets.length, pieces.length, pieces.length);
  for (const offset of offsets) checkSize('offset', offset);
}

function checkOperation(operation: FileOperation): void {
  checkPath('path', operation.path);
  switch (operation.operation) {
    case 'makeFile':
      checkPieces(operation.pieces, operation.offsets);
      if (operation.size !== undefined) checkSize('size', operation.size);
      checkInteger('mode', operation.mode, 0, MODE_MAX);
      return;
    case 'makeFolder':
    case 'unshareFile':
    case 'changeMode':
      checkInteger('mode', operation.mode, 0, MODE_MAX);
      return;
    case 'hardLink':
      checkPath('from', operation.from);
      return;
    case 'symbolicLink':
      checkPath('target', operation.target);
      return;
    case 'changeOwner':
      checkInteger('uid', operation.uid, 0, ID_MAX);
      checkInteger('gid', operation.gid, 0, ID_MAX);
      return;
    case 'setTime':
      checkInteger('mtimeSeconds', operation.mtimeSeconds, -ID_MAX * 64, ID_MAX * 64);
      checkInteger('mtimeNanoseconds', operation.mtimeNanoseconds, 0, NANOSECONDS_MAX);
      return;
    case 'setAttribute':
      checkPath('name', operation.name);
      checkBuffer('value', operation.value);
      return;
    case 'removeFile':
    case 'removeFolder':
      return;
    default:
      throw new ReplicationError('ERR_ARGUMENT_INVALID', 'operation is not a known one');
  }
}

/** The addon keeps buffers alive through these objects, which nobody else can change. */
function ownCopy(operation: FileOperation): FileOperation {
  if (operation.operation !== 'makeFile') return { ...operation };
  return { ...operation, pieces: [...operation.pieces] };
}

/**
 * Does the operations in order, each whether or not those before it failed. Gives an errno value,
 * or 0, for each (errnoName() names it): EINVAL for a path that would leave the root, ENOTDIR or
 * ELOOP for a parent that is no folder. Rejects with node:fs errors when the root cannot be opened.
 */
export async function runFileBatch(
  operations: readonly FileOperation[],
  { root }: { readonly root?: Buffer | undefined } = {},
): Promise<Int32Array> {
  if (root !== undefined) checkPath('root', root);
  checkInteger('number of operations', operations.length, 0, NATIVE_BATCH_ITEMS_MAX);
  for (const operation of operations) checkOperation(operation);
  const own = operations.map(ownCopy);
  return settled(nativeAddon().runFileBatch(root ?? NO_ROOT, own));
}

/**
 * Opens a file beneath a root, none of whose parents may be a link, nor the file itself. Flags as
 * open(2) (node:fs constants). Gives a descriptor that the caller closes. Rejects as node:fs does.
 */
export async function openBeneath(
  root: Buffer,
  path: Buffer,
  flags: number,
  mode = 0o600,
): Promise<number> {
  checkPath('root', root);
  checkPath('path', path);
  checkInteger('flags', flags, 0, 0x7fffffff);
  checkInteger('mode', mode, 0, MODE_MAX);
  return settled(nativeAddon().openBeneath(root, path, flags, mode));
}
