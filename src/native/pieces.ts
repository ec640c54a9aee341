// SPDX-License-Identifier: GPL-2.0-or-later
// Reads pieces of files and cuts or names their chunks in one call: hundreds of small files, or the
// next megabytes of a big one.
import { FRAME_RAW_SIZE_MAX, NATIVE_BATCH_ITEMS_MAX } from '../base/limits.ts';
import { nativeAddon, settled, type NativePieces, type PackedPieces } from './addon.ts';
import {
  checkInteger,
  checkKey,
  checkPath,
  checkSize,
  checkUint32Array,
} from './argument-checks.ts';
import { checkChunkKeys, type ChunkKeys } from './chunker.ts';
import { errnoName, packedStat, type EntryStat } from './entry.ts';
import { checkBatchBytes } from './frame.ts';

export interface PieceToCut {
  readonly path: Buffer;
  /** The file's start, or the end of the chunk before. */
  readonly offset: number;
  readonly length: number;
  /** The piece reaches to the file's end, so that its last bytes are a chunk too. */
  readonly isLast: boolean;
}

/** The chunks of a piece, or why it could not be read. */
export interface ReadPiece {
  /** Errno name; no other field means anything then. EINVAL: no regular file; ELOOP: a link. */
  readonly error?: string;
  /** The file's state after the read: a change meanwhile shows in it. */
  readonly stat?: EntryStat;
  /** Less than was asked for: the file ended. */
  readonly bytesRead: number;
  readonly lengths: Uint32Array;
  /** 32 bytes for each length. */
  readonly ids: Buffer;
  /** Sum of the lengths; what was read beyond is to be read again with more bytes behind. */
  readonly consumed: number;
}

export interface CutPiece extends ReadPiece {
  /** Where the piece's bytes start in `data`. */
  readonly dataOffset: number;
}

export type UnnamedPiece = Omit<CutPiece, 'ids'>;

/** Of a chunk. */
const ID_SIZE = 32;

/** Lists of numbers, because the addon takes longer to look at objects than to read small files. */
function packPieces<T extends { readonly path: Buffer; readonly offset: number }>(
  pieces: readonly T[],
  lengthsOf: (piece: T) => Iterable<number>,
  isLast: (piece: T) => boolean,
): PackedPieces {
  const count = pieces.length;
  const pathEnds = new Uint32Array(count);
  const offsets = new Float64Array(count);
  const lengthEnds = new Uint32Array(count);
  const areLast = Buffer.alloc(count);
  const lengths: number[] = [];
  let pathEnd = 0;
  for (const [index, piece] of pieces.entries()) {
    pathEnd += piece.path.length;
    for (const length of lengthsOf(piece)) lengths.push(length);
    pathEnds[index] = pathEnd;
    offsets[index] = piece.offset;
    lengthEnds[index] = lengths.length;
    areLast[index] = isLast(piece) ? 1 : 0;
  }
  const paths = Buffer.concat(pieces.map(({ path }) => path));
  return { paths, pathEnds, offsets, lengths: Uint32Array.from(lengths), lengthEnds, areLast };
}

/** All share the memory of the packed lists. */
function unpackPieces(native: NativePieces): CutPiece[] {
  const { errors, numbers, identities, chunkEnds } = native;
  const idSize = native.ids.length === 0 ? 0 : ID_SIZE;
  const pieces: CutPiece[] = [];
  let dataOffset = 0;
  let first = 0;
  for (const [index, bytesRead] of native.bytesRead.entries()) {
    const end = chunkEnds[index] ?? first;
    const lengths = native.lengths.subarray(first, end);
    const ids = native.ids.subarray(first * idSize, end * idSize);
    let consumed = 0;
    for (const length of lengths) consumed += length;
    const error = errnoName(errors[index] ?? 0);
    if (error === undefined) {
      const stat = packedStat(numbers, identities, index);
      pieces.push({ stat, bytesRead, lengths, ids, consumed, dataOffset });
    } else {
      pieces.push({ error, bytesRead, lengths, ids, consumed, dataOffset });
    }
    dataOffset += bytesRead;
    first = end;
  }
  return pieces;
}

/**
 * Reads the pieces and cuts their chunks. `into` gets the bytes of all pieces, end to end; it has
 * room for all lengths. A piece that ends before the file does gives only chunks whose end is
 * certain. Links are not followed.
 */
export async function readAndCut(
  keys: ChunkKeys,
  pieces: readonly PieceToCut[],
  into: Buffer,
): Promise<CutPiece[]> {
  return cutPieces(keys, keys.idKey, pieces, into);
}

/**
 * The same without ids: while nameChunks() makes them, another thread can read the file's next
 * piece.
 */
export async function readAndCutUnnamed(
  keys: ChunkKeys,
  pieces: readonly PieceToCut[],
  into: Buffer,
): Promise<UnnamedPiece[]> {
  return cutPieces(keys, undefined, pieces, into);
}

async function cutPieces(
  keys: ChunkKeys,
  idKey: Buffer | undefined,
  pieces: readonly PieceToCut[],
  into: Buffer,
): Promise<CutPiece[]> {
  checkChunkKeys(keys);
  checkInteger('number of pieces', pieces.length, 0, NATIVE_BATCH_ITEMS_MAX);
  for (const { path, offset, length } of pieces) {
    checkPath('path', path);
    checkSize('offset', offset);
    checkSize('length', length);
  }
  const size = pieces.reduce((sum, { length }) => sum + length, 0);
  checkBatchBytes(size);
  checkInteger('room for the pieces', into.length, size, Infinity);
  const { gearKey, average } = keys;
  const packed = packPieces(
    pieces,
    ({ length }) => [length],
    ({ isLast }) => isLast,
  );
  const read = nativeAddon().readAndCut(gearKey, idKey, average, packed, into);
  return unpackPieces(await settled(read));
}

export interface PieceToName {
  readonly path: Buffer;
  readonly offset: number;
  /** Of the chunks from the offset on; 1 to FRAME_RAW_SIZE_MAX each. */
  readonly lengths: Uint32Array;
}

/**
 * Reads chunks whose lengths are known and names them, to compare a file with what it should be.
 * Where a file ends early, `lengths` and `ids` have only the chunks that are whole.
 */
export async function readAndName(
  idKey: Buffer,
  pieces: readonly PieceToName[],
): Promise<ReadPiece[]> {
  checkKey('idKey', idKey);
  checkInteger('number of pieces', pieces.length, 0, NATIVE_BATCH_ITEMS_MAX);
  let bytes = 0;
  for (const { path, offset, lengths } of pieces) {
    checkPath('path', path);
    checkSize('offset', offset);
    checkUint32Array('lengths', lengths);
    for (const length of lengths) {
      checkInteger('length', length, 1, FRAME_RAW_SIZE_MAX);
      bytes += length;
    }
  }
  checkBatchBytes(bytes);
  const packed = packPieces(
    pieces,
    (piece) => piece.lengths,
    () => false,
  );
  return unpackPieces(await settled(nativeAddon().readAndName(idKey, packed)));
}
