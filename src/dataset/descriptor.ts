// SPDX-License-Identifier: GPL-2.0-or-later
// What identifies and verifies a pack. The pack id is the hash of the descriptor's bytes, so a
// descriptor verifies itself whoever served it; hence it has one encoding and no optional field.
import { PACK_SIZE_MAX } from '../base/limits.ts';
import { encodeBencode } from '../bytes/bencode.ts';
import { decodeFields } from '../bytes/fields.ts';
import { assertDecodes } from '../bytes/malformed.ts';
import { AICH_HASH_SIZE, FILE_HASH_SIZE } from '../ed2k/constants.ts';
import { hashsetProblem } from '../ed2k/hashset.ts';
import { ed2kHashCount, partCount } from '../ed2k/part-arithmetic.ts';
import { hashWithDomain } from './domains.ts';
import { packIdFromBytes, type PackId } from './ids.ts';
import { PACK_FOOTER_SIZE, PACK_HEADER_SIZE } from './pack-layout.ts';

const FORMAT = { code: 'ERR_PACK_MALFORMED', name: 'pack descriptor' } as const;
const LAYOUT_VERSION = 1;
const SHA256_SIZE = 32;
const PARTS_MAX = ed2kHashCount(PACK_SIZE_MAX);
const DESCRIPTOR_SIZE_MAX = 512 + PARTS_MAX * (FILE_HASH_SIZE + SHA256_SIZE);
const EPOCH_MAX = 0xffff_ffff;

export interface PackDescriptor {
  readonly size: number;
  /** MD4 file hash of eD2k, 16 bytes. */
  readonly fileHash: Buffer;
  /** The hashset: 16 bytes times ed2kHashCount(size); below one part the file hash itself. */
  readonly partHashes: Buffer;
  /** 20 bytes. */
  readonly aichRoot: Buffer;
  /** 32 bytes times partCount(size): the only authority for content. */
  readonly partSha256: Buffer;
  /** Where the trailer's frame lies. */
  readonly trailerOffset: number;
  readonly trailerLength: number;
  /** Of the trailer's frame, u32. */
  readonly keyEpoch: number;
}

export function encodeDescriptor(descriptor: PackDescriptor): Buffer {
  const encoded = encodeFields(descriptor);
  assertDecodes('pack descriptor', () => decodeDescriptor(encoded));
  return encoded;
}

/** ERR_PACK_MALFORMED unless every field fits the size and the part hashes make the file hash. */
export function decodeDescriptor(bytes: Buffer): PackDescriptor {
  const fields = decodeFields(bytes, { sizeMax: DESCRIPTOR_SIZE_MAX, depthMax: 1 }, FORMAT);
  fields.int('v', LAYOUT_VERSION, LAYOUT_VERSION);
  const size = fields.int('s', PACK_HEADER_SIZE + PACK_FOOTER_SIZE, PACK_SIZE_MAX);
  const descriptor: PackDescriptor = {
    size,
    fileHash: fields.bytes('fh', FILE_HASH_SIZE),
    partHashes: fields.bytes('mp', ed2kHashCount(size) * FILE_HASH_SIZE),
    aichRoot: fields.bytes('ar', AICH_HASH_SIZE),
    partSha256: fields.bytes('sp', partCount(size) * SHA256_SIZE),
    trailerOffset: fields.int('to', PACK_HEADER_SIZE, size),
    trailerLength: fields.int('tl', 1, size),
    keyEpoch: fields.int('ke', 0, EPOCH_MAX),
  };
  fields.finish(true);
  if (descriptor.trailerOffset + descriptor.trailerLength + PACK_FOOTER_SIZE !== size) {
    throw fields.error('tl', 'does not end where the footer starts');
  }
  const problem = hashsetProblem(size, descriptor.fileHash, descriptor.partHashes);
  if (problem !== undefined) throw fields.error('mp', problem);
  return descriptor;
}

export function packIdOf(descriptor: PackDescriptor): PackId {
  return packIdOfBytes(encodeFields(descriptor));
}

/** The id that follows from these bytes; decodeDescriptor tells whether they are a descriptor. */
export function packIdOfBytes(descriptorBytes: Buffer): PackId {
  return packIdFromBytes(hashWithDomain('packId', descriptorBytes));
}

function encodeFields(descriptor: PackDescriptor): Buffer {
  return encodeBencode(
    new Map<string, number | Buffer>([
      ['ar', descriptor.aichRoot],
      ['fh', descriptor.fileHash],
      ['ke', descriptor.keyEpoch],
      ['mp', descriptor.partHashes],
      ['s', descriptor.size],
      ['sp', descriptor.partSha256],
      ['tl', descriptor.trailerLength],
      ['to', descriptor.trailerOffset],
      ['v', LAYOUT_VERSION],
    ]),
  );
}
