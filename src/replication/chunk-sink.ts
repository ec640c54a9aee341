// SPDX-License-Identifier: GPL-2.0-or-later
// Takes named chunks in order and stores those that no pack has yet: in groups, or as deltas of
// what they resemble. Several groups are encoded at once, and their frames are appended to packs in
// the order of the groups, so that equal input makes equal packs.
import { messageOf } from '../base/errors.ts';
import {
  CHUNK_SIZE_MAX,
  FRAME_RAW_SIZE_MAX,
  GROUP_CHUNKS_MAX,
  GROUP_SIZE,
  NEW_CHUNKS_BATCH_SIZE,
  NEW_CHUNKS_BUFFERS_MAX,
} from '../base/limits.ts';
import { CHUNK_ID_SIZE } from '../dataset/chunk-list.ts';
import type { ChunkId } from '../dataset/ids.ts';
import type { FrameCodec } from '../dataset/pack-layout.ts';
import { BufferPool, type SharedBuffer } from '../native/buffer-pool.ts';
import { encodeFrames, encodedSizeMax, superFeatures, type BaseChunk } from '../native/frame.ts';
import type { FrameToStore } from '../store/pack-writer.ts';
import type { BaseFinder } from './base-finder.ts';
import { ChunkGroups, type ChunkGroup, type NewChunk } from './chunk-groups.ts';
import type { DatasetKeys } from './dataset-keys.ts';
import type { NewChunks } from './new-chunks.ts';

/** Where frames go: the packs of one publish. */
export interface FrameSink {
  /** The bytes are the caller's again when it resolves. */
  append(bytes: Buffer, frames: readonly FrameToStore[]): Promise<void>;
}

/** The chunks of the parent's packs. */
export interface KnownChunks {
  /** Number of the chunk whose id is at ids[offset..offset+32); -1 when no pack holds it. */
  find(ids: Buffer, offset?: number): number;
  /** The chunks, in order, in the buffer, which has room for them. */
  readBasesInto(ids: readonly ChunkId[], into: Buffer): Promise<Buffer[]>;
}

interface Components {
  readonly known: KnownChunks;
  /** Empty at first; gets the chunks of this publish. */
  readonly added: NewChunks;
  readonly bases: BaseFinder;
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
  /** What the bytes lie in, held for the chunk. */
  readonly data: SharedBuffer;
  /** What came before it in the stream and is in the parent's packs. */
  readonly passed: Passed | undefined;
}

interface Passed {
  /** Number of the last chunk of it. */
  readonly number: number;
  readonly bytes: number;
}

interface EncodedGroup {
  /** What the bytes lie in, held for them. */
  readonly data: SharedBuffer;
  readonly bytes: Buffer;
  readonly frames: readonly FrameToStore[];
}

/** Bases of a group, in a buffer of their own. */
interface Prefix {
  readonly data: SharedBuffer;
  readonly bases: readonly BaseChunk[];
}

const ENCODED_SIZE_MAX = encodedSizeMax(GROUP_SIZE + CHUNK_SIZE_MAX, GROUP_CHUNKS_MAX);

export class ChunkSink {
  readonly #components: Components;
  readonly #init: Init;
  #chunks: PlacedChunk[] = [];
  #size = 0;
  /** What those chunks hold. */
  readonly #buffers = new Set<SharedBuffer>();
  /** As PlacedChunk.passed, of the next new chunk. */
  #passed: Passed | undefined;
  readonly #batches: Batch[] = [];
  readonly #groups = new ChunkGroups();
  readonly #prefixes = new BufferPool({ size: FRAME_RAW_SIZE_MAX });
  readonly #encoded = new BufferPool({ size: ENCODED_SIZE_MAX });
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

  /** As put(); resolves when there is room for more. */
  async add(data: SharedBuffer, start: number, lengths: Uint32Array, ids: Buffer): Promise<void> {
    this.put(data, start, lengths, ids);
    if (this.isFull) await this.flush();
  }

  /** It is time for flush(). */
  get isFull(): boolean {
    return this.#size >= NEW_CHUNKS_BATCH_SIZE || this.#buffers.size > NEW_CHUNKS_BUFFERS_MAX;
  }

