// SPDX-License-Identifier: GPL-2.0-or-later
// The file that a pack is:
//   header[8] | frame* | padding (zeros) | trailer frame | footer[32]
// Frames lie one after another from the header on, so offsets follow from lengths. The trailer says
// which chunks they hold; it is encrypted as a frame itself. The footer is clear and locates it.
import assert from 'node:assert/strict';
import {
  FRAME_BASES_MAX,
  FRAME_RAW_SIZE_MAX,
  GROUP_CHUNKS_MAX,
  PACK_CHUNKS_MAX,
  PACK_SIZE_MAX,
  TRAILER_RAW_SIZE_MAX,
} from '../base/limits.ts';
import { assertDecodes } from '../bytes/malformed.ts';
import { BufferReader } from '../bytes/reader.ts';
import { BufferWriter } from '../bytes/writer.ts';
import { BLOCK_SIZE, PART_SIZE } from '../ed2k/constants.ts';
import { CHUNK_ID_HMAC_SHA256 } from './genesis.ts';
import type { ChunkId } from './ids.ts';

/** First bytes of every pack: magic and layout version. */
export const PACK_HEADER = Buffer.from('MPXPACK\x01', 'latin1');
export const PACK_HEADER_SIZE = PACK_HEADER.length;
export const PACK_FOOTER_SIZE = 32;
/** Salt and tag around the ciphertext of a frame. */
export const FRAME_OVERHEAD = 48;

/** How the bytes of a frame were made before encryption; the number is part of the AAD. */
export const FRAME_CODEC = { raw: 0, zstd: 1, zstdGroup: 2, zstdPrefix: 3 } as const;
export type FrameCodec = (typeof FRAME_CODEC)[keyof typeof FRAME_CODEC];

const TRAILER_FORMAT = { code: 'ERR_PACK_MALFORMED', name: 'pack trailer' } as const;
const FOOTER_FORMAT = { code: 'ERR_PACK_MALFORMED', name: 'pack footer' } as const;
const TRAILER_MAGIC = Buffer.from('MPXT\x01', 'latin1');
const FOOTER_MAGIC = Buffer.from('MPXFOOT\x01', 'latin1');
const CHUNK_ID_SIZE = 32;
/** Bytes of a frame in the trailer beside bases and chunks. */
const FRAME_FIELDS_SIZE = 18;
const CHUNK_FIELDS_SIZE = CHUNK_ID_SIZE + 4;
const TRAILER_FIELDS_SIZE = TRAILER_MAGIC.length + 3 + 4;

export interface FrameChunk {
  readonly id: ChunkId;
  /** Where it starts in the raw frame is the sum of those before it. */
  readonly rawLength: number;
}

export interface FrameEntry {
  /** In the pack. */
  readonly offset: number;
  /** Stored: FRAME_OVERHEAD and ciphertext. */
  readonly length: number;
  readonly codec: FrameCodec;
  readonly keyEpoch: number;
  readonly rawLength: number;
  /** Chunks whose bytes, one after another, are the zstd prefix; for codec zstdPrefix only. */
  readonly baseIds: readonly ChunkId[];
  readonly chunks: readonly FrameChunk[];
}

export interface PackFooter {
  readonly trailerOffset: number;
  readonly trailerLength: number;
  /** Of the trailer's frame: what its AAD names. */
  readonly rawLength: number;
  readonly codec: FrameCodec;
  readonly keyEpoch: number;
}

/** Every pack has the same header. */
export function encodePackHeader(): Buffer {
  return Buffer.from(PACK_HEADER);
}

/**
 * Zeros to put before the trailer, given the size the pack has without: the last part must be
 * longer than one block unless it is the only one, because AICH recovers no part of a single block.
 */
export function packPadding(size: number): number {
  const lastPart = size % PART_SIZE;
  if (size < PART_SIZE || lastPart > BLOCK_SIZE) return 0;
  // An exact multiple is legal, but its extra empty part hash is a corner of eD2k better avoided.
  return BLOCK_SIZE + 1 - lastPart;
}

