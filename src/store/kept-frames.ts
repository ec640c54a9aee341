// SPDX-License-Identifier: GPL-2.0-or-later
// Frames of several chunks that were decoded last: readers come for one chunk after the other.
import { CHUNK_SIZE_MAX, GROUP_SIZE } from '../base/limits.ts';
import { BufferPool, SharedBuffer } from '../native/buffer-pool.ts';

interface KeptFrame {
  /** Resolves when the frame lies in the buffer. */
  readonly raw: Promise<Buffer>;
  readonly buffer: SharedBuffer;
  readonly size: number;
  users: number;
}

export class KeptFrames {
  /** In the order of their last use. */
  readonly #frames = new Map<string, KeptFrame>();
  readonly #buffers = new BufferPool({ size: GROUP_SIZE + CHUNK_SIZE_MAX });
  readonly #sizeMax: number;
  #size = 0;

  /** So many raw bytes are kept, or those of the frames in use when they are more. */
  constructor(sizeMax: number) {
    this.#sizeMax = sizeMax;
  }

  /**
   * Gives the frame's raw bytes to take, which must not use them longer than it runs. decode fills
   * a buffer of this size; it is called when the frame is not here.
   */
  async use(
    key: string,
    size: number,
    decode: (into: Buffer) => Promise<unknown>,
    take: (raw: Buffer) => Promise<void>,
  ): Promise<void> {
    const kept = this.#frames.get(key) ?? this.#start(key, size, decode);
    this.#frames.delete(key);
    this.#frames.set(key, kept);
    kept.users += 1;
    this.#forgetOldest();
    try {
      await take(await kept.raw);
    } finally {
      kept.users -= 1;
      this.#forgetOldest();
    }
  }

  #start(key: string, size: number, decode: (into: Buffer) => Promise<unknown>): KeptFrame {
    const isUsual = size <= GROUP_SIZE + CHUNK_SIZE_MAX;
    const buffer = isUsual ? this.#buffers.take() : new SharedBuffer(Buffer.allocUnsafeSlow(size));
    const bytes = buffer.bytes.subarray(0, size);
    const kept = { raw: decode(bytes).then(() => bytes), buffer, size, users: 0 };
    this.#size += size;
    // Its users meet the error; the next one tries anew.
    kept.raw.catch(() => {
      this.#forget(key, kept);
    });
    return kept;
  }

  /** What is in use takes up its memory anyway, so the next reader may as well find it. */
  #forgetOldest(): void {
    for (const [key, kept] of this.#frames) {
      if (this.#size <= this.#sizeMax) break;
      if (kept.users === 0) this.#forget(key, kept);
    }
  }

  #forget(key: string, { buffer, size }: KeptFrame): void {
    this.#frames.delete(key);
    this.#size -= size;
    buffer.release();
  }
}
