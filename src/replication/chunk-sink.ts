// SPDX-License-Identifier: GPL-2.0-or-later
// Takes named chunks in order and stores those that no pack has yet: in groups, or as deltas of what
// they resemble. Several groups are encoded at once, and their frames are appended to packs in the
// order of the groups, so that equal input makes equal packs.
import { messageOf } from '../base/errors.ts';
import { NEW_CHUNKS_BATCH_SIZE } from '../base/limits.ts';
import { CHUNK_ID_SIZE } from '../dataset/chunk-list.ts';
import type { ChunkId } from '../dataset/ids.ts';
import type { FrameCodec } from '../dataset/pack-layout.ts';
import { encodeFrames, superFeatures } from '../native/frame.ts';
import type { ChunkSet } from '../store/chunk-set.ts';
import type { FrameToStore } from '../store/pack-writer.ts';
import type { BaseFinder } from './base-finder.ts';
import { ChunkGroups, type ChunkGroup, type NewChunk } from './chunk-groups.ts';
import type { DatasetKeys } from './dataset-keys.ts';

/** Where frames go: the packs of one publish. */
export interface FrameSink {
  append(bytes: Buffer, frames: readonly FrameToStore[]): Promise<void>;
}

/** The chunks of the parent's packs. */
export interface KnownChunks {
  /** Number of the chunk whose id is at ids[offset..offset+32); -1 when no pack holds it. */
  find(ids: Buffer, offset?: number): number;
  readChunks(ids: readonly ChunkId[]): Promise<Buffer[]>;
}

/** Keeps the super-features of new chunks. */
export interface FeatureSink {
  /** features has SUPER_FEATURE_COUNT numbers for each of the next new chunks, in order. */
  add(features: Uint32Array): void;
}

interface Components {
  readonly known: KnownChunks;
  /** Empty at first; gets the chunks of this publish. */
  readonly added: ChunkSet;
  readonly bases: BaseFinder;
  readonly features: FeatureSink;
  readonly frames: FrameSink;
}

interface Init {
  readonly keys: DatasetKeys;
  readonly compressionLevel: number;
  /** Groups that are encoded at once. */
  readonly threads: number;
}

/** New chunks whose super-features are being computed. */
interface Batch {
  readonly chunks: readonly PlacedChunk[];
  readonly features: Promise<Uint32Array>;
}

interface PlacedChunk extends NewChunk {
  /** Number of the chunk of the parent's packs that came before it in the stream, or -1. */
  readonly passed: number;
}

export class ChunkSink {
  readonly #components: Components;
  readonly #init: Init;
  #chunks: PlacedChunk[] = [];
  #size = 0;
  /** As PlacedChunk.passed, of the next new chunk. */
  #passed = -1;
  readonly #batches: Batch[] = [];
  readonly #groups = new ChunkGroups();
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
      const number = known.find(ids, at);
      if (number >= 0) {
        this.#passed = number;
      } else if (!added.has(ids, at)) {
        const id = ids.subarray(at, at + CHUNK_ID_SIZE);
        added.add(id);
        this.#chunks.push({ id, bytes: data.subarray(offset, end), passed: this.#passed });
        this.#passed = -1;
        this.#size += length;
        this.#uniqueBytes += length;
        if (this.#size >= NEW_CHUNKS_BATCH_SIZE) await this.#launch();
      }
      offset = end;
    }
  }

  /** The stream has a chunk of the parent's packs that is not given to add(). */
  pass(id: ChunkId): void {
    const number = this.#components.known.find(id);
    if (number >= 0) this.#passed = number;
  }

  /** Resolves when every chunk lies in a pack. */
  async finish(): Promise<void> {
    if (this.#chunks.length > 0) await this.#launch();
    for (const batch of this.#batches.splice(0)) await this.#take(batch);
    for (const group of this.#groups.finish()) await this.#store(group);
    await this.#tail;
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #launch(): Promise<void> {
    const chunks = this.#chunks;
    this.#chunks = [];
    this.#size = 0;
    const features = superFeatures(chunks.map(({ bytes }) => bytes));
    // A failure is met where the batch is taken.
    features.catch(() => undefined);
    this.#batches.push({ chunks, features });
    if (this.#batches.length <= this.#init.threads) return;
    const first = this.#batches.shift();
    if (first !== undefined) await this.#take(first);
  }

  /** Places the chunks of a batch in groups, and starts to store those that are full. */
  async #take(batch: Batch): Promise<void> {
    const { bases, features } = this.#components;
    const own = await batch.features;
    features.add(own);
    for (const [index, chunk] of batch.chunks.entries()) {
      if (chunk.passed >= 0) bases.pass(chunk.passed);
      const found = bases.basesOf(chunk.bytes.length, own, index);
      for (const group of this.#groups.add(chunk, found)) await this.#store(group);
    }
  }

  async #store(group: ChunkGroup): Promise<void> {
    const encoded = this.#encode(group);
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

  async #encode({
    chunks,
    bases,
  }: ChunkGroup): Promise<{ readonly bytes: Buffer; readonly frames: FrameToStore[] }> {
    const { keys, compressionLevel } = this.#init;
    const { keyEpoch } = keys;
    const baseBytes = await this.#components.known.readChunks(bases);
    const { bytes, frames } = await encodeFrames(
      { ...keys.epochKeys(keyEpoch), keyEpoch, level: compressionLevel },
      chunks.map((chunk) => chunk.bytes),
      bases.map((id, index) => ({ id, bytes: baseBytes[index] ?? Buffer.alloc(0) })),
    );
    const stored = frames.map((frame) => ({
      length: frame.length,
      codec: frame.codec as FrameCodec,
      keyEpoch,
      rawLength: frame.rawLength,
      baseIds: frame.baseIds,
      chunks: frame.chunkIndices.flatMap((index) => {
        const chunk = chunks[index];
        return chunk === undefined ? [] : [{ id: chunk.id, rawLength: chunk.bytes.length }];
      }),
    }));
    return { bytes, frames: stored };
  }
}
