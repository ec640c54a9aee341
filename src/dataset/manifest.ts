// SPDX-License-Identifier: GPL-2.0-or-later
// The body of a manifest: where the recipe is and which packs the snapshot adds and drops.
import {
  LIVE_PACKS_MAX,
  MANIFEST_BODY_SIZE_MAX,
  RECIPE_LEVELS_MAX,
  RECIPE_ROOT_CHUNKS_MAX,
  RETAINED_MAX,
} from '../base/limits.ts';
import { encodeBencode, type Bencode } from '../bytes/bencode.ts';
import { decodeFields, type FieldReader } from '../bytes/fields.ts';
import { assertDecodes, malformed } from '../bytes/malformed.ts';
import { CHUNK_REF_SIZE, decodeChunkList, encodeChunkList, type ChunkRef } from './chunk-list.ts';
import {
  decodeDescriptor,
  encodeDescriptor,
  packIdOfBytes,
  type PackDescriptor,
} from './descriptor.ts';
import { hashWithDomain } from './domains.ts';
import { packIdFromBytes, snapshotIdFromBytes, type PackId, type SnapshotId } from './ids.ts';
import { epochPairs, type EpochCheck } from './keys.ts';
import { packIds, unpackIds } from './packed-ids.ts';

const FORMAT = { code: 'ERR_MANIFEST_MALFORMED', name: 'manifest body' } as const;
const LAYOUT_VERSION = 1;
const HASH_SIZE = 32;

/** Where the recipe is: in chunks, like a file. */
export interface RecipeRoot {
  /**
   * 0: chunks are those of the recipe. n: they are the chunks of a packed chunk list, which names
   * the chunks of level n - 1. A list of more than RECIPE_ROOT_CHUNKS_MAX gets one more level.
   */
  readonly levels: number;
  readonly chunks: readonly ChunkRef[];
  /** Bytes of the recipe. */
  readonly length: number;
  /** fileDigest of the recipe's own chunks (level 0), 32 bytes. */
  readonly digest: Buffer;
}

export interface ManifestBody {
  readonly recipe: RecipeRoot;
  /** Older snapshots whose chunks and delta bases the pack set still covers, ascending. */
  readonly retained: readonly SnapshotId[];
  /** In the order in which a follower should fetch them. */
  readonly packsAdded: readonly PackDescriptor[];
  /** Ascending. */
  readonly packsRemoved: readonly PackId[];
  /** packSetRoot of the parent's set minus packsRemoved plus packsAdded. */
  readonly packSetRoot: Buffer;
  /** Checks of the secrets of all key epochs in use (keys.ts, epochChecksOf). */
  readonly keyEpochs: readonly EpochCheck[];
  /** Entries of type file. */
  readonly fileCount: number;
  /** Sum of the sizes of files, holes included. */
  readonly contentBytes: number;
  /** Space a replica needs, as its publisher estimates it in file system blocks of 4 KiB. */
  readonly allocatedBytes: number;
}

export function encodeBody(body: ManifestBody): Buffer {
  const recipe = new Map<string, Bencode>([
    ['c', encodeChunkList(body.recipe.chunks)],
    ['d', body.recipe.digest],
    ['l', body.recipe.length],
    ['n', body.recipe.levels],
  ]);
  const encoded = encodeBencode(
    new Map<string, Bencode>([
      ['ab', body.allocatedBytes],
      ['cb', body.contentBytes],
      ['fc', body.fileCount],
      ['ke', body.keyEpochs.map(({ epoch, check }) => [epoch, check])],
      ['pa', body.packsAdded.map(encodeDescriptor)],
      ['pr', packIds(body.packsRemoved)],
      ['ps', body.packSetRoot],
      ['rc', recipe],
      ['rt', packIds(body.retained)],
      ['v', LAYOUT_VERSION],
    ]),
  );
  assertDecodes('manifest body', () => decodeBody(encoded));
  return encoded;
}

