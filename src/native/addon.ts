// SPDX-License-Identifier: GPL-2.0-or-later
// Loads the native addon and types it as it is. Nothing else in src/ touches it: the files beside
// this one check the arguments, because a wrong type that reaches the addon ends the process.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ERROR_CODES, ReplicationError, messageOf, type ErrorCode } from '../base/errors.ts';

/** All hashes of a file that a pack's descriptor names. */
export interface FileHashes {
  /** Bytes. */
  readonly size: number;
  /** 16 bytes. */
  readonly fileHash: Buffer;
  /** 16 bytes each, as many as the hash count of eD2k says; none below one part. */
  readonly partHashes: Buffer;
  /** 20 bytes. */
  readonly aichRoot: Buffer;
  /** 32 bytes for each part. */
  readonly sha256: Buffer;
}

export interface NativeFileHasher {
  update(bytes: Buffer): Promise<void>;
  updateFromFile(fd: number, offset: number, length: number): Promise<number>;
  finish(): Promise<FileHashes>;
}

export interface NativeFileWriter {
  write(pieces: readonly Buffer[], offsets: Float64Array): Promise<void>;
  flush(): Promise<void>;
}

/** Chunks cut from the start of a buffer. */
export interface CutChunks {
  readonly lengths: Uint32Array;
  /** 32 bytes for each chunk. */
  readonly ids: Buffer;
  /** Sum of the lengths. */
  readonly consumed: number;
}

export interface ExtendedAttribute {
  readonly name: Buffer;
  readonly value: Buffer;
}

/** Half-open range of bytes. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * The first of the folders that were asked for, packed: of each the folder itself, under the empty
 * name, then its entries.
 */
export interface NativeFolders {
  /** Where each folder ends in the list of all entries; it starts where the one before ends. */
  readonly folderEnds: Uint32Array;
  /** Of each folder an errno value, or 0. */
  readonly errors: Uint32Array;
  readonly names: Buffer;
  /** Where each name ends in names; it starts where the one before ends. */
  readonly nameEnds: Uint32Array;
  /** STAT_NUMBERS for each entry (entry.ts); zeros where extras have a statError. */
  readonly numbers: Float64Array;
  /** STAT_IDENTITIES for each entry. */
  readonly identities: BigUint64Array;
  /** Of the entries that have any, in order. */
  readonly extras: readonly NativeEntryExtras[];
}

export interface NativeEntryExtras {
  readonly index: number;
  /** An errno value, or 0. */
  readonly statError: number;
  readonly target: Buffer;
  readonly targetError: number;
  readonly attributes: ExtendedAttribute[];
  readonly attributesError: number;
  /** Of a sparse file; an empty range when it is all hole. */
  readonly dataRanges: ByteRange[];
}

/** What one call of readAndCut or readAndName is to read. */
export interface PackedPieces {
  /** End to end. */
  readonly paths: Buffer;
  /** Where each path ends; it starts where the one before ends. */
  readonly pathEnds: Uint32Array;
  /** Of each piece in its file. */
  readonly offsets: Float64Array;
  /** Of the chunks of each piece, or of the piece itself. */
  readonly lengths: Uint32Array;
  /** Where those of each piece end. */
  readonly lengthEnds: Uint32Array;
  /** A byte for each piece: 1 when it reaches to the end of the file. */
  readonly areLast: Buffer;
}

/** The pieces of one call of readAndCut or readAndName, in order. */
export interface NativePieces {
  /** Of each piece an errno value, or 0. */
  readonly errors: Uint32Array;
  /** STAT_NUMBERS for each piece (entry.ts); mean nothing where it has an error. */
  readonly numbers: Float64Array;
  /** STAT_IDENTITIES for each piece. */
  readonly identities: BigUint64Array;
  readonly bytesRead: Uint32Array;
  /** Where each piece ends in lengths; it starts where the one before ends. */
  readonly chunkEnds: Uint32Array;
  readonly lengths: Uint32Array;
  /** 32 bytes for each length; none without K_id. */
  readonly ids: Buffer;
}

/** The frames of one group. */
export interface NativeEncodedFrames {
  readonly lengths: Uint32Array;
  readonly codecs: Uint32Array;
  readonly chunkCounts: Uint32Array;
  /** Indices of the chunks in the order in which the frames hold them. */
  readonly chunks: Uint32Array;
}

export interface NativeDecodeItem {
  /** The frame, or undefined: then it is read from the file. */
  readonly frame: Buffer | undefined;
  readonly path: Buffer | undefined;
  readonly offset: number;
  readonly length: number;
  readonly codec: number;
  readonly keyEpoch: number;
  readonly rawLength: number;
  readonly baseIds: Buffer;
  /** As many as base ids. */
  readonly bases: readonly Buffer[];
}

