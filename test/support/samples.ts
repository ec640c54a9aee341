// SPDX-License-Identifier: GPL-2.0-or-later
// One value of every format, made from fixed keys: the golden vectors and the fuzz corpus are made
// of them.
import { createHash } from 'node:crypto';
import type { Announcement } from '../../src/dataset/announcement.ts';
import type { ChunkRef } from '../../src/dataset/chunk-list.ts';
import { fileDigest } from '../../src/dataset/chunk-list.ts';
import { packIdOf, type PackDescriptor } from '../../src/dataset/descriptor.ts';
import { GENESIS_DEFAULTS, type Genesis } from '../../src/dataset/genesis.ts';
import type { Handover } from '../../src/dataset/handover.ts';
import {
  datasetIdFromBytes,
  packIdFromBytes,
  siteIdOf,
  snapshotIdFromBytes,
} from '../../src/dataset/ids.ts';
import { domainCheckOf, epochChecksOf, type DomainSecrets } from '../../src/dataset/keys.ts';
import type { ManifestHeader } from '../../src/dataset/manifest-header.ts';
import { packSetRoot, type ManifestBody } from '../../src/dataset/manifest.ts';
import type { FrameEntry, PackFooter } from '../../src/dataset/pack-layout.ts';
import type { Receipt } from '../../src/dataset/receipt.ts';
import type { RecipeEntry } from '../../src/dataset/recipe.ts';
import type { Revocation } from '../../src/dataset/revocation.ts';
import {
  createSigner,
  privateKeyFromSeed,
  publicKeyFromRaw,
  rawPublicKey,
  type Signer,
} from '../../src/dataset/signing-key.ts';
import type { SiteRecord } from '../../src/dataset/site-record.ts';
import { fileHashOf } from '../../src/ed2k/hashset.ts';
import { ed2kHashCount, partCount } from '../../src/ed2k/part-arithmetic.ts';

/** Bytes that depend on the label alone. */
export function fixedBytes(label: string, length = 32): Buffer {
  const blocks = Array.from({ length: Math.ceil(length / 32) }, (_, index) =>
    createHash('sha256').update(`${label} ${index}`).digest(),
  );
  return Buffer.concat(blocks).subarray(0, length);
}

export const ROOT_SEED = fixedBytes('root seed');
export const SIGNING_SEED = fixedBytes('signing seed');
export const ROOT_KEY = rawPublicKey(privateKeyFromSeed(ROOT_SEED));
export const SIGNING_KEY = rawPublicKey(privateKeyFromSeed(SIGNING_SEED));
export const SITE_ID = siteIdOf(ROOT_KEY);
export const ROOT_SIGNER: Signer = createSigner(SITE_ID, privateKeyFromSeed(ROOT_SEED));
export const SIGNER: Signer = createSigner(SITE_ID, privateKeyFromSeed(SIGNING_SEED));
export const OTHER_SITE_ID = siteIdOf(fixedBytes('other root key'));
export const DATASET_ID = datasetIdFromBytes(fixedBytes('data set'));
export const SNAPSHOT_ID = snapshotIdFromBytes(fixedBytes('snapshot'));
const CREATED_MS = 1_750_000_000_123;

/** Knows the sample site only. */
export function sampleKeyOf(siteId: string): ReturnType<typeof publicKeyFromRaw> | undefined {
  return siteId === SITE_ID ? publicKeyFromRaw(SIGNING_KEY) : undefined;
}

export const SECRETS: DomainSecrets = {
  domainSecret: fixedBytes('domain secret'),
  epochs: [
    { epoch: 0, secret: fixedBytes('epoch 0') },
    { epoch: 7, secret: fixedBytes('epoch 7') },
  ],
};

export const SITE_RECORD: SiteRecord = {
  siteId: SITE_ID,
  rootKey: ROOT_KEY,
  version: 3,
  name: 'Site-1',
  signingKey: SIGNING_KEY,
  tlsKey: fixedBytes('tls key'),
  sealingKey: fixedBytes('sealing key'),
  host: 'site-1.example.org',
  port: 4710,
  ed2kHost: '192.0.2.1',
  ed2kPort: 4662,
};

export const GENESIS: Genesis = {
  ...GENESIS_DEFAULTS,
  name: 'run42',
  random: fixedBytes('random', 16),
  ownerKeys: [SITE_ID, OTHER_SITE_ID].sort(),
  firstWriter: SITE_ID,
  keyDomain: fixedBytes('key domain', 16),
  domainCheck: domainCheckOf(SECRETS),
};

export const CHUNKS: readonly ChunkRef[] = [
  { id: fixedBytes('chunk 0'), length: 65_536 },
  { id: fixedBytes('chunk 1'), length: 1 },
];

/** A descriptor that passes every check; its hashes belong to no file. */
export function sampleDescriptor(size: number, label = 'pack'): PackDescriptor {
  const partHashes = fixedBytes(`${label} md4`, ed2kHashCount(size) * 16);
  return {
    size,
    fileHash: fileHashOf(partHashes),
    partHashes,
    aichRoot: fixedBytes(`${label} aich`, 20),
    partSha256: fixedBytes(`${label} sha256`, partCount(size) * 32),
    trailerOffset: size - 32 - 1_000,
    trailerLength: 1_000,
    keyEpoch: 7,
  };
}

