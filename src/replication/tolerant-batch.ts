// SPDX-License-Identifier: GPL-2.0-or-later
// Runs operations of a tree that is being made, of which the last finishing touches may fail.
import { ReplicationError } from '../base/errors.ts';
import { errnoName } from '../native/entry.ts';
import { runFileBatch, type FileOperation } from '../native/file-batch.ts';
import { printablePath } from './printable-path.ts';

/**
 * Attributes that a user, or a file system, may be unable to set; `verify` shows what is missing.
 */
const TOLERATED: ReadonlySet<string> = new Set(['EPERM', 'EOPNOTSUPP', 'ENOTSUP']);

/**
 * The number of owners and attributes that could not be set for such a reason. Any other failure is
 * ERR_SPACE_SHORT or ERR_STORAGE_FAILED.
 */
export async function runTolerantly(
  operations: readonly FileOperation[],
  init: { readonly root?: Buffer } = {},
): Promise<number> {
  let toleratedCount = 0;
  for (const [index, errno] of (await runFileBatch(operations, init)).entries()) {
    const operation = operations[index];
    if (errno === 0 || operation === undefined) continue;
    const name = errnoName(errno) ?? 'UNKNOWN';
    const isExtra = operation.operation === 'setAttribute' || operation.operation === 'changeOwner';
    if (!isExtra || !TOLERATED.has(name)) throw operationError(operation, name);
    toleratedCount += 1;
  }
  return toleratedCount;
}

function operationError(operation: FileOperation, errno: string): ReplicationError {
  const path = printablePath(operation.path);
  const isFull = errno === 'ENOSPC' || errno === 'EDQUOT';
  return new ReplicationError(
    isFull ? 'ERR_SPACE_SHORT' : 'ERR_STORAGE_FAILED',
    `${path}: ${operation.operation} failed with ${errno}`,
    { path, errno },
  );
}
