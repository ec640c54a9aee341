// SPDX-License-Identifier: GPL-2.0-or-later
// What a site says of its copy of a snapshot, signed, so that others can pass it on.
import { RECEIPT_SIZE_MAX } from '../base/limits.ts';
import { encodeBencode } from '../bytes/bencode.ts';
import { decodeFields } from '../bytes/fields.ts';
import { assertDecodes } from '../bytes/malformed.ts';
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

const FORMAT = { code: 'ERR_RECORD_MALFORMED', name: 'receipt' } as const;
const LAYOUT_VERSION = 1;

/** In the order of their numbers. */
const STATES = ['staged', 'visible', 'withdrawn', 'fenced'] as const;

/**
 * staged: whole, verified and fsynced, never dropped without a decision. visible: current is
 * switched to it, fsynced. withdrawn: no longer held. fenced: will never show it.
 */
export type ReceiptState = (typeof STATES)[number];

export interface Receipt {
  readonly datasetId: DatasetId;
  readonly snapshotId: SnapshotId;
  readonly state: ReceiptState;
  /** The signer's clock, for people. */
  readonly atMs: number;
}

/** Envelope bytes. */
export function encodeReceipt(receipt: Receipt, signer: Signer): Buffer {
  const payload = encodeBencode(
    new Map<string, number | Buffer>([
      ['d', idBytes(receipt.datasetId)],
      ['s', idBytes(receipt.snapshotId)],
      ['st', STATES.indexOf(receipt.state)],
      ['t', receipt.atMs],
      ['v', LAYOUT_VERSION],
    ]),
  );
  assertDecodes('receipt', () => decodePayload(payload));
  return sealEnvelope('receipt', payload, signer);
}

/** Verifies, then decodes. */
export function decodeReceipt(
  bytes: Buffer,
  keyOf: KeyLookup,
): { receipt: Receipt; signer: SiteId } {
  const { signer, payload } = openEnvelope('receipt', bytes, keyOf);
  return { receipt: decodePayload(payload), signer };
}

function decodePayload(payload: Buffer): Receipt {
  const fields = decodeFields(payload, { sizeMax: RECEIPT_SIZE_MAX }, FORMAT);
  fields.int('v', LAYOUT_VERSION, LAYOUT_VERSION);
  const state = STATES[fields.int('st', 0, STATES.length - 1)];
  if (state === undefined) throw fields.error('st', 'is unknown');
  const receipt: Receipt = {
    datasetId: datasetIdFromBytes(fields.bytes('d', ID_SIZE)),
    snapshotId: snapshotIdFromBytes(fields.bytes('s', ID_SIZE)),
    state,
    atMs: fields.int('t', 0, Number.MAX_SAFE_INTEGER),
  };
  fields.finish();
  return receipt;
}
