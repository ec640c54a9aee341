// SPDX-License-Identifier: GPL-2.0-or-later
// A pack on the wire before its manifest: announcements of one session form a chain of hashes, so a
// follower notices a missing or a changed one.
import { ANNOUNCEMENT_SIZE_MAX, LIVE_PACKS_MAX } from '../base/limits.ts';
import { encodeBencode } from '../bytes/bencode.ts';
import { decodeFields, type FieldReader } from '../bytes/fields.ts';
import { assertDecodes } from '../bytes/malformed.ts';
import { decodeDescriptor, encodeDescriptor, type PackDescriptor } from './descriptor.ts';
import { hashWithDomain } from './domains.ts';
import { openEnvelope, sealEnvelope, type KeyLookup } from './envelope.ts';
import {
  datasetIdFromBytes,
  ID_SIZE,
  idBytes,
  snapshotIdFromBytes,
  type DatasetId,
  type SiteId,
  type SnapshotId,
} from './ids.ts';
import type { Signer } from './signing-key.ts';

const FORMAT = { code: 'ERR_RECORD_MALFORMED', name: 'announcement' } as const;
const LAYOUT_VERSION = 1;
const SESSION_SIZE = 16;
const HASH_SIZE = 32;

export interface Announcement {
  readonly datasetId: DatasetId;
  /** Of the writer, as in the manifest header to come. */
  readonly epoch: number;
  /** 16 random bytes: one open session per data set and writer. */
  readonly session: Buffer;
  /** From 0 in the session. */
  readonly index: number;
  /** announcementHash of the one before; null for index 0. */
  readonly previous: Buffer | null;
  /** The snapshot that the manifest will build on; null for the first of all. */
  readonly parent: SnapshotId | null;
  /** The pack; null ends the session without a manifest. */
  readonly descriptor: PackDescriptor | null;
}

/** Envelope bytes. */
export function encodeAnnouncement(announcement: Announcement, signer: Signer): Buffer {
  const { previous, parent, descriptor } = announcement;
  const none = Buffer.alloc(0);
  const payload = encodeBencode(
    new Map<string, number | Buffer>([
      ['d', idBytes(announcement.datasetId)],
      ['ep', announcement.epoch],
      ['i', announcement.index],
      ['p', parent === null ? none : idBytes(parent)],
      ['pd', descriptor === null ? none : encodeDescriptor(descriptor)],
      ['pv', previous ?? none],
      ['se', announcement.session],
      ['v', LAYOUT_VERSION],
    ]),
  );
  assertDecodes('announcement', () => decodePayload(payload));
  return sealEnvelope('announcement', payload, signer);
}

export interface DecodedAnnouncement {
  readonly announcement: Announcement;
  readonly signer: SiteId;
  /** What the next one has as previous. */
  readonly hash: Buffer;
}

/** Verifies, then decodes; the chain is for the caller to check. */
export function decodeAnnouncement(bytes: Buffer, keyOf: KeyLookup): DecodedAnnouncement {
  const { signer, payload } = openEnvelope('announcement', bytes, keyOf);
  const hash = hashWithDomain('announcement', payload);
  return { announcement: decodePayload(payload), signer, hash };
}

function decodePayload(payload: Buffer): Announcement {
  const fields = decodeFields(payload, { sizeMax: ANNOUNCEMENT_SIZE_MAX }, FORMAT);
  fields.int('v', LAYOUT_VERSION, LAYOUT_VERSION);
  const parent = fields.optionalBytes('p', ID_SIZE);
  const descriptor = fields.bytes('pd', 0, ANNOUNCEMENT_SIZE_MAX);
  const announcement: Announcement = {
    datasetId: datasetIdFromBytes(fields.bytes('d', ID_SIZE)),
    epoch: fields.int('ep', 0, Number.MAX_SAFE_INTEGER),
    session: fields.bytes('se', SESSION_SIZE),
    index: fields.int('i', 0, LIVE_PACKS_MAX),
    previous: fields.optionalBytes('pv', HASH_SIZE),
    parent: parent === null ? null : snapshotIdFromBytes(parent),
    descriptor: descriptor.length === 0 ? null : decodeDescriptor(descriptor),
  };
  checkChain(fields, announcement);
  fields.finish();
  return announcement;
}

function checkChain(fields: FieldReader, { index, previous }: Announcement): void {
  if ((index === 0) !== (previous === null)) throw fields.error('pv', 'does not fit the index');
}
