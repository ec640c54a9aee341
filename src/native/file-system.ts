// SPDX-License-Identifier: GPL-2.0-or-later
// System calls that node:fs lacks. All reject with errors like those of node:fs.
import { nativeAddon, settled } from './addon.ts';
import { checkDescriptor, checkPath, checkSize } from './argument-checks.ts';

/**
 * Reserves disk blocks for the first `size` bytes of an open file and makes it at least so long:
 * ENOSPC when there are not enough, EOPNOTSUPP where the file system cannot reserve.
 */
export async function allocate(fd: number, size: number): Promise<void> {
  checkDescriptor('fd', fd);
  checkSize('size', size);
  await settled(nativeAddon().allocate(fd, size));
}

/**
 * Lets the system begin to bring these bytes of an open file to disk (sync_file_range), and does
 * not wait for it. Errors are left to the sync that follows.
 */
export async function startWriteback(fd: number, offset: number, length: number): Promise<void> {
  checkDescriptor('fd', fd);
  checkSize('offset', offset);
  checkSize('length', length);
  await settled(nativeAddon().startWriteback(fd, offset, length));
}

/** Writes all dirty data of the file system that holds the path to disk (syncfs). */
export async function syncFileSystem(path: Buffer): Promise<void> {
  checkPath('path', path);
  await settled(nativeAddon().syncFileSystem(path));
}

// Entries removed by one call of the addon, some tens of milliseconds: others get the thread then.
const REMOVE_SLICE = 4096;

/**
 * Removes a folder with all below it, however deep; nothing to do when it is absent. No link is
 * followed and no other file system entered (EXDEV, EBUSY). Can be repeated after a failure.
 */
export async function removeTree(path: Buffer, signal?: AbortSignal): Promise<void> {
  checkPath('path', path);
  for (;;) {
    signal?.throwIfAborted();
    if (await settled(nativeAddon().removeTreeSlice(path, REMOVE_SLICE))) return;
  }
}

const LINKED_FOLDERS_PER_CALL = 64;

/**
 * Makes the tree `to` with hard links to all files of the tree `from` and folders like its own,
 * which are open to their owner though; both are names beneath the root. What is there already
 * stays, what cannot be linked is left out. Can be repeated after a failure. Rejects when the file
 * system has no room or fails, and with the signal's reason.
 */
export async function linkTree(
  root: Buffer,
  { from, to }: { readonly from: Buffer; readonly to: Buffer },
  signal?: AbortSignal,
): Promise<void> {
  checkPath('root', root);
  checkPath('from', from);
  checkPath('to', to);
  const waiting: Buffer[] = [Buffer.alloc(0)];
  while (waiting.length > 0) {
    signal?.throwIfAborted();
    const paths = waiting.splice(-LINKED_FOLDERS_PER_CALL);
    const linked = await settled(nativeAddon().linkFolders(root, from, to, paths));
    // One folder may have more of them than a call takes arguments.
    for (const path of [...paths.slice(linked.folderCount), ...linked.folders]) waiting.push(path);
  }
}
