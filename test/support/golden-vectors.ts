// SPDX-License-Identifier: GPL-2.0-or-later
// Makes the golden vectors of test/fixtures/golden: for each format a value, its bytes and what is
// derived from them. A test compares; write-golden-vectors.ts writes, when a new format comes.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { Aes256Gcm, CipherSuite, HkdfSha256 } from '@hpke/core';
import { DhkemX25519HkdfSha256 } from '@hpke/dhkem-x25519';
import { fileDigest } from '../../src/dataset/chunk-list.ts';
import { decodeAnnouncement, encodeAnnouncement } from '../../src/dataset/announcement.ts';
import { encodeCommit, type Commit } from '../../src/dataset/commit.ts';
import { encodeDescriptor, packIdOf } from '../../src/dataset/descriptor.ts';
import { DOMAINS } from '../../src/dataset/domains.ts';
import { decodeGenesis, encodeGenesis } from '../../src/dataset/genesis.ts';
import { encodeHandover } from '../../src/dataset/handover.ts';
import {
  deriveDomainKeys,
  deriveEpochKeys,
  domainCheckOf,
  epochChecksOf,
} from '../../src/dataset/keys.ts';
import { publicSealingKey } from '../../src/dataset/sealing-key.ts';
import { encodeBencode, type Bencode } from '../../src/bytes/bencode.ts';
import { bodyHashOf, decodeHeader, encodeHeader } from '../../src/dataset/manifest-header.ts';
import { encodeBody } from '../../src/dataset/manifest.ts';
import { encodeFooter, encodeTrailer, PACK_HEADER } from '../../src/dataset/pack-layout.ts';
import { idBytes, siteIdFromBytes } from '../../src/dataset/ids.ts';
import { derivePairKey, type PairSide } from '../../src/dataset/pair-key.ts';
import { encodeReceipt } from '../../src/dataset/receipt.ts';
import { encodeRecipeEntry, RECIPE_HEADER } from '../../src/dataset/recipe.ts';
import { encodeRevocation } from '../../src/dataset/revocation.ts';
import { encodeSiteRecord, formatSiteCard } from '../../src/dataset/site-record.ts';
import { formatEd2kLink } from '../../src/ed2k/link.ts';
import { helloBody, prologueOf } from './ed2k-peer.ts';
import { ReferenceEncoder, ReferenceHandshake } from './noise-reference.ts';
import { frameAad, sealFrame, type FrameHeader } from './frame-reference.ts';
import * as samples from './samples.ts';

const { SIGNER, ROOT_SIGNER } = samples;

export const COMMIT: Commit = {
  datasetId: samples.DATASET_ID,
  snapshotId: samples.SNAPSHOT_ID,
  decision: 'commit',
  receipts: [encodeReceipt(samples.RECEIPT, SIGNER)],
  atMs: 1_750_000_000_456,
};

/** Name of the file => what it holds; buffers as hex. */
export async function goldenVectors(): Promise<Record<string, unknown>> {
  const vectors = {
    keys: await keyVectors(),
    'core-link': coreLinkVectors(),
    'signed-records': recordVectors(),
    manifest: manifestVectors(),
    pack: packVectors(),
    recipe: recipeVectors(),
    'ed2k-link': linkVectors(),
  };
  return JSON.parse(JSON.stringify(vectors, hexOf)) as Record<string, unknown>;
}

async function keyVectors(): Promise<unknown> {
  const { SECRETS, DATASET_ID } = samples;
  const { idKey, gearKey } = deriveDomainKeys(SECRETS);
  const privateKey = samples.fixedBytes('sealing private key');
  const chunk = Buffer.from('a chunk');
  return {
    secrets: SECRETS,
    idKey,
    gearKey,
    epoch7: deriveEpochKeys(SECRETS, 7),
    domainCheck: domainCheckOf(SECRETS),
    epochChecks: epochChecksOf(SECRETS),
    chunkId: { chunk, id: createHmac('sha256', idKey).update(chunk).digest() },
    gearTables: gearTables(gearKey),
    sealed: {
      datasetId: DATASET_ID,
      recipientPrivateKey: privateKey,
      recipientPublicKey: publicSealingKey(privateKey),
      ephemeralKeyMaterial: samples.fixedBytes('ephemeral'),
      bytes: await sealedWithKnownKey(publicSealingKey(privateKey)),
    },
  };
}

