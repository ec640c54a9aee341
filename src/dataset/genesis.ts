// SPDX-License-Identifier: GPL-2.0-or-later
// The birth of a data set: everything about it that never changes. Its hash is the data set's id,
// its name is only a label.
import { randomBytes } from 'node:crypto';
import {
  CHUNK_AVERAGE_MAX,
  CHUNK_AVERAGE_MIN,
  GENESIS_SIZE_MAX,
  NAME_LENGTH_MAX,
  OWNERS_MAX,
} from '../base/limits.ts';
import { encodeBencode } from '../bytes/bencode.ts';
import { decodeFields } from '../bytes/fields.ts';
import { assertDecodes, malformed } from '../bytes/malformed.ts';
import { hashWithDomain } from './domains.ts';
import { openEnvelope, sealEnvelope, type KeyLookup } from './envelope.ts';
import {
  datasetIdFromBytes,
  idBytes,
  isDatasetName,
  siteIdFromBytes,
  ID_SIZE,
  type DatasetId,
  type SiteId,
} from './ids.ts';
import { packIds, unpackIds } from './packed-ids.ts';
import type { Signer } from './signing-key.ts';

const FORMAT = { code: 'ERR_RECORD_MALFORMED', name: 'genesis' } as const;
const LAYOUT_VERSION = 1;
const RANDOM_SIZE = 16;
const CHECK_SIZE = 32;
const ZSTD_LEVEL_MAX = 19;

/** Windowed keyed gear (docs/formats.md, Chunker). */
export const CHUNKER_GEAR = 1;
/** Chunk ids are HMAC-SHA-256. */
export const CHUNK_ID_HMAC_SHA256 = 1;

export interface Genesis {
  /** 1 to 64 of a-z 0-9 . _ - and no sign first. */
  readonly name: string;
  /** 16 bytes: two data sets of one name and owner differ. */
  readonly random: Buffer;
  /** Sites that decide on takeover, forks and rights; 1 to OWNERS_MAX, ascending. */
  readonly ownerKeys: readonly SiteId[];
  /** The only site that may sign manifests of epoch 0. */
  readonly firstWriter: SiteId;
  /** 16 bytes: data sets with the same one share their secrets, so their chunks dedup. */
  readonly keyDomain: Buffer;
  /** Proves the domain secret to whoever gets it (keys.ts, domainCheckOf), 32 bytes. */
  readonly domainCheck: Buffer;
  readonly chunker: typeof CHUNKER_GEAR;
  readonly chunkIdAlgorithm: typeof CHUNK_ID_HMAC_SHA256;
  /** Bytes, a power of two; shortest chunk a quarter of it, longest four times. */
  readonly chunkAverage: number;
  /** zstd level of the encoder, 1 to 19: equal packs need equal levels. */
  readonly zstdLevel: number;
  /** True: packs may be offered to servers, Kad and strangers. */
  readonly isPublic: boolean;
}

/** The parameters that a new data set has unless something else is asked for. */
export const GENESIS_DEFAULTS = {
  chunker: CHUNKER_GEAR,
  chunkIdAlgorithm: CHUNK_ID_HMAC_SHA256,
  chunkAverage: 65_536,
  zstdLevel: 3,
  isPublic: false,
} as const;

/** 16 fresh random bytes, for random and keyDomain. */
export function freshGenesisRandom(): Buffer {
  return randomBytes(RANDOM_SIZE);
}

/** Envelope bytes; the first writer or an owner signs. */
export function encodeGenesis(genesis: Genesis, signer: Signer): Buffer {
  const payload = encodeBencode(
    new Map<string, number | Buffer>([
      ['ca', genesis.chunkAverage],
      ['ch', genesis.chunker],
      ['dc', genesis.domainCheck],
      ['fw', idBytes(genesis.firstWriter)],
      ['ia', genesis.chunkIdAlgorithm],
      ['kd', genesis.keyDomain],
      ['n', Buffer.from(genesis.name, 'latin1')],
      ['ow', packIds(genesis.ownerKeys)],
      ['pu', genesis.isPublic ? 1 : 0],
      ['rn', genesis.random],
      ['v', LAYOUT_VERSION],
      ['zl', genesis.zstdLevel],
    ]),
  );
  assertDecodes('genesis', () => decodePayload(payload));
  return sealEnvelope('genesis', payload, signer);
}

export interface DecodedGenesis {
  readonly datasetId: DatasetId;
  readonly genesis: Genesis;
  readonly signer: SiteId;
}

/** Verifies, then decodes. ERR_RECORD_MALFORMED unless the first writer or an owner signed. */
export function decodeGenesis(bytes: Buffer, keyOf: KeyLookup): DecodedGenesis {
  const { signer, payload } = openEnvelope('genesis', bytes, keyOf);
  const genesis = decodePayload(payload);
  if (signer !== genesis.firstWriter && !genesis.ownerKeys.includes(signer)) {
    throw malformed(FORMAT, 'signer', 'is neither the first writer nor an owner');
  }
  return { datasetId: datasetIdOf(payload), genesis, signer };
}

function datasetIdOf(payload: Buffer): DatasetId {
  return datasetIdFromBytes(hashWithDomain('datasetId', payload));
}

function decodePayload(payload: Buffer): Genesis {
  const fields = decodeFields(payload, { sizeMax: GENESIS_SIZE_MAX }, FORMAT);
  fields.int('v', LAYOUT_VERSION, LAYOUT_VERSION);
  fields.int('ch', CHUNKER_GEAR, CHUNKER_GEAR);
  fields.int('ia', CHUNK_ID_HMAC_SHA256, CHUNK_ID_HMAC_SHA256);
  const genesis: Genesis = {
    name: fields.text('n', NAME_LENGTH_MAX, /^/),
    random: fields.bytes('rn', RANDOM_SIZE),
    ownerKeys: unpackIds(fields, 'ow', OWNERS_MAX, siteIdFromBytes),
    firstWriter: siteIdFromBytes(fields.bytes('fw', ID_SIZE)),
    keyDomain: fields.bytes('kd', RANDOM_SIZE),
    domainCheck: fields.bytes('dc', CHECK_SIZE),
    chunker: CHUNKER_GEAR,
    chunkIdAlgorithm: CHUNK_ID_HMAC_SHA256,
    chunkAverage: fields.int('ca', CHUNK_AVERAGE_MIN, CHUNK_AVERAGE_MAX),
    zstdLevel: fields.int('zl', 1, ZSTD_LEVEL_MAX),
    isPublic: fields.flag('pu'),
  };
  if (!isDatasetName(genesis.name)) throw fields.error('n', 'is no data set name');
  if (genesis.ownerKeys.length === 0) throw fields.error('ow', 'names no owner');
  if (!Number.isInteger(Math.log2(genesis.chunkAverage))) {
    throw fields.error('ca', 'is no power of two');
  }
  fields.finish();
  return genesis;
}