/** Bytes that this frame takes in the trailer. */
export function trailerEntrySize(entry: FrameEntry): number {
  return (
    FRAME_FIELDS_SIZE +
    entry.baseIds.length * CHUNK_ID_SIZE +
    entry.chunks.length * CHUNK_FIELDS_SIZE
  );
}

/** True when a pack with these totals (of trailerEntrySize and of chunks) can take no more. */
export function isTrailerFull(entriesSize: number, chunkCount: number): boolean {
  // The next frame may be one of as many chunks as a group has.
  const reserve = FRAME_FIELDS_SIZE + (FRAME_BASES_MAX + GROUP_CHUNKS_MAX) * CHUNK_FIELDS_SIZE;
  const sizeMax = TRAILER_RAW_SIZE_MAX - TRAILER_FIELDS_SIZE - reserve;
  return chunkCount > PACK_CHUNKS_MAX - GROUP_CHUNKS_MAX || entriesSize > sizeMax;
}

/**
 * A trailer as it grows: 36 bytes a chunk, without an object for each.
 *
 * trailer = magic "MPXT" | version u8 = 1 | chunkIdAlgorithm u8 | zero u16le | frameCount u32le
 *   | (length u32le | codec u8 | keyEpoch u32le | rawLength u32le
 *      | baseCount u8 | baseId[32]* | chunkCount u32le | (id[32] | rawLength u32le)*)*
 */
export class TrailerWriter {
  readonly #writer = new BufferWriter();
  #frameCount = 0;
  #end = PACK_HEADER_SIZE;

  constructor() {
    this.#writer.bytes(TRAILER_MAGIC).u8(CHUNK_ID_HMAC_SHA256).u16le(0).u32le(0);
  }

  get frameCount(): number {
    return this.#frameCount;
  }

