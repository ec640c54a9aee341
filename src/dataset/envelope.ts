// SPDX-License-Identifier: GPL-2.0-or-later
// The envelope of everything that is signed. The signature is checked over the payload as received,
// before anything looks into the payload.
//
// magic "MPXE" | version u8 = 1 | type u8 | algorithm u8 | zero u8 | signer[32]
//   | rootKey[32] only for algorithm 2 | signature[64] | payloadLength u32le | payload
// signed = "muleplex envelope 1" NUL | type u8 | algorithm u8 | signer[32] | payload
import assert from 'node:assert/strict';
import { verify, type KeyObject } from 'node:crypto';
import { ReplicationError } from '../base/errors.ts';
import {
  ANNOUNCEMENT_SIZE_MAX,
  COMMIT_SIZE_MAX,
  GENESIS_SIZE_MAX,
  HANDOVER_SIZE_MAX,
  MANIFEST_HEADER_SIZE_MAX,
  RECEIPT_SIZE_MAX,
  REVOCATION_SIZE_MAX,
  SITE_RECORD_SIZE_MAX,
} from '../base/limits.ts';
import { BufferReader } from '../bytes/reader.ts';
import { BufferWriter } from '../bytes/writer.ts';
import { domainPrefix } from './domains.ts';
import { ID_SIZE, idBytes, siteIdFromBytes, siteIdOf, type SiteId } from './ids.ts';
import { publicKeyFromRaw, type Signer } from './signing-key.ts';

const FORMAT = { code: 'ERR_ENVELOPE_MALFORMED', name: 'envelope' } as const;
const MAGIC = Buffer.from('MPXE\x01', 'latin1');
const KEY_SIZE = 32;
const SIGNATURE_SIZE = 64;
/** Bytes of an envelope without root key and payload. */
const OVERHEAD = MAGIC.length + 3 + ID_SIZE + SIGNATURE_SIZE + 4;

/** Who signed: the site's signing key of its newest record, or its root key, which comes along. */
const ALGORITHM = { signingKey: 1, rootKey: 2 } as const;
const { signingKey, rootKey } = ALGORITHM;

const TYPES = {
  siteRecord: { number: 1, algorithms: [rootKey], sizeMax: SITE_RECORD_SIZE_MAX },
  genesis: { number: 2, algorithms: [signingKey], sizeMax: GENESIS_SIZE_MAX },
  manifestHeader: { number: 3, algorithms: [signingKey], sizeMax: MANIFEST_HEADER_SIZE_MAX },
  receipt: { number: 4, algorithms: [signingKey], sizeMax: RECEIPT_SIZE_MAX },
  announcement: { number: 5, algorithms: [signingKey], sizeMax: ANNOUNCEMENT_SIZE_MAX },
  commit: { number: 6, algorithms: [signingKey], sizeMax: COMMIT_SIZE_MAX },
  handover: { number: 7, algorithms: [signingKey], sizeMax: HANDOVER_SIZE_MAX },
  revocation: { number: 8, algorithms: [signingKey, rootKey], sizeMax: REVOCATION_SIZE_MAX },
} as const satisfies Record<string, EnvelopeRule>;

interface EnvelopeRule {
  readonly number: number;
  readonly algorithms: readonly number[];
  /** Of the payload. */
  readonly sizeMax: number;
}

export type EnvelopeType = keyof typeof TYPES;

/** Finds the signing key of a site; undefined when the site is unknown. */
export type KeyLookup = (signer: SiteId) => KeyObject | undefined;

export interface OpenEnvelope {
  readonly signer: SiteId;
  readonly payload: Buffer;
  readonly signature: Buffer;
  /** Set when the site's root key signed. */
  readonly rootKey: Buffer | null;
}

/** Signs with the site's signing key. */
export function sealEnvelope(type: EnvelopeType, payload: Buffer, signer: Signer): Buffer {
  return seal(type, payload, signer, null);
}