/** The addon's exports; native/binding documents each. */
export interface NativeAddon {
  readonly FileHasher: new () => NativeFileHasher;
  readonly FileWriter: new (fd: number) => NativeFileWriter;
  hashRange(
    fd: number,
    offset: number,
    length: number,
  ): Promise<{ size: number; md4: Buffer; sha256: Buffer }>;
  cutAndName(
    gearKey: Buffer,
    idKey: Buffer,
    average: number,
    bytes: Buffer,
    isLast: boolean,
  ): Promise<CutChunks>;
  nameChunks(idKey: Buffer, chunks: readonly Buffer[]): Promise<Buffer>;
  copyChunks(idKey: Buffer, chunks: readonly Buffer[], places: readonly Buffer[]): Promise<Buffer>;
  encodeFrames(
    encKey: Buffer,
    sivKey: Buffer,
    keyEpoch: number,
    level: number,
    chunks: readonly Buffer[],
    bases: readonly Buffer[],
    baseIds: Buffer,
    into: Buffer,
  ): Promise<NativeEncodedFrames>;
  superFeatures(chunks: readonly Buffer[]): Promise<Uint32Array>;
  decodeFrames(
    encKey: Buffer,
    sivKey: Buffer | undefined,
    items: readonly NativeDecodeItem[],
    places: readonly Buffer[],
  ): Promise<void>;
  readFolders(paths: readonly Buffer[]): Promise<NativeFolders>;
  readAndCut(
    gearKey: Buffer,
    idKey: Buffer | undefined,
    average: number,
    pieces: PackedPieces,
    into: Buffer,
  ): Promise<NativePieces>;
  readAndName(idKey: Buffer, pieces: PackedPieces): Promise<NativePieces>;
  runFileBatch(root: Buffer, operations: readonly object[]): Promise<Int32Array>;
  openBeneath(root: Buffer, path: Buffer, flags: number, mode: number): Promise<number>;
  allocate(fd: number, size: number): Promise<void>;
  startWriteback(fd: number, offset: number, length: number): Promise<void>;
  returnFreeMemory(): void;
  copyBytes(from: Buffer, to: Buffer, start: number): void;
  announceGarbage(bytes: number): void;
  syncFileSystem(path: Buffer): Promise<void>;
  linkFolders(
    root: Buffer,
    from: Buffer,
    to: Buffer,
    paths: readonly Buffer[],
  ): Promise<{ folderCount: number; folders: Buffer[] }>;
  removeTreeSlice(path: Buffer, entriesMax: number): Promise<boolean>;
}

const ADDON_PATH = join('build', 'native', 'Release', 'muleplex.node');

/** The addon lies in the package's folder, two or three levels above this file. */
function findAddon(): string {
  // A sanitizer build is tested by naming it here.
  const override = process.env['MULEPLEX_ADDON'];
  if (override !== undefined && override !== '') return override;
  let folder = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    const candidate = join(folder, ADDON_PATH);
    if (existsSync(candidate)) return candidate;
    const parent = dirname(folder);
    if (parent === folder) break;
    folder = parent;
  }
  throw new ReplicationError('ERR_ADDON_MISSING', `the native addon ${ADDON_PATH} is not built`);
}

let loaded: NativeAddon | undefined;

/** The addon, loaded at the first call. Throws ERR_ADDON_MISSING. */
export function nativeAddon(): NativeAddon {
  if (loaded === undefined) {
    const path = findAddon();
    try {
      const module: { exports: object } = { exports: {} };
      process.dlopen(module, path);
      loaded = module.exports as NativeAddon;
    } catch (error) {
      throw new ReplicationError(
        'ERR_ADDON_MISSING',
        `the native addon does not load: ${messageOf(error)}`,
        { path },
        error,
      );
    }
  }
  return loaded;
}

function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(ERROR_CODES, code);
}

/**
 * Waits for a call of the addon. Its failures become ReplicationErrors with the same code; a failed
 * system call stays what node:fs would have thrown (`code` is ENOENT, ENOSPC ...), for the caller
 * to wrap with the path it knows.
 */
export async function settled<Result>(call: Promise<Result>): Promise<Result> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof Error && 'code' in error && isErrorCode(error.code)) {
      const details = 'index' in error ? { index: Number(error.index) } : {};
      throw new ReplicationError(error.code, error.message, details, error);
    }
    throw error;
  }
}