/** The key of a pair, and a connection under it whose random bytes are known. */
function coreLinkVectors(): unknown {
  const ownKey = samples.fixedBytes('own sealing key');
  const peerKey = samples.fixedBytes('peer sealing key');
  const side = (name: string, version: number, key: Buffer): PairSide => {
    const siteId = siteIdFromBytes(samples.fixedBytes(name));
    return { siteId, version, sealingKey: publicSealingKey(key) };
  };
  const initiator = side('initiator', 3, ownKey);
  const responder = side('responder', 2 ** 40, peerKey);
  const pairKey = derivePairKey(initiator, ownKey, responder);
  assert(pairKey !== undefined);
  const helloOf = (name: string): Buffer =>
    helloBody(samples.fixedBytes(name).subarray(0, 16), 4662);
  const hello = helloOf('initiator');
  const helloAnswer = helloOf('responder').subarray(1);
  const prologue = prologueOf(
    { siteId: idBytes(initiator.siteId), hello },
    { siteId: idBytes(responder.siteId), hello: helloAnswer },
  );
  const one = new ReferenceHandshake('initiator', pairKey, prologue, samples.fixedBytes('one'));
  const two = new ReferenceHandshake('responder', pairKey, prologue, samples.fixedBytes('two'));
  const first = one.write();
  two.read(first);
  const second = two.write();
  one.read(second);
  const encoder = new ReferenceEncoder(one.keys().send);
  return {
    initiator: { ...initiator, privateKey: ownKey, ephemeral: samples.fixedBytes('one') },
    responder: { ...responder, privateKey: peerKey, ephemeral: samples.fixedBytes('two') },
    pairKey,
    hello,
    helloAnswer,
    prologue,
    first,
    second,
    initiatorKeys: one.keys(),
    records: [encoder.encode(Buffer.from('a record')), encoder.encode(Buffer.from('and one more'))],
  };
}

/** HKDF-Expand alone (RFC 5869, 2.3) of 128 bytes. */
function gearTables(gearKey: Buffer): Buffer {
  let block: Buffer = Buffer.alloc(0);
  const blocks = Array.from({ length: 4 }, (_, index) => {
    const mac = createHmac('sha256', gearKey).update(block).update('muleplex gear tables');
    block = mac.update(Buffer.from([index + 1])).digest();
    return block;
  });
  return Buffer.concat(blocks);
}

/** sealSecrets written a second time, with an ephemeral key that is not random. */
async function sealedWithKnownKey(recipientKey: Buffer): Promise<Buffer> {
  const { SECRETS, DATASET_ID, fixedBytes } = samples;
  const suite = new CipherSuite({
    kem: new DhkemX25519HkdfSha256(),
    kdf: new HkdfSha256(),
    aead: new Aes256Gcm(),
  });
  const info = Buffer.concat([
    Buffer.from(`${DOMAINS.secrets}\0`),
    Buffer.from(DATASET_ID, 'hex'),
    recipientKey,
  ]);
  const sender = await suite.createSenderContext({
    recipientPublicKey: await suite.kem.deserializePublicKey(Uint8Array.from(recipientKey)),
    info: Uint8Array.from(info),
    ekm: Uint8Array.from(fixedBytes('ephemeral')),
  });
  const plaintext = encodeBencode(
    new Map<string, Bencode>([
      ['d', SECRETS.domainSecret],
      ['e', SECRETS.epochs.map(({ epoch, secret }) => [epoch, secret])],
      ['v', 1],
    ]),
  );
  const ciphertext = await sender.seal(Uint8Array.from(plaintext));
  return Buffer.concat([Buffer.from([1]), Buffer.from(sender.enc), Buffer.from(ciphertext)]);
}

