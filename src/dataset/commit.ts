// SPDX-License-Identifier: GPL-2.0-or-later
// The decision over a snapshot with visibility onCommit. It carries the receipts it rests on, so it
// proves itself to whoever knows the members' keys.
import { COMMIT_SIZE_MAX, MEMBERS_MAX } from '../base/limits.ts';
import { encodeBencode, type Bencode } from '../bytes/bencode.ts';
import { decodeFields } from '../bytes/fields.ts';
import { assertDecodes } from '../bytes/malformed.ts';
import { envelopeSizeMax, openEnvelope, sealEnvelope, type KeyLookup } from './envelope.ts';
import {
  datasetIdFromBytes,
  ID_SIZE,
  idBytes,
  snapshotIdFromBytes,
  type DatasetId,
  type SiteId,
  type SnapshotId,
} from './ids.ts';
import { decodeReceipt } from './receipt.ts';
import type { Signer } from './signing-key.ts';

const FORMAT = { code: 'ERR_RECORD_MALFORMED', name: 'commit' } as const;
const LAYOUT_VERSION = 1;
const DECISIONS = ['abort', 'commit'] as const;

export interface Commit {
  readonly datasetId: DatasetId;
  readonly snapshotId: SnapshotId;
  readonly decision: (typeof DECISIONS)[number];
  /** Envelopes of receipts "staged", as their sites signed them; none for an abort. */
  readonly receipts: readonly Buffer[];
  /** The writer's clock, for people. */
  readonly atMs: number;
}

/** Envelope bytes. */
export function encodeCommit(commit: Commit, signer: Signer): Buffer {
  const payload = encodeBencode(
    new Map<string, Bencode>([
      ['d', idBytes(commit.datasetId)],
      ['dc', DECISIONS.indexOf(commit.decision)],
      ['rc', commit.receipts],
      ['s', idBytes(commit.snapshotId)],
      ['t', commit.atMs],
      ['v', LAYOUT_VERSION],
    ]),
  );
  assertDecodes('commit', () => decodePayload(payload));
  return sealEnvelope('commit', payload, signer);
}

/** Verifies the writer's signature, then decodes; the receipts are for committedSites to check. */
export function decodeCommit(bytes: Buffer, keyOf: KeyLookup): { commit: Commit; signer: SiteId } {
  const { signer, payload } = openEnvelope('commit', bytes, keyOf);
  return { commit: decodePayload(payload), signer };
}

/**
 * The sites whose valid receipts "staged" for this very snapshot the commit carries, each once.
 * Throws what decodeReceipt throws for a receipt that does not verify. The caller compares them
 * with members and threshold of the header.
 */
export function committedSites(commit: Commit, keyOf: KeyLookup): Set<SiteId> {
  const sites = new Set<SiteId>();
  for (const bytes of commit.receipts) {
    const { receipt, signer } = decodeReceipt(bytes, keyOf);
    const isForThis =
      receipt.datasetId === commit.datasetId && receipt.snapshotId === commit.snapshotId;
    if (isForThis && receipt.state === 'staged') sites.add(signer);
  }
  return sites;
}

function decodePayload(payload: Buffer): Commit {
  const fields = decodeFields(payload, { sizeMax: COMMIT_SIZE_MAX }, FORMAT);
  fields.int('v', LAYOUT_VERSION, LAYOUT_VERSION);
  const receipts = fields.list('rc', MEMBERS_MAX).map((item) => {
    const isEnvelope = Buffer.isBuffer(item) && item.length <= envelopeSizeMax('receipt');
    if (!isEnvelope) throw fields.error('rc', 'has an item that is no receipt');
    return item;
  });
  const commit: Commit = {
    datasetId: datasetIdFromBytes(fields.bytes('d', ID_SIZE)),
    snapshotId: snapshotIdFromBytes(fields.bytes('s', ID_SIZE)),
    decision: fields.int('dc', 0, 1) === 1 ? 'commit' : 'abort',
    receipts,
    atMs: fields.int('t', 0, Number.MAX_SAFE_INTEGER),
  };
  if (commit.decision === 'abort' && receipts.length > 0) {
    throw fields.error('rc', 'are not empty in an abort');
  }
  fields.finish();
  return commit;
}