/** Signs with the site's root key; root is its raw public key. */
export function sealRootEnvelope(
  type: EnvelopeType,
  payload: Buffer,
  signer: Signer,
  root: Buffer,
): Buffer {
  assert(signer.siteId === siteIdOf(root), 'the root key makes the site id');
  return seal(type, payload, signer, root);
}

/** Largest envelope of the type: what a reader of a socket or file should take at most. */
export function envelopeSizeMax(type: EnvelopeType): number {
  return OVERHEAD + KEY_SIZE + TYPES[type].sizeMax;
}

/**
 * Checks layout (ERR_ENVELOPE_MALFORMED), signer (ERR_PEER_UNKNOWN) and signature
 * (ERR_SIGNATURE_INVALID), in this order. keyOf is not asked when the root key signed: that key
 * proves itself by the signer's id. Results share memory with the input.
 */
export function openEnvelope(type: EnvelopeType, bytes: Buffer, keyOf: KeyLookup): OpenEnvelope {
  const rule: EnvelopeRule = TYPES[type];
  const reader = new BufferReader(bytes, FORMAT);
  reader.expect(MAGIC, 'magic');
  if (reader.u8('type') !== rule.number) throw reader.error('type', `is not ${type}`);
  const algorithm = reader.u8('algorithm');
  if (!rule.algorithms.includes(algorithm)) {
    throw reader.error('algorithm', `is ${algorithm}, which a ${type} does not allow`);
  }
  if (reader.u8('zero') !== 0) throw reader.error('zero', 'is not 0');
  const signer = siteIdFromBytes(reader.bytes(ID_SIZE, 'signer'));
  const root = algorithm === ALGORITHM.rootKey ? reader.bytes(KEY_SIZE, 'rootKey') : null;
  if (root !== null && siteIdOf(root) !== signer) throw reader.error('rootKey', 'is another site');
  const signature = reader.bytes(SIGNATURE_SIZE, 'signature');
  const length = reader.u32le('payloadLength');
  if (length > rule.sizeMax) {
    throw reader.error('payloadLength', `is ${length}, ${rule.sizeMax} are allowed`);
  }
  const payload = reader.bytes(length, 'payload');
  reader.end();
  const key = root === null ? keyOf(signer) : publicKeyFromRaw(root);
  if (key === undefined) {
    throw new ReplicationError('ERR_PEER_UNKNOWN', `the signer ${signer} of a ${type} is unknown`, {
      signer,
    });
  }
  if (!verify(null, signedMessage(rule.number, algorithm, signer, payload), key, signature)) {
    throw new ReplicationError(
      'ERR_SIGNATURE_INVALID',
      `the signature of ${signer} under a ${type} is not valid`,
      { signer, type },
    );
  }
  return { signer, payload, signature, rootKey: root };
}

function seal(type: EnvelopeType, payload: Buffer, signer: Signer, root: Buffer | null): Buffer {
  const rule: EnvelopeRule = TYPES[type];
  const algorithm = root === null ? ALGORITHM.signingKey : ALGORITHM.rootKey;
  assert(rule.algorithms.includes(algorithm), `a ${type} is not signed with that key`);
  assert(payload.length <= rule.sizeMax, `a ${type} of ${payload.length} bytes is too long`);
  const signature = signer.sign(signedMessage(rule.number, algorithm, signer.siteId, payload));
  assert(signature.length === SIGNATURE_SIZE);
  const writer = new BufferWriter(OVERHEAD + KEY_SIZE + payload.length);
  writer.bytes(MAGIC).u8(rule.number).u8(algorithm).u8(0).bytes(idBytes(signer.siteId));
  if (root !== null) writer.bytes(root);
  return writer.bytes(signature).u32le(payload.length).bytes(payload).toBuffer();
}

/** The signer is part of it, so no other site can put its own name on the signature. */
function signedMessage(type: number, algorithm: number, signer: SiteId, payload: Buffer): Buffer {
  return Buffer.concat([
    domainPrefix('envelope'),
    Buffer.from([type, algorithm]),
    idBytes(signer),
    payload,
  ]);
}
