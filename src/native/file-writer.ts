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
 * Writes a large file, past the page cache where the file system does that well. Calls must not
 * overlap; all reject as node:fs does, and then the writer is of no use.
 */
export class FileWriter {
  readonly #writer: NativeFileWriter;

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
    await settled(this.#writer.write(own, offsets));
  }

  /** Writes what is in memory. */
  async flush(): Promise<void> {
    await settled(this.#writer.flush());
  }
}
