// SPDX-License-Identifier: GPL-2.0-or-later
// The end of rights: of a site in a data set, signed by an owner; or of a site altogether, signed
// by the site itself, with its root key when its signing key is the one that leaked.
import { REVOCATION_SIZE_MAX } from '../base/limits.ts';
import { encodeBencode } from '../bytes/bencode.ts';
import { decodeFields } from '../bytes/fields.ts';
import { assertDecodes } from '../bytes/malformed.ts';
import { openEnvelope, sealEnvelope, sealRootEnvelope, type KeyLookup } from './envelope.ts';
import {
  datasetIdFromBytes,
  ID_SIZE,
  idBytes,
  siteIdFromBytes,
  type DatasetId,
  type SiteId,
} from './ids.ts';
import type { Signer } from './signing-key.ts';

const FORMAT = { code: 'ERR_RECORD_MALFORMED', name: 'revocation' } as const;
const LAYOUT_VERSION = 1;
/** Bit of each right in the field r. */
const RIGHT_BITS = { publish: 1, read: 2, relay: 4 } as const;
const RIGHTS_ALL = 7;

export type Right = keyof typeof RIGHT_BITS;

export interface Revocation {
  readonly subject: SiteId;
  /** Null: everywhere; then the subject itself is the only one who may say so. */
  readonly datasetId: DatasetId | null;
  /** At least one, in the order publish, read, relay; all three without a data set. */
  readonly rights: readonly Right[];
  /** The signer's clock, for people. */
  readonly atMs: number;
}

/** Envelope bytes; with a root key, it is that key that signs. */
export function encodeRevocation(
  revocation: Revocation,
  signer: Signer,
  rootKey: Buffer | null = null,
): Buffer {
  const { datasetId, rights } = revocation;
  const payload = encodeBencode(
    new Map<string, number | Buffer>([
      ['d', datasetId === null ? Buffer.alloc(0) : idBytes(datasetId)],
      ['r', rights.reduce((bits, right) => bits | RIGHT_BITS[right], 0)],
      ['su', idBytes(revocation.subject)],
      ['t', revocation.atMs],
      ['v', LAYOUT_VERSION],
    ]),
  );
  assertDecodes('revocation', () => decodePayload(payload));
  return rootKey === null
    ? sealEnvelope('revocation', payload, signer)
    : sealRootEnvelope('revocation', payload, signer, rootKey);
}

/** Verifies, then decodes; whether the signer is the subject or an owner is for the caller. */
export function decodeRevocation(
  bytes: Buffer,
  keyOf: KeyLookup,
): { revocation: Revocation; signer: SiteId } {
  const { signer, payload } = openEnvelope('revocation', bytes, keyOf);
  return { revocation: decodePayload(payload), signer };
}

function decodePayload(payload: Buffer): Revocation {
  const fields = decodeFields(payload, { sizeMax: REVOCATION_SIZE_MAX }, FORMAT);
  fields.int('v', LAYOUT_VERSION, LAYOUT_VERSION);
  const datasetId = fields.optionalBytes('d', ID_SIZE);
  const bits = fields.int('r', 1, RIGHTS_ALL);
  if (datasetId === null && bits !== RIGHTS_ALL) throw fields.error('r', 'are not all rights');
  const names = ['publish', 'read', 'relay'] as const;
  const revocation: Revocation = {
    subject: siteIdFromBytes(fields.bytes('su', ID_SIZE)),
    datasetId: datasetId === null ? null : datasetIdFromBytes(datasetId),
    rights: names.filter((right) => (bits & RIGHT_BITS[right]) !== 0),
    atMs: fields.int('t', 0, Number.MAX_SAFE_INTEGER),
  };
  fields.finish();
  return revocation;
}
