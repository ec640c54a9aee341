// SPDX-License-Identifier: GPL-2.0-or-later
// Frames: chunks compressed with zstd, in groups or after bases where that pays, and encrypted with
// AES-256-GCM. The layout is in docs/formats.md; the bytes are made and read in
// native/core/frame.cc.
import { ReplicationError } from '../base/errors.ts';
import {
  FRAME_BASES_MAX,
  FRAME_RAW_SIZE_MAX,
  NATIVE_BATCH_BYTES_MAX,
  NATIVE_BATCH_ITEMS_MAX,
} from '../base/limits.ts';
import { nativeAddon, settled, type NativeDecodeItem, type NativeEncodedFrames } from './addon.ts';
import { checkBuffers, checkInteger, checkKey, checkPath, checkSize } from './argument-checks.ts';

/** Bytes of a frame beside its payload: salt and tag. */
export const FRAME_OVERHEAD = 48;
export const ZSTD_LEVEL_DEFAULT = 3;
/** As native/core/similarity.h has it. */
export const SUPER_FEATURE_COUNT = 4;
/** A frame whose decoder needs the bases. */
const CODEC_ZSTD_PREFIX = 3;

const EMPTY = Buffer.alloc(0);

export interface FrameEncoderKeys {
  /** K_enc of the epoch, 32 bytes. */
  readonly encKey: Buffer;
  /** K_siv of the epoch, 32 bytes. */
  readonly sivKey: Buffer;
  readonly keyEpoch: number;
  /** 1 to 19. */
  readonly level?: number | undefined;
}

/** A chunk that new ones may resemble. */
export interface BaseChunk {
  /** 32 bytes. */
  readonly id: Buffer;
  readonly bytes: Buffer;
}

export interface EncodedFrame {
  /** Shares memory with the frames of the same call. */
  readonly frame: Buffer;
  /** Of the frame, in EncodedFrames.bytes. */
  readonly offset: number;
  readonly length: number;
  readonly codec: number;
  readonly rawLength: number;
  /** Ids of the bases that its decoder needs: all that were given, or none. */
  readonly baseIds: readonly Buffer[];
  /** Indices of the chunks in it, in order. */
  readonly chunkIndices: readonly number[];
}

export interface EncodedFrames {
  /** All frames end to end. */
  readonly bytes: Buffer;
  readonly frames: EncodedFrame[];
}

/** Throws ERR_LIMIT_EXCEEDED for more bytes than one call may hold. */
export function checkBatchBytes(bytes: number): void {
  if (bytes > NATIVE_BATCH_BYTES_MAX) {
    throw new ReplicationError(
      'ERR_LIMIT_EXCEEDED',
      `a batch of ${bytes} bytes is over the limit of ${NATIVE_BATCH_BYTES_MAX}`,
      { limit: 'NATIVE_BATCH_BYTES_MAX', value: bytes },
    );
  }
}

/**
 * Encodes the chunks of one group, of 1 byte and more, with their bases at most FRAME_RAW_SIZE_MAX
 * together: as one delta when the bases help, else those that compress in one frame and each other
 * one alone. The same input gives the same frames. They share memory, that of `into` when it is
 * given, which has room for encodedSizeMax().
 */
export async function encodeFrames(
  { encKey, sivKey, keyEpoch, level = ZSTD_LEVEL_DEFAULT }: FrameEncoderKeys,
  chunks: readonly Buffer[],
  bases: readonly BaseChunk[] = [],
  into?: Buffer,
): Promise<EncodedFrames> {
  checkKey('encKey', encKey);
  checkKey('sivKey', sivKey);
  checkInteger('keyEpoch', keyEpoch, 0, 0xffffffff);
  checkInteger('level', level, 1, 19);
  checkInteger('base count', bases.length, 0, FRAME_BASES_MAX);
  const buffers = checkBuffers('chunks', chunks, NATIVE_BATCH_ITEMS_MAX);
  const baseBytes = checkBuffers(
    'bases',
    bases.map(({ bytes }) => bytes),
    FRAME_BASES_MAX,
  );
  for (const { id } of bases) checkKey('base id', id);
  for (const { length } of buffers) checkInteger('chunk length', length, 1, FRAME_RAW_SIZE_MAX);
  const rawSize = sizeOf(buffers);
  checkInteger('size with the bases', rawSize + sizeOf(baseBytes), 1, FRAME_RAW_SIZE_MAX);
  const sizeMax = encodedSizeMax(rawSize, buffers.length);
  const room = into ?? Buffer.allocUnsafeSlow(sizeMax);
  checkInteger('room for the frames', room.length, sizeMax, Infinity);
  const ids = bases.map(({ id }) => id);
  const encoded = await settled(
    nativeAddon().encodeFrames(
      encKey,
      sivKey,
      keyEpoch,
      level,
      buffers,
      baseBytes,
      Buffer.concat(ids),
      room,
    ),
  );
  const bytes = room.subarray(
    0,
    encoded.lengths.reduce((sum, length) => sum + length, 0),
  );
  return { bytes, frames: framesOf(encoded, { bytes, chunks: buffers, baseIds: ids }) };
}

/** The most bytes that frames of so many chunks have, when none of them compresses. */
export function encodedSizeMax(rawSize: number, chunkCount: number): number {
  return rawSize + chunkCount * FRAME_OVERHEAD;
}

function sizeOf(buffers: readonly Buffer[]): number {
  return buffers.reduce((sum, { length }) => sum + length, 0);
}

interface FrameParts {
  readonly bytes: Buffer;
  readonly chunks: readonly Buffer[];
  readonly baseIds: readonly Buffer[];
}

