// SPDX-License-Identifier: GPL-2.0-or-later
// The signed head of a manifest, kept for ever. The hash of its payload is the snapshot's id.
import { MANIFEST_BODY_SIZE_MAX, MANIFEST_HEADER_SIZE_MAX, MEMBERS_MAX } from '../base/limits.ts';
import { encodeBencode } from '../bytes/bencode.ts';
import { decodeFields } from '../bytes/fields.ts';
import { assertDecodes } from '../bytes/malformed.ts';
import { hashWithDomain } from './domains.ts';
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

const FORMAT = { code: 'ERR_MANIFEST_MALFORMED', name: 'manifest header' } as const;
const LAYOUT_VERSION = 1;
const HASH_SIZE = 32;

const KINDS = { snapshot: 0, maintenance: 1 } as const;
const VISIBILITIES = { onStage: 0, onCommit: 1 } as const;

export interface ManifestHeader {
  readonly datasetId: DatasetId;
  /** Of the writer: grows with each handover or takeover. */
  readonly epoch: number;
  /** From 0 within the epoch's line of snapshots; never used twice, not even across epochs. */
  readonly sequence: number;
  /** The snapshot it builds on; null for the first of all. */
  readonly parent: SnapshotId | null;
  /** Maintenance changes packs and nothing that a reader of the replica sees. */
  readonly kind: keyof typeof KINDS;
  /** When a follower switches to it: once it is staged, or once a commit record is here. */
  readonly visibility: keyof typeof VISIBILITIES;
  /** Sites whose receipts count for the commit, ascending; none for onStage. */
  readonly members: readonly SiteId[];
  /** Receipts "staged" of members that the commit needs. */
  readonly threshold: number;
  /** bodyHashOf(body), 32 bytes. */
  readonly bodyHash: Buffer;
  readonly bodySize: number;
  /** The writer's clock, for people. */
  readonly createdMs: number;
}

export interface DecodedHeader {
  readonly header: ManifestHeader;
  readonly signer: SiteId;
  readonly snapshotId: SnapshotId;
  readonly payload: Buffer;
}

/** Envelope bytes. Keep them: the same (epoch, sequence) is never signed for anything else. */
export function encodeHeader(header: ManifestHeader, signer: Signer): Buffer {
  const payload = encodeBencode(
    new Map<string, number | Buffer>([
      ['bh', header.bodyHash],
      ['bs', header.bodySize],
      ['ct', header.createdMs],
      ['d', idBytes(header.datasetId)],
      ['ep', header.epoch],
      ['k', KINDS[header.kind]],
      ['m', packIds(header.members)],
      ['p', header.parent === null ? Buffer.alloc(0) : idBytes(header.parent)],
      ['sq', header.sequence],
      ['t', header.threshold],
      ['v', LAYOUT_VERSION],
      ['vi', VISIBILITIES[header.visibility]],
    ]),
  );
  assertDecodes('manifest header', () => decodePayload(payload));
  return sealEnvelope('manifestHeader', payload, signer);
}

/** Verifies, then decodes; whether the signer may write the data set is for the caller to say. */
export function decodeHeader(bytes: Buffer, keyOf: KeyLookup): DecodedHeader {
  const { signer, payload } = openEnvelope('manifestHeader', bytes, keyOf);
  return { header: decodePayload(payload), signer, snapshotId: snapshotIdOf(payload), payload };
}

export function snapshotIdOf(payload: Buffer): SnapshotId {
  return snapshotIdFromBytes(hashWithDomain('snapshotId', payload));
}

/** What a header says of its body. */
export function bodyHashOf(body: Buffer): Buffer {
  return hashWithDomain('manifestBody', body);
}

function decodePayload(payload: Buffer): ManifestHeader {
  const fields = decodeFields(payload, { sizeMax: MANIFEST_HEADER_SIZE_MAX }, FORMAT);
  fields.int('v', LAYOUT_VERSION, LAYOUT_VERSION);
  const parent = fields.optionalBytes('p', ID_SIZE);
  const header: ManifestHeader = {
    datasetId: datasetIdFromBytes(fields.bytes('d', ID_SIZE)),
    epoch: fields.int('ep', 0, Number.MAX_SAFE_INTEGER),
    sequence: fields.int('sq', 0, Number.MAX_SAFE_INTEGER),
    parent: parent === null ? null : snapshotIdFromBytes(parent),
    kind: fields.int('k', 0, 1) === KINDS.snapshot ? 'snapshot' : 'maintenance',
    visibility: fields.int('vi', 0, 1) === VISIBILITIES.onStage ? 'onStage' : 'onCommit',
    members: unpackIds(fields, 'm', MEMBERS_MAX, siteIdFromBytes),
    threshold: fields.int('t', 0, MEMBERS_MAX),
    bodyHash: fields.bytes('bh', HASH_SIZE),
    bodySize: fields.int('bs', 1, MANIFEST_BODY_SIZE_MAX),
    createdMs: fields.int('ct', 0, Number.MAX_SAFE_INTEGER),
  };
  if (header.threshold > header.members.length) throw fields.error('t', 'is above the members');
  fields.finish();
  return header;
}