export const SMALL_PACK = sampleDescriptor(1_000_000, 'small pack');
export const LARGE_PACK = sampleDescriptor(20_000_000, 'large pack');

export const BODY: ManifestBody = {
  recipe: { levels: 0, chunks: CHUNKS, length: 65_537, digest: fileDigest(CHUNKS) },
  retained: [SNAPSHOT_ID],
  packsAdded: [LARGE_PACK, SMALL_PACK],
  packsRemoved: [packIdFromBytes(fixedBytes('removed pack'))],
  packSetRoot: packSetRoot([packIdOf(LARGE_PACK), packIdOf(SMALL_PACK)]),
  keyEpochs: epochChecksOf(SECRETS),
  fileCount: 2,
  contentBytes: 65_537,
  allocatedBytes: 81_920,
};

export const HEADER: ManifestHeader = {
  datasetId: DATASET_ID,
  epoch: 0,
  sequence: 12,
  parent: SNAPSHOT_ID,
  kind: 'snapshot',
  visibility: 'onCommit',
  members: [SITE_ID, OTHER_SITE_ID].sort(),
  threshold: 2,
  bodyHash: fixedBytes('body hash'),
  bodySize: 2_000,
  createdMs: CREATED_MS,
};

export const RECEIPT: Receipt = {
  datasetId: DATASET_ID,
  snapshotId: SNAPSHOT_ID,
  state: 'staged',
  atMs: CREATED_MS,
};

export const ANNOUNCEMENT: Announcement = {
  datasetId: DATASET_ID,
  epoch: 0,
  session: fixedBytes('session', 16),
  index: 1,
  previous: fixedBytes('previous announcement'),
  parent: SNAPSHOT_ID,
  descriptor: SMALL_PACK,
};

export const HANDOVER: Handover = {
  datasetId: DATASET_ID,
  kind: 'forkResolution',
  epoch: 4,
  writer: OTHER_SITE_ID,
  base: SNAPSHOT_ID,
  rejected: [snapshotIdFromBytes(fixedBytes('rejected'))],
  atMs: CREATED_MS,
};

export const REVOCATION: Revocation = {
  subject: OTHER_SITE_ID,
  datasetId: DATASET_ID,
  rights: ['publish', 'relay'],
  atMs: CREATED_MS,
};

export const FRAMES: readonly FrameEntry[] = [
  {
    offset: 8,
    length: 1_048,
    codec: 0,
    keyEpoch: 7,
    rawLength: 1_000,
    baseIds: [],
    chunks: [{ id: fixedBytes('chunk a'), rawLength: 1_000 }],
  },
  {
    offset: 1_056,
    length: 500,
    codec: 2,
    keyEpoch: 7,
    rawLength: 3_000,
    baseIds: [],
    chunks: [
      { id: fixedBytes('chunk b'), rawLength: 1_000 },
      { id: fixedBytes('chunk c'), rawLength: 2_000 },
    ],
  },
  {
    offset: 1_556,
    length: 100,
    codec: 3,
    keyEpoch: 0,
    rawLength: 65_536,
    baseIds: [fixedBytes('base 0'), fixedBytes('base 1')],
    chunks: [{ id: fixedBytes('chunk d'), rawLength: 65_536 }],
  },
];

export const FOOTER: PackFooter = {
  trailerOffset: 1_656,
  trailerLength: 300,
  rawLength: 350,
  codec: 1,
  keyEpoch: 7,
};

const METADATA = { uid: 1_000, gid: 100, mtimeSec: 1_750_000_000, mtimeNsec: 123_456_789 };

/** An entry of each type, in order. */
export const ENTRIES: readonly RecipeEntry[] = [
  {
    path: Buffer.alloc(0),
    type: 'folder',
    mode: 0o755,
    ...METADATA,
    xattrs: [],
    size: 0,
    chunks: [],
  },
  {
    path: Buffer.from('a'),
    type: 'folder',
    mode: 0o2775,
    ...METADATA,
    mtimeSec: -1,
    xattrs: [],
    size: 0,
    chunks: [],
  },
  {
    path: Buffer.from([0x61, 0x2f, 0xff, 0x0a]),
    type: 'file',
    mode: 0o644,
    ...METADATA,
    xattrs: [
      { name: Buffer.from('user.a'), value: Buffer.from([0, 1]) },
      { name: Buffer.from('user.b'), value: Buffer.alloc(0) },
    ],
    size: 65_537 + 1_048_576,
    holes: [{ offset: 65_536, length: 1_048_576 }],
    chunks: CHUNKS,
  },
  {
    path: Buffer.from('a-b'),
    type: 'symlink',
    mode: 0o777,
    ...METADATA,
    xattrs: [],
    size: 0,
    target: Buffer.from('../elsewhere'),
    chunks: [],
  },
  {
    path: Buffer.from('b'),
    type: 'hardlink',
    mode: 0,
    uid: 0,
    gid: 0,
    mtimeSec: 0,
    mtimeNsec: 0,
    xattrs: [],
    size: 0,
    target: Buffer.from([0x61, 0x2f, 0xff, 0x0a]),
    chunks: [],
  },
  {
    path: Buffer.from('empty'),
    type: 'file',
    mode: 0o600,
    ...METADATA,
    xattrs: [],
    size: 0,
    chunks: [],
  },
];
