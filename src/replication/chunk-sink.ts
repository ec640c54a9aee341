// SPDX-License-Identifier: GPL-2.0-or-later
// Takes named chunks in order and stores those that no pack has yet: frames are made several
// batches at once, and appended to packs in the order of the chunks, so that equal input makes
// equal packs.
import { messageOf } from '../base/errors.ts';
import { ENCODE_BATCH_SIZE } from '../base/limits.ts';
import { CHUNK_ID_SIZE } from '../dataset/chunk-list.ts';
import { FRAME_CODEC } from '../dataset/pack-layout.ts';
import { encodeFrames } from '../native/frame.ts';
import type { ChunkSet } from '../store/chunk-set.ts';
import type { FrameToStore } from '../store/pack-writer.ts';
import type { DatasetKeys } from './dataset-keys.ts';

/** Where frames go: the packs of one publish. */
export interface FrameSink {
  append(bytes: Buffer, frames: readonly FrameToStore[]): Promise<void>;
}

/** Tells which chunks earlier packs hold. */
export interface KnownChunks {
  /** ids holds 32 bytes at offset. */
  has(ids: Buffer, offset?: number): boolean;
}

interface Components {
  readonly known: KnownChunks;
  /** Empty at first; gets the chunks of this publish. */
  readonly added: ChunkSet;
  readonly frames: FrameSink;
}

interface Init {
  readonly keys: DatasetKeys;
  readonly compressionLevel: number;
  /** Batches that are encoded at once. */
  readonly threads: number;
}

interface NewChunk {
  readonly id: Buffer;
  readonly bytes: Buffer;
}

export class ChunkSink {
  readonly #components: Components;
  readonly #init: Init;
  #batch: NewChunk[] = [];
  #batchSize = 0;
  #uniqueBytes = 0;
  #packBytes = 0;
  /** Appends in order; each waits for its own frames and for the append before. */
  readonly #running: Promise<void>[] = [];
  #tail: Promise<void> = Promise.resolve();
  #failure: Error | undefined;

  constructor(components: Components, init: Init) {
    this.#components = components;
    this.#init = init;
  }

  /** Raw bytes of the chunks that were new. */
  get uniqueBytes(): number {
    return this.#uniqueBytes;
  }

  /** Bytes of the frames made of them so far. */
  get packBytes(): number {
    return this.#packBytes;
  }

  /**
   * Takes chunks that lie in data one after another from start on; ids has 32 bytes for each
   * length. The buffers must not change later. Resolves when there is room for more.
   */
  async add(data: Buffer, start: number, lengths: Uint32Array, ids: Buffer): Promise<void> {
    const { added, known } = this.#components;
    let offset = start;
    for (const [index, length] of lengths.entries()) {
      const end = offset + length;
      const at = index * CHUNK_ID_SIZE;
      if (!added.has(ids, at) && !known.has(ids, at)) {
        const id = ids.subarray(at, at + CHUNK_ID_SIZE);
        added.add(id);
        this.#batch.push({ id, bytes: data.subarray(offset, end) });
        this.#batchSize += length;
        this.#uniqueBytes += length;
        if (this.#batchSize >= ENCODE_BATCH_SIZE) await this.#launch();
      }
      offset = end;
    }
  }

  /** Resolves when every chunk lies in a pack. */
  async finish(): Promise<void> {
    if (this.#batch.length > 0) await this.#launch();
    await this.#tail;
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #launch(): Promise<void> {
    const chunks = this.#batch;
    this.#batch = [];
    this.#batchSize = 0;
    const encoded = this.#encode(chunks);
    const appended = Promise.all([encoded, this.#tail]).then(async ([{ bytes, frames }]) => {
      if (this.#failure !== undefined) return;
      await this.#components.frames.append(bytes, frames);
      this.#packBytes += bytes.length;
    });
    // A failure is kept for the next add() or finish(), so that no promise is left unwatched.
    this.#tail = appended.catch((error: unknown) => {
      this.#failure ??= error instanceof Error ? error : new Error(messageOf(error));
    });
    this.#running.push(this.#tail);
    while (this.#running.length > this.#init.threads) await this.#running.shift();
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #encode(
    chunks: readonly NewChunk[],
  ): Promise<{ readonly bytes: Buffer; readonly frames: FrameToStore[] }> {
    const { keys, compressionLevel } = this.#init;
    const { keyEpoch } = keys;
    const { bytes, frames } = await encodeFrames(
      { ...keys.epochKeys(keyEpoch), keyEpoch, level: compressionLevel },
      chunks.map((chunk) => chunk.bytes),
    );
    return {
      bytes,
      frames: frames.map(({ length, codec, rawLength }, index) => ({
        length,
        codec: codec === FRAME_CODEC.raw ? FRAME_CODEC.raw : FRAME_CODEC.zstd,
        keyEpoch,
        rawLength,
        baseIds: [],
        chunks: [{ id: chunks[index]?.id ?? Buffer.alloc(0), rawLength }],
      })),
    };
  }
}