  /**
   * Takes chunks that lie in data one after another from start on; ids has 32 bytes for each
   * length. What is needed later of the data is held.
   */
  put(data: SharedBuffer, start: number, lengths: Uint32Array, ids: Buffer): void {
    const { added, known } = this.#components;
    let offset = start;
    for (const [index, length] of lengths.entries()) {
      const end = offset + length;
      const at = index * CHUNK_ID_SIZE;
      const number = known.find(ids, at);
      if (number >= 0) {
        this.#passed = { number, bytes: (this.#passed?.bytes ?? 0) + length };
      } else if (!added.has(ids, at)) {
        const id = ids.subarray(at, at + CHUNK_ID_SIZE);
        added.add(id);
        data.hold();
        const bytes = data.bytes.subarray(offset, end);
        this.#chunks.push({ id, bytes, data, passed: this.#passed });
        this.#passed = undefined;
        this.#size += length;
        this.#uniqueBytes += length;
        this.#buffers.add(data);
      }
      offset = end;
    }
  }

  /** The stream has a chunk of the parent's packs that is not given to put(). */
  pass(id: ChunkId): void {
    const number = this.#components.known.find(id);
    if (number >= 0) this.#passed = { number, bytes: Infinity };
  }

  /** Resolves when every chunk lies in a pack. */
  async finish(): Promise<void> {
    if (this.#chunks.length > 0) await this.flush();
    for (const batch of this.#batches.splice(0)) await this.#take(batch);
    for (const group of this.#groups.finish()) await this.#store(group);
    await this.#tail;
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Has what was put here looked at and stored; resolves when there is room for more. */
  async flush(): Promise<void> {
    const chunks = this.#chunks;
    this.#chunks = [];
    this.#size = 0;
    this.#buffers.clear();
    const features = superFeatures(chunks.map(({ bytes }) => bytes));
    // A failure is met where the batch is taken.
    features.catch(() => undefined);
    this.#batches.push({ chunks, features });
    // One more is looked at while this one is placed.
    if (this.#batches.length < 2) return;
    const first = this.#batches.shift();
    if (first !== undefined) await this.#take(first);
  }

  /** Places the chunks of a batch in groups, and starts to store those that are full. */
  async #take(batch: Batch): Promise<void> {
    const { added, bases } = this.#components;
    const own = await batch.features;
    const ids = batch.chunks.map(({ id }) => id);
    added.addFeatures(ids, own);
    for (const [index, chunk] of batch.chunks.entries()) {
      if (chunk.passed !== undefined) bases.pass(chunk.passed.number, chunk.passed.bytes);
      const found = bases.basesOf(chunk.bytes.length, own, index);
      const closed = this.#groups.add(chunk, found);
      chunk.data.release();
      for (const group of closed) await this.#store(group);
    }
  }

  async #store(group: ChunkGroup): Promise<void> {
    const encoded = this.#encode(group);
    const appended = Promise.all([encoded, this.#tail]).then(async ([{ data, bytes, frames }]) => {
      if (this.#failure !== undefined) return;
      await this.#components.frames.append(bytes, frames);
      this.#packBytes += bytes.length;
      data.release();
    });
    // A failure is kept for the next add() or finish(), so that no promise is left unwatched.
    this.#tail = appended.catch((error: unknown) => {
      this.#failure ??= error instanceof Error ? error : new Error(messageOf(error));
    });
    this.#running.push(this.#tail);
    // Two more than there are threads: one waits for its turn, and the next is gathered.
    while (this.#running.length > this.#init.threads + 1) await this.#running.shift();
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #encode({ chunks, data, bases }: ChunkGroup): Promise<EncodedGroup> {
    const { keys, compressionLevel } = this.#init;
    const { keyEpoch } = keys;
    const prefix = await this.#readBases(bases);
    const into = this.#encoded.take();
    const { bytes, frames } = await encodeFrames(
      { ...keys.epochKeys(keyEpoch), keyEpoch, level: compressionLevel },
      chunks.map((chunk) => chunk.bytes),
      prefix.bases,
      into.bytes,
    );
    prefix.data.release();
    data.release();
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
    return { data: into, bytes, frames: stored };
  }

  async #readBases(ids: readonly ChunkId[]): Promise<Prefix> {
    const data = this.#prefixes.take();
    const chunks = await this.#components.known.readBasesInto(ids, data.bytes);
    const bases = chunks.map((bytes, index) => ({ id: ids[index] ?? Buffer.alloc(0), bytes }));
    return { data, bases };
  }
}