function framesOf(
  encoded: NativeEncodedFrames,
  { bytes, chunks, baseIds }: FrameParts,
): EncodedFrame[] {
  let offset = 0;
  let firstChunk = 0;
  return Array.from(encoded.lengths, (length, index) => {
    const start = offset;
    offset += length;
    const first = firstChunk;
    firstChunk += encoded.chunkCounts[index] ?? 0;
    const own = Array.from(encoded.chunks.subarray(first, firstChunk));
    const codec = encoded.codecs[index] ?? 0;
    return {
      frame: bytes.subarray(start, offset),
      offset: start,
      length,
      codec,
      rawLength: own.reduce((sum, chunk) => sum + (chunks[chunk]?.length ?? 0), 0),
      baseIds: codec === CODEC_ZSTD_PREFIX ? baseIds : [],
      chunkIndices: own,
    };
  });
}

/**
 * Super-features of chunks, SUPER_FEATURE_COUNT each: two chunks with an equal one have much
 * content in common. 0 is none.
 */
export async function superFeatures(chunks: readonly Buffer[]): Promise<Uint32Array> {
  const buffers = checkBuffers('chunks', chunks, NATIVE_BATCH_ITEMS_MAX);
  return settled(nativeAddon().superFeatures(buffers));
}

export interface FrameDecoderKeys {
  readonly encKey: Buffer;
  /** Given: the salt is checked too. */
  readonly sivKey?: Buffer | undefined;
}

/** Where a frame lies in a file. */
export interface FrameLocation {
  readonly path: Buffer;
  readonly offset: number;
  readonly length: number;
}

export interface FrameToDecode {
  /** The frame's bytes, or where to read them. */
  readonly frame: Buffer | FrameLocation;
  readonly codec: number;
  readonly keyEpoch: number;
  readonly rawLength: number;
  /** 32 bytes each. */
  readonly baseIds?: readonly Buffer[] | undefined;
  /** What baseIds names, decoded. */
  readonly bases?: readonly Buffer[] | undefined;
}

function malformed(index: number, message: string): ReplicationError {
  return new ReplicationError('ERR_PACK_MALFORMED', `frame ${index}: ${message}`, { index });
}

function frameSource({ frame }: FrameToDecode, index: number): Partial<NativeDecodeItem> {
  if (Buffer.isBuffer(frame)) return { frame, path: undefined, offset: 0, length: frame.length };
  const { path, offset, length } = frame;
  checkPath('path', path);
  checkSize('offset', offset);
  checkSize('length', length);
  if (length > FRAME_RAW_SIZE_MAX + FRAME_OVERHEAD) throw malformed(index, 'it is too long');
  return { frame: undefined, path, offset, length };
}

function decodeItem(item: FrameToDecode, index: number): NativeDecodeItem {
  const { codec, keyEpoch, rawLength, baseIds = [], bases = [] } = item;
  checkInteger('codec', codec, 0, 255);
  checkInteger('keyEpoch', keyEpoch, 0, 0xffffffff);
  checkSize('rawLength', rawLength);
  if (rawLength < 1 || rawLength > FRAME_RAW_SIZE_MAX) {
    throw malformed(index, `its raw length of ${rawLength} is not 1 to ${FRAME_RAW_SIZE_MAX}`);
  }
  checkInteger('base count', baseIds.length, 0, FRAME_BASES_MAX);
  for (const baseId of baseIds) checkKey('base id', baseId);
  checkInteger('number of bases', bases.length, baseIds.length, baseIds.length);
  return {
    offset: 0,
    length: 0,
    frame: undefined,
    path: undefined,
    ...frameSource(item, index),
    codec,
    keyEpoch,
    rawLength,
    baseIds: baseIds.length === 0 ? EMPTY : Buffer.concat(baseIds),
    bases: checkBuffers('bases', bases, FRAME_BASES_MAX),
  };
}

/**
 * Decodes frames, each to its place, a buffer of its raw length; without places the results share
 * memory. Rejects with details.index naming the frame:
 * ERR_FRAME_CORRUPT when tag or salt do not match or the file ends early;
 * ERR_PACK_MALFORMED when codec, lengths and payload do not fit each other, or the codec is of a
 * later format; node:fs errors (with `index`) when a file cannot be read. What the places hold then
 * is undefined.
 */
export async function decodeFrames(
  { encKey, sivKey }: FrameDecoderKeys,
  items: readonly FrameToDecode[],
  places?: readonly Buffer[],
): Promise<readonly Buffer[]> {
  checkKey('encKey', encKey);
  if (sivKey !== undefined) checkKey('sivKey', sivKey);
  checkInteger('number of items', items.length, 0, NATIVE_BATCH_ITEMS_MAX);
  const checked = items.map((item, index) => decodeItem(item, index));
  checkBatchBytes(checked.reduce((sum, { rawLength }) => sum + rawLength, 0));
  const raws = checkBuffers('places', places ?? newPlaces(checked), NATIVE_BATCH_ITEMS_MAX);
  checkInteger('number of places', raws.length, checked.length, checked.length);
  for (const [index, { rawLength }] of checked.entries()) {
    checkInteger('length of a place', raws[index]?.length, rawLength, rawLength);
  }
  await settled(nativeAddon().decodeFrames(encKey, sivKey, checked, raws));
  return raws;
}

function newPlaces(items: readonly { readonly rawLength: number }[]): Buffer[] {
  const room = Buffer.allocUnsafeSlow(items.reduce((sum, { rawLength }) => sum + rawLength, 0));
  let end = 0;
  return items.map(({ rawLength }) => room.subarray(end, (end += rawLength)));
}