/** Check bodyHashOf first: this tells whether the bytes are a body, not which. */
export function decodeBody(bytes: Buffer): ManifestBody {
  const fields = decodeFields(bytes, { sizeMax: MANIFEST_BODY_SIZE_MAX }, FORMAT);
  fields.int('v', LAYOUT_VERSION, LAYOUT_VERSION);
  const body: ManifestBody = {
    recipe: decodeRoot(fields.dict('rc')),
    retained: unpackIds(fields, 'rt', RETAINED_MAX, snapshotIdFromBytes),
    packsAdded: decodePacks(fields),
    packsRemoved: unpackIds(fields, 'pr', LIVE_PACKS_MAX, packIdFromBytes),
    packSetRoot: fields.bytes('ps', HASH_SIZE),
    keyEpochs: epochPairs(fields, 'ke').map(({ epoch, value }) => ({ epoch, check: value })),
    fileCount: fields.int('fc', 0, Number.MAX_SAFE_INTEGER),
    contentBytes: fields.int('cb', 0, Number.MAX_SAFE_INTEGER),
    allocatedBytes: fields.int('ab', 0, Number.MAX_SAFE_INTEGER),
  };
  fields.finish();
  return body;
}

/** SHA-256 over the domain prefix and the ids ascending: of the set, whatever the order given. */
export function packSetRoot(ids: Iterable<PackId>): Buffer {
  return hashWithDomain('packSet', packIds(ids));
}

/**
 * The pack set of a snapshot: the parent's (empty for the first) without the removed and with the
 * added packs. ERR_MANIFEST_MALFORMED unless it fits the parent and the root. removedBefore are
 * packs that earlier snapshots dropped, as far as known: none of them returns.
 */
export function applyPackSet(
  parentSet: ReadonlySet<PackId>,
  body: ManifestBody,
  removedBefore: ReadonlySet<PackId> = new Set(),
): Set<PackId> {
  const result = new Set(parentSet);
  for (const id of body.packsRemoved) {
    if (!result.delete(id)) throw malformed(FORMAT, 'pr', `removes ${id}, which is not in the set`);
  }
  for (const descriptor of body.packsAdded) {
    const id = packIdOfBytes(encodeDescriptor(descriptor));
    if (parentSet.has(id) || removedBefore.has(id)) {
      throw malformed(FORMAT, 'pa', `adds ${id}, which is or was in the set`);
    }
    result.add(id);
  }
  if (result.size > LIVE_PACKS_MAX) throw malformed(FORMAT, 'pa', 'makes the set too large');
  if (!packSetRoot(result).equals(body.packSetRoot)) {
    throw malformed(FORMAT, 'ps', 'is not the root of the resulting set');
  }
  return result;
}

function decodeRoot(fields: FieldReader): RecipeRoot {
  const levels = fields.int('n', 0, RECIPE_LEVELS_MAX);
  const packed = fields.bytes('c', CHUNK_REF_SIZE, RECIPE_ROOT_CHUNKS_MAX * CHUNK_REF_SIZE);
  const root: RecipeRoot = {
    levels,
    chunks: decodeChunkList(packed, FORMAT, 'rc.c'),
    length: fields.int('l', 1, Number.MAX_SAFE_INTEGER),
    digest: fields.bytes('d', HASH_SIZE),
  };
  fields.finish(true);
  return root;
}

/** No pack twice, and no two packs of one file hash: the network could not tell them apart. */
function decodePacks(fields: FieldReader): PackDescriptor[] {
  const fileHashes = new Set<string>();
  return fields.list('pa', LIVE_PACKS_MAX).map((item, index) => {
    if (!Buffer.isBuffer(item)) throw fields.error(`pa[${index}]`, 'is no byte string');
    const descriptor = decodeDescriptor(item);
    fileHashes.add(descriptor.fileHash.toString('hex'));
    if (fileHashes.size <= index)
      throw fields.error(`pa[${index}]`, 'has the file hash of another');
    return descriptor;
  });
}