function recordVectors(): unknown {
  const card = encodeSiteRecord(samples.SITE_RECORD, ROOT_SIGNER);
  const genesis = encodeGenesis(samples.GENESIS, SIGNER);
  const announcement = encodeAnnouncement(samples.ANNOUNCEMENT, SIGNER);
  const { hash } = decodeAnnouncement(announcement, samples.sampleKeyOf);
  const { datasetId } = decodeGenesis(genesis, samples.sampleKeyOf);
  return {
    rootSeed: samples.ROOT_SEED,
    signingSeed: samples.SIGNING_SEED,
    siteRecord: { value: samples.SITE_RECORD, bytes: card, card: formatSiteCard(card) },
    genesis: { value: samples.GENESIS, bytes: genesis, datasetId },
    receipt: { value: samples.RECEIPT, bytes: encodeReceipt(samples.RECEIPT, SIGNER) },
    announcement: { value: samples.ANNOUNCEMENT, bytes: announcement, hash },
    commit: { value: COMMIT, bytes: encodeCommit(COMMIT, SIGNER) },
    handover: { value: samples.HANDOVER, bytes: encodeHandover(samples.HANDOVER, SIGNER) },
    revocation: { value: samples.REVOCATION, bytes: encodeRevocation(samples.REVOCATION, SIGNER) },
    revocationByRoot: {
      value: { ...samples.REVOCATION, datasetId: null, rights: ['publish', 'read', 'relay'] },
      bytes: encodeRevocation(
        { ...samples.REVOCATION, datasetId: null, rights: ['publish', 'read', 'relay'] },
        ROOT_SIGNER,
        samples.ROOT_KEY,
      ),
    },
  };
}

function manifestVectors(): unknown {
  const body = encodeBody(samples.BODY);
  const header = encodeHeader(samples.HEADER, SIGNER);
  const { snapshotId, payload } = decodeHeader(header, samples.sampleKeyOf);
  return {
    header: { value: samples.HEADER, bytes: header, payload, snapshotId },
    body: { value: samples.BODY, bytes: body, bodyHash: bodyHashOf(body) },
  };
}

function packVectors(): unknown {
  const keys = deriveEpochKeys(samples.SECRETS, 7);
  const raw = { codec: 0, keyEpoch: 7, rawLength: 11, baseIds: [] };
  const prefix = {
    codec: 3,
    keyEpoch: 7,
    rawLength: 1_000,
    baseIds: [samples.fixedBytes('base 0')],
  };
  const rle = { codec: 1, keyEpoch: 7, rawLength: 1_000, baseIds: [] };
  const frame = (header: FrameHeader, payload: Buffer): unknown => ({
    header,
    payload,
    aad: frameAad(header),
    bytes: sealFrame(keys, header, payload),
  });
  return {
    header: PACK_HEADER,
    smallDescriptor: {
      value: samples.SMALL_PACK,
      bytes: encodeDescriptor(samples.SMALL_PACK),
      packId: packIdOf(samples.SMALL_PACK),
    },
    largeDescriptor: {
      value: samples.LARGE_PACK,
      bytes: encodeDescriptor(samples.LARGE_PACK),
      packId: packIdOf(samples.LARGE_PACK),
    },
    trailer: { value: samples.FRAMES, bytes: encodeTrailer(samples.FRAMES) },
    footer: { value: samples.FOOTER, bytes: encodeFooter(samples.FOOTER) },
    keys,
    rawFrame: frame(raw, Buffer.from('hello world')),
    // 1,000 times "a" as one zstd frame with one RLE block.
    zstdFrame: frame(rle, Buffer.from('28b52ffd60e802431f0061', 'hex')),
    prefixFrame: frame(prefix, Buffer.from('any payload')),
  };
}

function recipeVectors(): unknown {
  const records = samples.ENTRIES.map((entry) => ({
    value: entry.type === 'file' ? { ...entry, digest: fileDigest(entry.chunks) } : entry,
    bytes: encodeRecipeEntry(entry),
  }));
  return { header: RECIPE_HEADER, records };
}

function linkVectors(): unknown {
  const link = {
    name: 'a name, with | and ü.pack',
    size: samples.LARGE_PACK.size,
    fileHash: samples.LARGE_PACK.fileHash.toString('hex'),
    aichRoot: samples.LARGE_PACK.aichRoot,
    partHashes: samples.LARGE_PACK.partHashes,
    sources: [{ host: '192.0.2.1', port: 4662 }],
  };
  return { value: link, text: formatEd2kLink(link) };
}

function hexOf(this: unknown, key: string, value: unknown): unknown {
  const original = (this as Record<string, unknown>)[key];
  return Buffer.isBuffer(original) ? original.toString('hex') : value;
}
