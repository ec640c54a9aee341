// SPDX-License-Identifier: GPL-2.0-or-later
import { nativeAddon, settled, type NativeFileWriter } from './addon.ts';
import { checkBuffers, checkDescriptor, checkSize } from './argument-checks.ts';
import { NATIVE_BATCH_ITEMS_MAX } from '../base/limits.ts';

/** Bytes at an offset of a file. */
export interface PlacedPiece {
  readonly offset: number;
  readonly bytes: Buffer;
}

/**
 * Writes a large file, past the page cache where the file system does that well. Calls run in
 * their order; they reject as node:fs does, and then so do all that follow.
 */
export class FileWriter {
  readonly #writer: NativeFileWriter;
  #tail: Promise<void> = Promise.resolve();

  /** The file is open for writing, and stays open while a call runs. */
  constructor(fd: number) {
    checkDescriptor('fd', fd);
    this.#writer = new (nativeAddon().FileWriter)(fd);
  }

  /** Pieces that follow each other go to disk together. Some stay in memory until flush(). */
  async write(pieces: readonly PlacedPiece[]): Promise<void> {
    const buffers = pieces.map(({ bytes }) => bytes);
    for (const { offset } of pieces) checkSize('offset', offset);
    const own = checkBuffers('pieces', buffers, NATIVE_BATCH_ITEMS_MAX);
    const offsets = Float64Array.from(pieces, ({ offset }) => offset);
    await this.#run(() => this.#writer.write(own, offsets));
  }

  /** Writes what is in memory. */
  async flush(): Promise<void> {
    await this.#run(() => this.#writer.flush());
  }

  async #run(call: () => Promise<void>): Promise<void> {
    this.#tail = this.#tail.then(() => settled(call()));
    await this.#tail;
  }
}
