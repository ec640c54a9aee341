// SPDX-License-Identifier: GPL-2.0-or-later
// Frames of several chunks that were decoded last: readers come for one chunk after the other.
import { CHUNK_SIZE_MAX, GROUP_SIZE } from '../base/limits.ts';
import { BufferPool, SharedBuffer } from '../native/buffer-pool.ts';

interface KeptFrame {
  /** Its buffer is held for the frame's place here. */
  readonly raw: Promise<SharedBuffer>;
  readonly size: number;
}

export class KeptFrames {
  /** In the order of their last use. */
  readonly #frames = new Map<string, KeptFrame>();
  readonly #buffers = new BufferPool({ size: GROUP_SIZE + CHUNK_SIZE_MAX });
  readonly #sizeMax: number;
  #size = 0;

  /** So many raw bytes are kept. */
  constructor(sizeMax: number) {
    this.#sizeMax = sizeMax;
  }

  /**
   * The frame's raw bytes, which the caller is to release. decode fills the start of a buffer of
   * this size; it is called when the frame is not here.
   */
  async hold(
    key: string,
    size: number,
    decode: (into: Buffer) => Promise<unknown>,
  ): Promise<SharedBuffer> {
    const kept = this.#frames.get(key) ?? this.#start(size, decode);
    this.#frames.delete(key);
    this.#frames.set(key, kept);
    // Counted at once: it may be forgotten before it is decoded.
    const held = kept.raw.then((raw) => {
      raw.hold();
      return raw;
    });
    this.#forgetOldest();
    try {
      return await held;
    } catch (error) {
      if (this.#frames.get(key) === kept) this.#forget(key);
      throw error;
    }
  }

  #start(size: number, decode: (into: Buffer) => Promise<unknown>): KeptFrame {
    const isUsual = size <= GROUP_SIZE + CHUNK_SIZE_MAX;
    const raw = isUsual ? this.#buffers.take() : new SharedBuffer(Buffer.allocUnsafeSlow(size));
    this.#size += size;
    return { raw: decode(raw.bytes.subarray(0, size)).then(() => raw), size };
  }

  #forgetOldest(): void {
    for (const [key] of this.#frames) {
      if (this.#size <= this.#sizeMax) break;
      this.#forget(key);
    }
  }

  #forget(key: string): void {
    const kept = this.#frames.get(key);
    this.#frames.delete(key);
    this.#size -= kept?.size ?? 0;
    kept?.raw.then(
      (raw) => raw.release(),
      () => undefined,
    );
  }
}
