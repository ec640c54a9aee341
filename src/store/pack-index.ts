// SPDX-License-Identifier: GPL-2.0-or-later
// What the trailer of a pack says, so laid out that a part of it can be used alone: pages of whole
// frames, each with a checksum. A file of this site alone; the pack itself can replace it.
//
// index = header | page*                      numbers as this machine has them, 4 bytes each
// header = magic "MPXI" | version u8 = 1 | zero[3] | pack id[32] | chunkCount | pageCount
//   | (offset | length | firstChunk | baseCount)* | SHA-256 of all before
// page = frameCount | chunkCount | baseCount | 0
//   | offset* | length* | rawLength* | keyEpoch* | codec*   of each frame
//   | firstChunk* | firstBase*                 of each frame, and their counts at the end
//   | chunkEnd*                                of each chunk, in the raw bytes of its frame
//   | chunk id[32]* | base id[32]* | SHA-256 of all before
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { PACK_CHUNKS_MAX } from '../base/limits.ts';
import type { ChunkId, PackId } from '../dataset/ids.ts';
import { idBytes } from '../dataset/ids.ts';
import {
  TRAILER_CHUNK_SIZE,
  scanTrailer,
  type FrameChunk,
  type FrameCodec,
  type FrameEntry,
  type TrailerFrame,
} from '../dataset/pack-layout.ts';

const MAGIC = Buffer.from('MPXI\x01\0\0\0', 'latin1');
const HASH_SIZE = 32;
const ID_SIZE = 32;
const WORD = 4;
const HEAD_SIZE = MAGIC.length + ID_SIZE + 2 * WORD;
const DIRECTORY_WORDS = 4;
const PAGE_HEAD_WORDS = 4;
/** Columns of frames: five of frameCount numbers, two with one more. */
const FRAME_WORDS = 7;
/** A page ends with the frame that fills it: some 80 KB, read at once for one chunk. */
const PAGE_CHUNKS = 2_048;

/** A frame as the trailer names it, but for its chunks. */
export type FramePlace = Omit<FrameEntry, 'chunks'>;

/** Where a page is, and which chunks of the pack are in it. */
export interface PageEntry {
  readonly offset: number;
  readonly length: number;
  readonly firstChunk: number;
  readonly baseCount: number;
}

/** What is kept in memory of a pack's index: where its pages are. */
export class IndexDirectory {
  readonly chunkCount: number;
  readonly #words: Uint32Array;

  constructor(chunkCount: number, words: Uint32Array) {
    this.chunkCount = chunkCount;
    this.#words = words;
  }

  get pageCount(): number {
    return this.#words.length / DIRECTORY_WORDS;
  }

