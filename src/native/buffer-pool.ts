// SPDX-License-Identifier: GPL-2.0-or-later
// Buffers that are used again. They lie in shared memory, which the collector does not count: it
// would run for them alone, over and over. copyBytes() is the fast way to copy from and to them.
import { POOLED_GARBAGE_SIZE_MAX } from '../base/limits.ts';
import { announceGarbage } from './memory.ts';

/** Bytes of all pools that were made since the collector was last told of them. */
let uncountedSize = 0;

function makeBuffer(size: number): Buffer {
  uncountedSize += size;
  if (uncountedSize > POOLED_GARBAGE_SIZE_MAX) {
    announceGarbage(uncountedSize);
    uncountedSize = 0;
  }
  return Buffer.from(new SharedArrayBuffer(size));
}

/** A buffer that several users hold; after the last release it may be filled anew. */
export class SharedBuffer {
  readonly bytes: Buffer;
  readonly #onFree: (bytes: Buffer) => void;
  #holders = 1;

  constructor(bytes: Buffer, onFree: (bytes: Buffer) => void = () => undefined) {
    this.bytes = bytes;
    this.#onFree = onFree;
  }

  /** One more user, who releases it too. */
  hold(): void {
    this.#holders += 1;
  }

  release(): void {
    this.#holders -= 1;
    if (this.#holders === 0) this.#onFree(this.bytes);
  }
}

/** As many buffers as are in use at the same time; one that is never released is let go. */
export class BufferPool {
  readonly #size: number;
  readonly #free: Buffer[] = [];

  /** size in bytes, of each buffer. */
  constructor(init: { readonly size: number }) {
    this.#size = init.size;
  }

  /** Its content is what was in it before. The taker holds it. */
  take(): SharedBuffer {
    const bytes = this.#free.pop() ?? makeBuffer(this.#size);
    return new SharedBuffer(bytes, (free) => this.#free.push(free));
  }
}
