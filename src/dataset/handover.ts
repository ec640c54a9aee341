// SPDX-License-Identifier: GPL-2.0-or-later
// Who writes a data set from an epoch on. Whether the signer may say so (the old writer for a
// handover, an owner for the others) is for the caller to check against genesis and history.
import { HANDOVER_SIZE_MAX, REJECTED_MAX } from '../base/limits.ts';
import { encodeBencode } from '../bytes/bencode.ts';
import { decodeFields } from '../bytes/fields.ts';
import { assertDecodes } from '../bytes/malformed.ts';
import { openEnvelope, sealEnvelope, type KeyLookup } from './envelope.ts';
import {
  datasetIdFromBytes,
  ID_SIZE,
  idBytes,
  siteIdFromBytes,
  snapshotIdFromBytes,
  type DatasetId,
  type SiteId,
  type SnapshotId,
} from './ids.ts';
import { packIds, unpackIds } from './packed-ids.ts';
import type { Signer } from './signing-key.ts';

const FORMAT = { code: 'ERR_RECORD_MALFORMED', name: 'handover' } as const;
const LAYOUT_VERSION = 1;
/** In the order of their numbers. */
const KINDS = ['handover', 'takeover', 'forkResolution'] as const;

export interface Handover {
  readonly datasetId: DatasetId;
  readonly kind: (typeof KINDS)[number];
  /** The epoch that starts: above every epoch before. */
  readonly epoch: number;
  readonly writer: SiteId;
  /** The last snapshot of the epochs before that counts; null when there is none. */
  readonly base: SnapshotId | null;
  /** Fork resolution: the snapshots that do not count, ascending; else none. */
  readonly rejected: readonly SnapshotId[];
  /** The signer's clock, for people. */
  readonly atMs: number;
}

/** Envelope bytes, signed with the site's signing key. */
export function encodeHandover(handover: Handover, signer: Signer): Buffer {
  const payload = encodeBencode(
    new Map<string, number | Buffer>([
      ['b', handover.base === null ? Buffer.alloc(0) : idBytes(handover.base)],
      ['d', idBytes(handover.datasetId)],
      ['ep', handover.epoch],
      ['k', KINDS.indexOf(handover.kind)],
      ['rj', packIds(handover.rejected)],
      ['t', handover.atMs],
      ['v', LAYOUT_VERSION],
      ['w', idBytes(handover.writer)],
    ]),
  );
  assertDecodes('handover', () => decodePayload(payload));
  return sealEnvelope('handover', payload, signer);
}

/** Verifies, then decodes. */
export function decodeHandover(
  bytes: Buffer,
  keyOf: KeyLookup,
): { handover: Handover; signer: SiteId } {
  const { signer, payload } = openEnvelope('handover', bytes, keyOf);
  return { handover: decodePayload(payload), signer };
}

function decodePayload(payload: Buffer): Handover {
  const fields = decodeFields(payload, { sizeMax: HANDOVER_SIZE_MAX }, FORMAT);
  fields.int('v', LAYOUT_VERSION, LAYOUT_VERSION);
  const kind = KINDS[fields.int('k', 0, KINDS.length - 1)];
  if (kind === undefined) throw fields.error('k', 'is unknown');
  const base = fields.optionalBytes('b', ID_SIZE);
  const handover: Handover = {
    datasetId: datasetIdFromBytes(fields.bytes('d', ID_SIZE)),
    kind,
    epoch: fields.int('ep', 1, Number.MAX_SAFE_INTEGER),
    writer: siteIdFromBytes(fields.bytes('w', ID_SIZE)),
    base: base === null ? null : snapshotIdFromBytes(base),
    rejected: unpackIds(fields, 'rj', REJECTED_MAX, snapshotIdFromBytes),
    atMs: fields.int('t', 0, Number.MAX_SAFE_INTEGER),
  };
  if ((kind === 'forkResolution') !== handover.rejected.length > 0) {
    throw fields.error('rj', `do not fit a ${kind}`);
  }
  fields.finish();
  return handover;
}