  add(entry: FrameEntry): void {
    const writer = this.#writer;
    assert(entry.offset === this.#end, 'frames lie one after another');
    this.#end += entry.length;
    this.#frameCount += 1;
    writer.u32le(entry.length).u8(entry.codec).u32le(entry.keyEpoch).u32le(entry.rawLength);
    writer.u8(entry.baseIds.length);
    for (const id of entry.baseIds) writer.bytes(id);
    writer.u32le(entry.chunks.length);
    for (const chunk of entry.chunks) writer.bytes(chunk.id).u32le(chunk.rawLength);
  }

  /** The trailer; nothing can be added later. */
  finish(): Buffer {
    this.#writer.setU32le(TRAILER_FIELDS_SIZE - 4, this.#frameCount);
    const trailer = this.#writer.toBuffer();
    assertDecodes('pack trailer', () => scanTrailer(trailer));
    return trailer;
  }
}

export function encodeTrailer(entries: readonly FrameEntry[]): Buffer {
  const writer = new TrailerWriter();
  for (const entry of entries) writer.add(entry);
  return writer.finish();
}

/** A frame of a trailer: where in the trailer its ids are. */
export interface TrailerFrame extends Omit<FrameEntry, 'baseIds' | 'chunks'> {
  readonly baseCount: number;
  /** Base ids, 32 bytes each. */
  readonly basesAt: number;
  readonly chunkCount: number;
  /** TRAILER_CHUNK_SIZE each: id[32] | rawLength u32le. */
  readonly chunksAt: number;
}

export const TRAILER_CHUNK_SIZE = CHUNK_FIELDS_SIZE;

/** The frames of the plaintext of a trailer, each checked. ERR_PACK_MALFORMED. */
export function scanTrailer(bytes: Buffer): TrailerFrame[] {
  const reader = new BufferReader(bytes, TRAILER_FORMAT);
  reader.expect(TRAILER_MAGIC, 'magic');
  if (reader.u8('chunkIdAlgorithm') !== CHUNK_ID_HMAC_SHA256) {
    throw reader.error('chunkIdAlgorithm', 'is unknown');
  }
  if (reader.u16le('zero') !== 0) throw reader.error('zero', 'is not 0');
  const frameCount = reader.u32le('frameCount');
  if (frameCount > PACK_CHUNKS_MAX) throw reader.error('frameCount', 'is too large');
  const frames: TrailerFrame[] = [];
  let offset = PACK_HEADER_SIZE;
  let chunkCount = 0;
  for (let index = 0; index < frameCount; index += 1) {
    const frame = readFrame(reader, offset);
    frames.push(frame);
    offset += frame.length;
    chunkCount += frame.chunkCount;
    if (chunkCount > PACK_CHUNKS_MAX) throw reader.error('frames', 'name too many chunks');
  }
  if (offset > PACK_SIZE_MAX) throw reader.error('frames', 'are longer than a pack');
  reader.end();
  return frames;
}

/** A chunk of a trailer. */
export interface TrailerChunk {
  /** Shares memory with the trailer. */
  readonly id: Buffer;
  /** Its frame has bases. */
  readonly isDelta: boolean;
}

/** The chunks of a trailer, in order, one object at a time. */
export function* chunksOf(trailer: Buffer): Generator<TrailerChunk> {
  for (const { baseCount, chunkCount, chunksAt } of scanTrailer(trailer)) {
    const isDelta = baseCount > 0;
    const end = chunksAt + chunkCount * CHUNK_FIELDS_SIZE;
    for (let at = chunksAt; at < end; at += CHUNK_FIELDS_SIZE) {
      yield { id: trailer.subarray(at, at + CHUNK_ID_SIZE), isDelta };
    }
  }
}

export function chunkCountOf(trailer: Buffer): number {
  return scanTrailer(trailer).reduce((sum, { chunkCount }) => sum + chunkCount, 0);
}

/** The plaintext of the trailer; ids share memory with it. ERR_PACK_MALFORMED. */
export function decodeTrailer(bytes: Buffer): FrameEntry[] {
  return scanTrailer(bytes).map((frame) => {
    const { offset, length, codec, keyEpoch, rawLength } = frame;
    const idAt = (at: number): ChunkId => bytes.subarray(at, at + CHUNK_ID_SIZE);
    const baseIds = Array.from({ length: frame.baseCount }, (_, index) =>
      idAt(frame.basesAt + index * CHUNK_ID_SIZE),
    );
    const chunks = Array.from({ length: frame.chunkCount }, (_, index) => {
      const at = frame.chunksAt + index * CHUNK_FIELDS_SIZE;
      return { id: idAt(at), rawLength: bytes.readUInt32LE(at + CHUNK_ID_SIZE) };
    });
    return { offset, length, codec, keyEpoch, rawLength, baseIds, chunks };
  });
}

/**
 * footer = trailerOffset u64le | trailerLength u32le | rawLength u32le | keyEpoch u32le | codec u8
 *   | zero[3] | magic "MPXFOOT" | version u8 = 1
 */
export function encodeFooter(footer: PackFooter): Buffer {
  const bytes = new BufferWriter(PACK_FOOTER_SIZE)
    .u64le(footer.trailerOffset)
    .u32le(footer.trailerLength)
    .u32le(footer.rawLength)
    .u32le(footer.keyEpoch)
    .u8(footer.codec)
    .bytes(Buffer.alloc(3))
    .bytes(FOOTER_MAGIC)
    .toBuffer();
  assertDecodes('pack footer', () => decodeFooter(bytes));
  return bytes;
}

/** The last PACK_FOOTER_SIZE bytes of a pack. ERR_PACK_MALFORMED. */
export function decodeFooter(bytes: Buffer): PackFooter {
  const reader = new BufferReader(bytes, FOOTER_FORMAT);
  const trailerOffset = reader.u64le('trailerOffset');
  const trailerLength = reader.u32le('trailerLength');
  const rawLength = reader.u32le('rawLength');
  const keyEpoch = reader.u32le('keyEpoch');
  const codec = reader.u8('codec');
  reader.expect(Buffer.alloc(3), 'zero');
  reader.expect(FOOTER_MAGIC, 'magic');
  reader.end();
  if (codec !== FRAME_CODEC.raw && codec !== FRAME_CODEC.zstd) {
    throw reader.error('codec', `is ${codec}`);
  }
  if (trailerOffset < PACK_HEADER_SIZE || trailerOffset + trailerLength > PACK_SIZE_MAX) {
    throw reader.error('trailerOffset', 'is outside of any pack');
  }
  if (!isFrameLength(codec, trailerLength, rawLength) || rawLength > TRAILER_RAW_SIZE_MAX) {
    throw reader.error('trailerLength', 'does not fit codec and raw length');
  }
  return { trailerOffset, trailerLength, rawLength, codec, keyEpoch };
}

function readFrame(reader: BufferReader, offset: number): TrailerFrame {
  const length = reader.u32le('frames[].length');
  const codec = frameCodec(reader.u8('frames[].codec'));
  if (codec === undefined) throw reader.error('frames[].codec', 'is unknown');
  const keyEpoch = reader.u32le('frames[].keyEpoch');
  const rawLength = reader.u32le('frames[].rawLength');
  if (rawLength > FRAME_RAW_SIZE_MAX) throw reader.error('frames[].rawLength', 'is too large');
  if (!isFrameLength(codec, length, rawLength)) {
    throw reader.error('frames[].length', 'does not fit codec and raw length');
  }
  const baseCount = readBaseCount(reader, codec);
  const basesAt = reader.offset;
  reader.bytes(baseCount * CHUNK_ID_SIZE, 'frames[].baseIds');
  const chunkCount = readChunkCount(reader, codec);
  const chunksAt = reader.offset;
  checkChunks(reader, chunkCount, rawLength);
  return {
    ...{ offset, length, codec, keyEpoch, rawLength },
    ...{ baseCount, basesAt, chunkCount, chunksAt },
  };
}

function readBaseCount(reader: BufferReader, codec: FrameCodec): number {
  const count = reader.u8('frames[].baseCount');
  const isRight =
    codec === FRAME_CODEC.zstdPrefix ? count >= 1 && count <= FRAME_BASES_MAX : count === 0;
  if (!isRight) throw reader.error('frames[].baseCount', `is ${count} with codec ${codec}`);
  return count;
}

function readChunkCount(reader: BufferReader, codec: FrameCodec): number {
  const count = reader.u32le('frames[].chunkCount');
  if (!isChunkCount(codec, count) || count * CHUNK_FIELDS_SIZE > reader.remaining) {
    throw reader.error('frames[].chunkCount', `is ${count} with codec ${codec}`);
  }
  return count;
}

function checkChunks(reader: BufferReader, count: number, rawLength: number): void {
  const bytes = reader.bytes(count * CHUNK_FIELDS_SIZE);
  let sum = 0;
  for (let at = CHUNK_ID_SIZE; at < bytes.length; at += CHUNK_FIELDS_SIZE) {
    const length = bytes.readUInt32LE(at);
    if (length === 0) throw reader.error('frames[].chunks', 'have an empty chunk');
    sum += length;
  }
  if (sum !== rawLength) throw reader.error('frames[].chunks', `have ${sum} bytes of ${rawLength}`);
}

/** A group is of several chunks, a delta of any number; the other codecs hold one. */
function isChunkCount(codec: FrameCodec, count: number): boolean {
  if (codec === FRAME_CODEC.zstdGroup) return count >= 2;
  return codec === FRAME_CODEC.zstdPrefix ? count >= 1 : count === 1;
}

/** A raw frame stores its bytes as they are, any other fewer or as many. */
function isFrameLength(codec: FrameCodec, length: number, rawLength: number): boolean {
  const stored = length - FRAME_OVERHEAD;
  if (codec === FRAME_CODEC.raw) return stored === rawLength && rawLength >= 1;
  return stored >= 1 && stored <= rawLength;
}

function frameCodec(value: number): FrameCodec | undefined {
  return Object.values(FRAME_CODEC).find((codec) => codec === value);
}
