// SPDX-License-Identifier: GPL-2.0-or-later
// Goal: no signed record is taken that breaks a rule of its fields. Method: each rule is broken in
// the payload, which is then signed as it should be.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeBencode, encodeBencode, type Bencode } from '../../../src/bytes/bencode.ts';
import { decodeAnnouncement, encodeAnnouncement } from '../../../src/dataset/announcement.ts';
import { committedSites, decodeCommit, encodeCommit } from '../../../src/dataset/commit.ts';
import {
  openEnvelope,
  sealEnvelope,
  sealRootEnvelope,
  type EnvelopeType,
} from '../../../src/dataset/envelope.ts';
import { decodeGenesis, encodeGenesis } from '../../../src/dataset/genesis.ts';
import { decodeHandover, encodeHandover } from '../../../src/dataset/handover.ts';
import { parseSnapshotId, siteIdFromBytes } from '../../../src/dataset/ids.ts';
import { decodeHeader, encodeHeader } from '../../../src/dataset/manifest-header.ts';
import { decodeReceipt, encodeReceipt } from '../../../src/dataset/receipt.ts';
import { decodeRevocation, encodeRevocation } from '../../../src/dataset/revocation.ts';
import {
  decodeSiteRecord,
  encodeSiteRecord,
  parseSiteCard,
} from '../../../src/dataset/site-record.ts';
import { COMMIT } from '../../support/golden-vectors.ts';
import { refuses } from '../../support/refuses.ts';
import * as samples from '../../support/samples.ts';

const { SIGNER, ROOT_SIGNER, ROOT_KEY, sampleKeyOf } = samples;
type Change = Record<string, Bencode | undefined>;

/** The envelope of type with fields of its payload replaced (or dropped), signed again. */
function forged(type: EnvelopeType, bytes: Buffer, change: Change): Buffer {
  const { payload } = openEnvelope(type, bytes, sampleKeyOf);
  const fields = new Map(
    decodeBencode(payload, { sizeMax: 100_000 }) as ReadonlyMap<string, Bencode>,
  );
  for (const [key, value] of Object.entries(change)) {
    if (value === undefined) fields.delete(key);
    else fields.set(key, value);
  }
  const changed = encodeBencode(fields);
  return type === 'siteRecord'
    ? sealRootEnvelope(type, changed, ROOT_SIGNER, ROOT_KEY)
    : sealEnvelope(type, changed, SIGNER);
}

const text = (value: string): Buffer => Buffer.from(value, 'latin1');
const NO_BYTES = Buffer.alloc(0);
const ID = Buffer.alloc(32, 7);
const IDS_UNSORTED = Buffer.concat([Buffer.alloc(32, 2), Buffer.alloc(32, 1)]);
const IDS_TWICE = Buffer.concat([ID, ID]);

interface Case {
  readonly type: EnvelopeType;
  readonly code?: 'ERR_SITE_RECORD_MALFORMED' | 'ERR_MANIFEST_MALFORMED';
  readonly bytes: Buffer;
  readonly decode: (bytes: Buffer) => unknown;
  readonly changes: readonly Change[];
}

const CASES: readonly Case[] = [
  {
    type: 'siteRecord',
    code: 'ERR_SITE_RECORD_MALFORMED',
    bytes: encodeSiteRecord(samples.SITE_RECORD, ROOT_SIGNER),
    decode: decodeSiteRecord,
    changes: [
      { r: 0 },
      { n: text('-a') },
      { n: NO_BYTES },
      { n: text('a'.repeat(65)) },
      { sk: Buffer.alloc(31) },
      { tk: Buffer.alloc(33) },
      { xk: NO_BYTES },
      { h: NO_BYTES },
      { h: text('a b') },
      { h: text('-a') },
      { h: text('a'.repeat(254)) },
      { p: 0 },
      { p: 65_536 },
      { eh: text('site-1.example.org') },
      { eh: text('256.0.0.1') },
      { eh: text('1.2.3') },
      { eh: text('01.2.3.4') },
      { ep: 0 },
    ],
  },
  {
    type: 'genesis',
    bytes: encodeGenesis(samples.GENESIS, SIGNER),
    decode: (bytes) => decodeGenesis(bytes, sampleKeyOf),
    changes: [
      { n: text('Run') },
      { rn: Buffer.alloc(15) },
      { ow: NO_BYTES },
      { ow: IDS_UNSORTED },
      { ow: IDS_TWICE },
      { ow: ID, fw: ID },
      { fw: Buffer.alloc(31) },
      { kd: Buffer.alloc(17) },
      { dc: Buffer.alloc(31) },
      { ca: 65_537 },
      { ca: 2_048 },
      { ca: 2_097_152 },
      { ch: 2 },
      { ia: 2 },
      { zl: 0 },
      { zl: 20 },
      { pu: 2 },
    ],
  },
  {
    type: 'manifestHeader',
    code: 'ERR_MANIFEST_MALFORMED',
    bytes: encodeHeader(samples.HEADER, SIGNER),
    decode: (bytes) => decodeHeader(bytes, sampleKeyOf),
    changes: [
      { d: Buffer.alloc(31) },
      { ep: -1 },
      { sq: -1 },
      { p: Buffer.alloc(31) },
      { k: 2 },
      { vi: 2 },
      { m: IDS_TWICE },
      { m: Buffer.alloc(33) },
      { m: NO_BYTES },
      { t: 3 },
      { bh: Buffer.alloc(31) },
      { bs: 0 },
      { bs: 2 ** 30 },
      { ct: -1 },
    ],
  },
  {
    type: 'receipt',
    bytes: encodeReceipt(samples.RECEIPT, SIGNER),
    decode: (bytes) => decodeReceipt(bytes, sampleKeyOf),
    changes: [{ d: NO_BYTES }, { s: NO_BYTES }, { st: 4 }, { st: -1 }, { t: text('now') }],
  },
  {
    type: 'announcement',
    bytes: encodeAnnouncement(samples.ANNOUNCEMENT, SIGNER),
    decode: (bytes) => decodeAnnouncement(bytes, sampleKeyOf),
    changes: [{ i: 0 }, { pv: NO_BYTES }, { pv: Buffer.alloc(31) }, { se: NO_BYTES }, { i: 4_097 }],
  },
  {
    type: 'commit',
    bytes: encodeCommit(COMMIT, SIGNER),
    decode: (bytes) => decodeCommit(bytes, sampleKeyOf),
    changes: [{ dc: 2 }, { dc: 0 }, { rc: NO_BYTES }, { rc: [1] }, { rc: [Buffer.alloc(2_000)] }],
  },
  {
    type: 'handover',
    bytes: encodeHandover(samples.HANDOVER, SIGNER),
    decode: (bytes) => decodeHandover(bytes, sampleKeyOf),
    changes: [{ k: 3 }, { k: 0 }, { rj: NO_BYTES }, { ep: 0 }, { w: NO_BYTES }, { b: text('x') }],
  },
  {
    type: 'revocation',
    bytes: encodeRevocation(samples.REVOCATION, SIGNER),
    decode: (bytes) => decodeRevocation(bytes, sampleKeyOf),
    changes: [{ r: 0 }, { r: 8 }, { d: NO_BYTES }, { su: NO_BYTES }],
  },
];

