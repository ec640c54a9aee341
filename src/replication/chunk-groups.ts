// SPDX-License-Identifier: GPL-2.0-or-later
// Gathers new chunks into groups that are compressed together: those with a base in one, so that
// neighbours share their bases, all others in another.
import {
  CHUNK_SIZE_MAX,
  DELTA_GROUP_SIZE,
  FRAME_BASES_MAX,
  FRAME_RAW_SIZE_MAX,
  GROUP_CHUNKS_MAX,
  GROUP_SIZE,
} from '../base/limits.ts';
import type { ChunkRef } from '../dataset/chunk-list.ts';
import type { ChunkId } from '../dataset/ids.ts';
import { BufferPool, type SharedBuffer } from '../native/buffer-pool.ts';
import { copyBytes } from '../native/memory.ts';

export interface NewChunk {
  readonly id: Buffer;
  readonly bytes: Buffer;
}

export interface ChunkGroup {
  readonly chunks: readonly NewChunk[];
  /** What the bytes of all chunks lie in, end to end; the taker of the group holds it. */
  readonly data: SharedBuffer;
  /** Distinct, at most FRAME_BASES_MAX; with the chunks at most FRAME_RAW_SIZE_MAX bytes. */
  readonly bases: readonly ChunkId[];
}

export class ChunkGroups {
  readonly #plainBuffers = new BufferPool({ size: GROUP_SIZE + CHUNK_SIZE_MAX });
  readonly #deltaBuffers = new BufferPool({ size: DELTA_GROUP_SIZE + CHUNK_SIZE_MAX });
  #plain = new OpenGroup(this.#plainBuffers, GROUP_SIZE);
  #deltas = new OpenGroup(this.#deltaBuffers, DELTA_GROUP_SIZE);

  /** The groups that end with, or before, this chunk, whose bytes are copied. */
  add(chunk: NewChunk, bases: readonly ChunkRef[]): ChunkGroup[] {
    const closed: ChunkGroup[] = [];
    if (bases.length === 0) {
      this.#plain.add(chunk, bases);
      if (this.#plain.isFull) closed.push(this.#closePlain());
      return closed;
    }
    if (!this.#deltas.hasRoom(chunk, bases)) closed.push(this.#closeDeltas());
    this.#deltas.add(chunk, bases);
    if (this.#deltas.isFull) closed.push(this.#closeDeltas());
    return closed;
  }

  /** What is left. */
  finish(): ChunkGroup[] {
    return [this.#closeDeltas(), this.#closePlain()].filter(({ chunks }) => chunks.length > 0);
  }

  #closePlain(): ChunkGroup {
    const group = this.#plain.close();
    this.#plain = new OpenGroup(this.#plainBuffers, GROUP_SIZE);
    return group;
  }

  #closeDeltas(): ChunkGroup {
    const group = this.#deltas.close();
    this.#deltas = new OpenGroup(this.#deltaBuffers, DELTA_GROUP_SIZE);
    return group;
  }
}

class OpenGroup {
  readonly #chunks: NewChunk[] = [];
  readonly #bases = new Map<string, ChunkId>();
  readonly #data: SharedBuffer;
  readonly #fullSize: number;
  #size = 0;
  #baseSize = 0;

  /** Full with the chunk that makes it fullSize or more. */
  constructor(buffers: BufferPool, fullSize: number) {
    this.#data = buffers.take();
    this.#fullSize = fullSize;
  }

  get isFull(): boolean {
    return this.#size >= this.#fullSize || this.#chunks.length === GROUP_CHUNKS_MAX;
  }

  hasRoom(chunk: NewChunk, bases: readonly ChunkRef[]): boolean {
    const added = bases.filter(({ id }) => !this.#bases.has(keyOf(id)));
    const size = added.reduce((sum, { length }) => sum + length, chunk.bytes.length);
    return (
      this.#bases.size + added.length <= FRAME_BASES_MAX &&
      this.#size + this.#baseSize + size <= FRAME_RAW_SIZE_MAX
    );
  }

  add(chunk: NewChunk, bases: readonly ChunkRef[]): void {
    const start = this.#size;
    copyBytes(chunk.bytes, this.#data.bytes, start);
    this.#size += chunk.bytes.length;
    this.#chunks.push({ id: chunk.id, bytes: this.#data.bytes.subarray(start, this.#size) });
    for (const { id, length } of bases) {
      if (this.#bases.has(keyOf(id))) continue;
      this.#bases.set(keyOf(id), id);
      this.#baseSize += length;
    }
  }

  close(): ChunkGroup {
    return { chunks: this.#chunks, data: this.#data, bases: [...this.#bases.values()] };
  }
}

function keyOf(id: ChunkId): string {
  return id.toString('latin1');
}