  page(index: number): PageEntry {
    const at = index * DIRECTORY_WORDS;
    return {
      offset: word(this.#words, at),
      length: word(this.#words, at + 1),
      firstChunk: word(this.#words, at + 2),
      baseCount: word(this.#words, at + 3),
    };
  }

  /** Index of the page that has the chunk. */
  pageOf(chunkIndex: number): number {
    assert(chunkIndex >= 0 && chunkIndex < this.chunkCount);
    let low = 0;
    let high = this.pageCount - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (word(this.#words, middle * DIRECTORY_WORDS + 2) <= chunkIndex) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/** Frames of a page, and chunks in it, count from 0. */
export class IndexPage {
  readonly frameCount: number;
  readonly chunkCount: number;
  /** Ids of the chunks, 32 bytes each. */
  readonly ids: Buffer;
  readonly #bases: Buffer;
  readonly #words: Uint32Array;

  /** bytes as they lie in the file, checksum included, and found right. */
  constructor(bytes: Buffer) {
    assert(bytes.byteOffset % WORD === 0);
    this.#words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / WORD);
    this.frameCount = word(this.#words, 0);
    this.chunkCount = word(this.#words, 1);
    const idsAt = WORD * (this.#endsAt + this.chunkCount);
    const basesAt = idsAt + ID_SIZE * this.chunkCount;
    this.ids = bytes.subarray(idsAt, basesAt);
    this.#bases = bytes.subarray(basesAt, bytes.length - HASH_SIZE);
  }

  /** Index of the frame that holds the chunk. */
  frameOf(chunk: number): number {
    let low = 0;
    let high = this.frameCount - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.#firstChunk(middle) <= chunk) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Where the chunk lies in the raw bytes of its frame. */
  rangeInFrame(chunk: number, frame: number): { start: number; end: number } {
    const start = chunk === this.#firstChunk(frame) ? 0 : this.#endOf(chunk - 1);
    return { start, end: this.#endOf(chunk) };
  }

  /** Chunks of the frame. */
  chunkCountOf(frame: number): number {
    return this.#firstChunk(frame + 1) - this.#firstChunk(frame);
  }

  baseCountOf(frame: number): number {
    return this.#firstBase(frame + 1) - this.#firstBase(frame);
  }

  place(frame: number): FramePlace {
    const column = (index: number): number =>
      word(this.#words, PAGE_HEAD_WORDS + index * this.frameCount + frame);
    const first = this.#firstBase(frame);
    return {
      offset: column(0),
      length: column(1),
      rawLength: column(2),
      keyEpoch: column(3),
      codec: column(4) as FrameCodec,
      baseIds: Array.from({ length: this.baseCountOf(frame) }, (_, index) =>
        idAt(this.#bases, first + index),
      ),
    };
  }

  /** The frame's chunks as the trailer names them. */
  chunks(frame: number): FrameChunk[] {
    const first = this.#firstChunk(frame);
    return Array.from({ length: this.chunkCountOf(frame) }, (_, index) => {
      const { start, end } = this.rangeInFrame(first + index, frame);
      return { id: idAt(this.ids, first + index), rawLength: end - start };
    });
  }

  /** The frame as the trailer names it. */
  entry(frame: number): FrameEntry {
    return { ...this.place(frame), chunks: this.chunks(frame) };
  }

  get #firstChunkAt(): number {
    return PAGE_HEAD_WORDS + 5 * this.frameCount;
  }

  get #endsAt(): number {
    return PAGE_HEAD_WORDS + FRAME_WORDS * this.frameCount + 2;
  }

  #firstChunk(frame: number): number {
    return word(this.#words, this.#firstChunkAt + frame);
  }

  #firstBase(frame: number): number {
    return word(this.#words, this.#firstChunkAt + this.frameCount + 1 + frame);
  }

  #endOf(chunk: number): number {
    return word(this.#words, this.#endsAt + chunk);
  }
}

/** The index file of the pack whose trailer this is. ERR_PACK_MALFORMED. */
export function encodeIndex(packId: PackId, trailer: Buffer): Buffer {
  const frames = scanTrailer(trailer);
  const pages = [...pagesOf(frames)].map((page) => encodePage(trailer, page));
  const directory = new Uint32Array(pages.length * DIRECTORY_WORDS);
  let offset = HEAD_SIZE + directory.byteLength + HASH_SIZE;
  let firstChunk = 0;
  for (const [index, page] of pages.entries()) {
    const { chunkCount } = new IndexPage(page);
    const baseCount = page.readUInt32LE(2 * WORD);
    directory.set([offset, page.length, firstChunk, baseCount], index * DIRECTORY_WORDS);
    offset += page.length;
    firstChunk += chunkCount;
  }
  const counts = Uint32Array.of(firstChunk, pages.length);
  const header = [MAGIC, idBytes(packId), bytesOf(counts), bytesOf(directory)];
  return Buffer.concat([...header, hashOf(...header), ...pages]);
}

/** The directory of an index file that is whole; undefined for any other. */
export function decodeIndex(packId: PackId, bytes: Buffer): IndexDirectory | undefined {
  if (bytes.length < HEAD_SIZE || bytes.length % WORD !== 0) return undefined;
  const head = bytes.subarray(0, HEAD_SIZE);
  const countsAt = HEAD_SIZE - 2 * WORD;
  const [chunkCount = 0, pageCount = 0] = wordsOf(head.subarray(countsAt));
  if (chunkCount > PACK_CHUNKS_MAX || pageCount > PACK_CHUNKS_MAX) return undefined;
  const directoryEnd = HEAD_SIZE + pageCount * DIRECTORY_WORDS * WORD;
  const hash = bytes.subarray(directoryEnd, directoryEnd + HASH_SIZE);
  const isRight =
    head.subarray(0, countsAt).equals(Buffer.concat([MAGIC, idBytes(packId)])) &&
    hash.equals(hashOf(bytes.subarray(0, directoryEnd)));
  if (!isRight) return undefined;
  const words = wordsOf(bytes.subarray(HEAD_SIZE, directoryEnd));
  const directory = new IndexDirectory(chunkCount, words);
  let end = directoryEnd + HASH_SIZE;
  for (let index = 0; index < pageCount; index += 1) {
    const { offset, length } = directory.page(index);
    if (offset !== end || !isWholePage(bytes.subarray(offset, offset + length))) return undefined;
    end = offset + length;
  }
  return end === bytes.length ? directory : undefined;
}

/** True when a page is as it was written. */
export function isWholePage(bytes: Buffer): boolean {
  const hash = bytes.subarray(-HASH_SIZE);
  return bytes.length > HASH_SIZE && hash.equals(hashOf(bytes.subarray(0, -HASH_SIZE)));
}

function* pagesOf(frames: readonly TrailerFrame[]): Generator<readonly TrailerFrame[]> {
  let page: TrailerFrame[] = [];
  let chunkCount = 0;
  for (const frame of frames) {
    page.push(frame);
    chunkCount += frame.chunkCount;
    if (chunkCount < PAGE_CHUNKS) continue;
    yield page;
    page = [];
    chunkCount = 0;
  }
  if (page.length > 0) yield page;
}

function encodePage(trailer: Buffer, frames: readonly TrailerFrame[]): Buffer {
  const chunkCount = frames.reduce((sum, frame) => sum + frame.chunkCount, 0);
  const baseCount = frames.reduce((sum, frame) => sum + frame.baseCount, 0);
  const frameCount = frames.length;
  const endsAt = PAGE_HEAD_WORDS + FRAME_WORDS * frameCount + 2;
  const idsAt = WORD * (endsAt + chunkCount);
  const basesAt = idsAt + ID_SIZE * chunkCount;
  const hashAt = basesAt + ID_SIZE * baseCount;
  const bytes = Buffer.allocUnsafeSlow(hashAt + HASH_SIZE);
  const words = new Uint32Array(bytes.buffer, 0, idsAt / WORD);
  words.set([frameCount, chunkCount, baseCount, 0]);
  let chunk = 0;
  let base = 0;
  const columns = PAGE_HEAD_WORDS;
  for (const [index, frame] of frames.entries()) {
    const { offset, length, rawLength, keyEpoch, codec } = frame;
    for (const [column, value] of [offset, length, rawLength, keyEpoch, codec, chunk].entries()) {
      words[columns + column * frameCount + index] = value;
    }
    words[columns + 6 * frameCount + 1 + index] = base;
    let end = 0;
    for (let at = frame.chunksAt; at < chunksEnd(frame); at += TRAILER_CHUNK_SIZE) {
      end += trailer.readUInt32LE(at + ID_SIZE);
      words[endsAt + chunk] = end;
      trailer.copy(bytes, idsAt + chunk * ID_SIZE, at, at + ID_SIZE);
      chunk += 1;
    }
    const { basesAt: from, baseCount: count } = frame;
    trailer.copy(bytes, basesAt + base * ID_SIZE, from, from + count * ID_SIZE);
    base += count;
  }
  words[columns + 6 * frameCount] = chunk;
  words[columns + 7 * frameCount + 1] = base;
  hashOf(bytes.subarray(0, hashAt)).copy(bytes, hashAt);
  return bytes;
}

function chunksEnd({ chunksAt, chunkCount }: TrailerFrame): number {
  return chunksAt + chunkCount * TRAILER_CHUNK_SIZE;
}

function hashOf(...pieces: readonly Buffer[]): Buffer {
  const hash = createHash('sha256');
  for (const piece of pieces) hash.update(piece);
  return hash.digest();
}

/** A copy: what is kept of a file must not hold all of it. */
function wordsOf(bytes: Buffer): Uint32Array {
  const copy = new Uint32Array(bytes.length / WORD);
  bytes.copy(bytesOf(copy));
  return copy;
}

function bytesOf(words: Uint32Array): Buffer {
  return Buffer.from(words.buffer, words.byteOffset, words.byteLength);
}

/** A copy: the page may go before it. */
function idAt(ids: Buffer, index: number): ChunkId {
  return Buffer.from(ids.subarray(index * ID_SIZE, (index + 1) * ID_SIZE));
}

function word(words: Uint32Array, index: number): number {
  const value = words[index];
  assert(value !== undefined, 'the index is within the page');
  return value;
}