for (const { type, code = 'ERR_RECORD_MALFORMED', bytes, decode, changes } of CASES) {
  test(`a ${type} with a field that breaks its rule is refused`, () => {
    decode(forged(type, bytes, {}));
    for (const change of changes) refuses(code, () => decode(forged(type, bytes, change)));
  });

  test(`a ${type} of another version, with a missing or unknown critical field is refused`, () => {
    refuses(code, () => decode(forged(type, bytes, { v: 2 })));
    refuses(code, () => decode(forged(type, bytes, { zz: 1 })), /unknown and critical/);
    const { payload } = openEnvelope(type, bytes, sampleKeyOf);
    const fields = decodeBencode(payload, { sizeMax: 100_000 }) as ReadonlyMap<string, Bencode>;
    for (const key of fields.keys()) {
      refuses(code, () => decode(forged(type, bytes, { [key]: undefined })), /is missing/);
    }
  });

  test(`a ${type} with an unknown field that is not critical is taken`, () => {
    decode(forged(type, bytes, { Zz: [1] }));
  });
}

test('a genesis is signed by its first writer or an owner', () => {
  const others = { ow: ID, fw: ID };
  const bytes = forged('genesis', encodeGenesis(samples.GENESIS, SIGNER), others);
  refuses('ERR_RECORD_MALFORMED', () => decodeGenesis(bytes, sampleKeyOf), /neither/);
});

test('a commit counts each site once, and receipts for this snapshot only', () => {
  const staged = encodeReceipt(samples.RECEIPT, SIGNER);
  const visible = encodeReceipt({ ...samples.RECEIPT, state: 'visible' }, SIGNER);
  const snapshotId = parseSnapshotId('00'.repeat(32));
  const foreign = encodeReceipt({ ...samples.RECEIPT, snapshotId }, SIGNER);
  const sitesOf = (receipts: Buffer[]): string[] => [
    ...committedSites({ ...COMMIT, receipts }, sampleKeyOf),
  ];
  assert.deepEqual(sitesOf([staged, staged, visible]), [samples.SITE_ID]);
  assert.deepEqual(sitesOf([foreign, visible]), []);
  refuses('ERR_PEER_UNKNOWN', () => committedSites(COMMIT, () => undefined));
});

test('a commit of the most members and a header of the most members fit their bounds', () => {
  const receipts = Array.from({ length: 48 }, () => encodeReceipt(samples.RECEIPT, SIGNER));
  encodeCommit({ ...COMMIT, receipts }, SIGNER);
  const members = Array.from({ length: 48 }, (_, index) =>
    siteIdFromBytes(Buffer.alloc(32, index)),
  );
  const far = Number.MAX_SAFE_INTEGER;
  const header = { ...samples.HEADER, members, epoch: far, sequence: far, createdMs: far };
  const { payload } = decodeHeader(encodeHeader(header, SIGNER), sampleKeyOf);
  assert(payload.length <= 2_048, `${payload.length} bytes`);
});

test('an announcement of the largest pack fits its bound, and none ends the session', () => {
  const descriptor = samples.sampleDescriptor(2 ** 31);
  encodeAnnouncement({ ...samples.ANNOUNCEMENT, descriptor }, SIGNER);
  const last = encodeAnnouncement({ ...samples.ANNOUNCEMENT, descriptor: null }, SIGNER);
  assert.equal(decodeAnnouncement(last, sampleKeyOf).announcement.descriptor, null);
});

test('encoding a value that breaks its format is a bug of the caller', () => {
  assert.throws(
    () => encodeSiteRecord({ ...samples.SITE_RECORD, port: 0 }, ROOT_SIGNER),
    assert.AssertionError,
  );
  assert.throws(
    () => encodeHeader({ ...samples.HEADER, threshold: 3 }, SIGNER),
    assert.AssertionError,
  );
});

test('text that is no site card is refused', () => {
  const bad = ['', 'muleplex-site:', 'muleplex-site:?', 'site:AAAA', 'muleplex-site:AB=='];
  for (const card of [...bad, `muleplex-site:${'A'.repeat(5_000)}`]) {
    refuses('ERR_ARGUMENT_INVALID', () => parseSiteCard(card));
  }
});
