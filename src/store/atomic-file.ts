// SPDX-License-Identifier: GPL-2.0-or-later
// Whole files that are either the old or the new one after a crash: written beside the target,
// synced, renamed over it, folder synced.
import { randomBytes } from 'node:crypto';
import { dirname, join } from 'node:path';
import { ReplicationError, errnoOf } from '../base/errors.ts';
import { realDisk } from './disk.ts';
import type { Disk } from './disk.ts';

/** Ending of files under construction; sweepTemporary removes those a dead process left. */
export const TEMPORARY_SUFFIX = '.tmp';

export interface AtomicInit {
  /** Permissions of the file, 0600 unless named. */
  readonly mode?: number;
  readonly disk?: Disk;
}

/** A name beside path that nothing else uses, for a file under construction. */
export function temporaryPath(path: string): string {
  return `${path}.${randomBytes(6).toString('hex')}${TEMPORARY_SUFFIX}`;
}

/** Puts bytes at path; durable when it resolves; on an error the old content stays. */
export async function writeAtomic(
  path: string,
  bytes: Buffer,
  init: AtomicInit = {},
): Promise<void> {
  const disk = init.disk ?? realDisk;
  const temporary = temporaryPath(path);
  const file = await disk.open(temporary, 'create', init.mode ?? 0o600);
  try {
    try {
      await file.write(bytes, 0);
      await file.sync();
    } finally {
      await file.close();
    }
    await disk.rename(temporary, path);
  } catch (error) {
    await disk.remove(temporary).catch(() => undefined);
    throw error;
  }
  await disk.syncFolder(dirname(path));
}

/** The whole file, undefined when it is absent; ERR_LIMIT_EXCEEDED when longer than sizeMax. */
export async function readBounded(
  path: string,
  sizeMax: number,
  disk: Disk = realDisk,
): Promise<Buffer | undefined> {
  let file;
  try {
    file = await disk.open(path, 'read');
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
  try {
    const size = await file.size();
    if (size > sizeMax) {
      throw new ReplicationError('ERR_LIMIT_EXCEEDED', `${path} has ${size} bytes`, {
        path,
        size,
        sizeMax,
      });
    }
    return await file.read(size, 0);
  } finally {
    await file.close();
  }
}

/** Removes files under construction that a dead process left in the folder. */
export async function sweepTemporary(folder: string, disk: Disk = realDisk): Promise<void> {
  for (const name of await disk.list(folder)) {
    if (name.endsWith(TEMPORARY_SUFFIX)) await disk.remove(join(folder, name));
  }
}

/** True when the error says that the file does not exist. */
export function isAbsent(error: unknown): boolean {
  return (
    errnoOf(error) === 'ENOENT' ||
    (error instanceof ReplicationError && error.details['errno'] === 'ENOENT')
  );
}
