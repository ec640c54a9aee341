// SPDX-License-Identifier: GPL-2.0-or-later
// The frames of one pack as columns of numbers: what its trailer says without an object a chunk.
// Chunk ids are kept once for all packs (ChunkSet); here they are numbers of that set.
import assert from 'node:assert/strict';
import type { ChunkId } from '../dataset/ids.ts';
import type { FrameChunk, FrameCodec, FrameEntry } from '../dataset/pack-layout.ts';
import type { ChunkSet } from './chunk-set.ts';

export type FramePlace = Omit<FrameEntry, 'chunks'>;

export class FrameTable {
  readonly #ids: ChunkSet;
  readonly #offsets: Uint32Array;
  readonly #lengths: Uint32Array;
  readonly #rawLengths: Uint32Array;
  readonly #epochs: Uint32Array;
  readonly #codecs: Uint8Array;
  /** Index of each frame's first chunk, and the count of all chunks as the last one. */
  readonly #firstChunks: Uint32Array;
  readonly #chunkIds: Uint32Array;
  /** Where each chunk ends in the raw bytes of its frame. */
  readonly #chunkEnds: Uint32Array;
  /** Bases are rare: only frames of codec zstdPrefix have them. */
  readonly #bases = new Map<number, readonly ChunkId[]>();

  /** Adds the chunks' ids to the set. */
  constructor(ids: ChunkSet, entries: readonly FrameEntry[]) {
    const chunkCount = entries.reduce((sum, entry) => sum + entry.chunks.length, 0);
    this.#ids = ids;
    this.#offsets = Uint32Array.from(entries, (entry) => entry.offset);
    this.#lengths = Uint32Array.from(entries, (entry) => entry.length);
    this.#rawLengths = Uint32Array.from(entries, (entry) => entry.rawLength);
    this.#epochs = Uint32Array.from(entries, (entry) => entry.keyEpoch);
    this.#codecs = Uint8Array.from(entries, (entry) => entry.codec);
    this.#firstChunks = new Uint32Array(entries.length + 1);
    this.#chunkIds = new Uint32Array(chunkCount);
    this.#chunkEnds = new Uint32Array(chunkCount);
    let chunkIndex = 0;
    for (const [frameIndex, entry] of entries.entries()) {
      this.#firstChunks[frameIndex] = chunkIndex;
      if (entry.baseIds.length > 0) this.#bases.set(frameIndex, entry.baseIds.map(copy));
      let end = 0;
      for (const chunk of entry.chunks) {
        end += chunk.rawLength;
        this.#chunkIds[chunkIndex] = ids.add(chunk.id);
        this.#chunkEnds[chunkIndex] = end;
        chunkIndex += 1;
      }
    }
    this.#firstChunks[entries.length] = chunkIndex;
  }

  get frameCount(): number {
    return this.#offsets.length;
  }

  get chunkCount(): number {
    return this.#chunkIds.length;
  }

  /** Indexes of the frames that have bases. */
  framesWithBases(): Iterable<number> {
    return this.#bases.keys();
  }

  /** Number of the chunk's id in the set. */
  chunkIdNumber(chunkIndex: number): number {
    return at(this.#chunkIds, chunkIndex);
  }

  /** Index of the frame that holds the chunk. */
  frameOf(chunkIndex: number): number {
    assert(chunkIndex >= 0 && chunkIndex < this.chunkCount);
    let low = 0;
    let high = this.frameCount - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (at(this.#firstChunks, middle) <= chunkIndex) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Where the chunk lies in the raw bytes of its frame. */
  rangeInFrame(chunkIndex: number, frameIndex: number): { start: number; end: number } {
    const isFirst = chunkIndex === at(this.#firstChunks, frameIndex);
    const start = isFirst ? 0 : at(this.#chunkEnds, chunkIndex - 1);
    return { start, end: at(this.#chunkEnds, chunkIndex) };
  }

  /** Chunks of the frame. */
  chunkCountOf(frameIndex: number): number {
    return at(this.#firstChunks, frameIndex + 1) - at(this.#firstChunks, frameIndex);
  }

  /** The frame as the trailer names it, but for its chunks. */
  place(frameIndex: number): FramePlace {
    return {
      offset: at(this.#offsets, frameIndex),
      length: at(this.#lengths, frameIndex),
      codec: at(this.#codecs, frameIndex) as FrameCodec,
      keyEpoch: at(this.#epochs, frameIndex),
      rawLength: at(this.#rawLengths, frameIndex),
      baseIds: this.#bases.get(frameIndex) ?? [],
    };
  }

  /** The frame as the trailer names it. */
  entry(frameIndex: number): FrameEntry {
    return { ...this.place(frameIndex), chunks: this.chunks(frameIndex) };
  }

  /** The frame's chunks as the trailer names them. */
  chunks(frameIndex: number): FrameChunk[] {
    const first = at(this.#firstChunks, frameIndex);
    return Array.from({ length: this.chunkCountOf(frameIndex) }, (_, index) => {
      const { start, end } = this.rangeInFrame(first + index, frameIndex);
      const id = this.#ids.idAt(at(this.#chunkIds, first + index));
      return { id, rawLength: end - start };
    });
  }
}

function at(column: Uint32Array | Uint8Array, index: number): number {
  const value = column[index];
  assert(value !== undefined, 'the index is within the table');
  return value;
}

/** The trailer's ids share memory with the whole trailer. */
function copy(id: ChunkId): ChunkId {
  return Buffer.from(id);
}
