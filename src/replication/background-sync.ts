// SPDX-License-Identifier: GPL-2.0-or-later
// Brings files to disk while further ones are written, so that little is left for the sync at the
// end: by itself the kernel begins only when a good part of the memory is dirty.
import { SYNC_BATCH_SIZE } from '../base/limits.ts';
import { syncFileSystem } from '../native/file-system.ts';

export class BackgroundSync {
  readonly #path: Buffer;
  #dirtyBytes = 0;
  #running: Promise<void> | undefined;

  /** path: anything on the file system. */
  constructor(init: { readonly path: Buffer }) {
    this.#path = init.path;
  }

  /** Call with the bytes that are being written. */
  wrote(bytes: number): void {
    this.#dirtyBytes += bytes;
    if (this.#dirtyBytes < SYNC_BATCH_SIZE || this.#running !== undefined) return;
    this.#dirtyBytes = 0;
    this.#running = syncFileSystem(this.#path)
      // The sync at the end fails as well, and tells.
      .catch(() => undefined)
      .finally(() => (this.#running = undefined));
  }

  /** Resolves when none is under way. */
  async settle(): Promise<void> {
    await this.#running;
  }
}
