// SPDX-License-Identifier: GPL-2.0-or-later
// The secrets of a key domain and what is derived from them. The domain secret never changes, so
// chunk ids and boundaries survive a rotation; each key epoch has a fresh secret for encryption.
// Secrets travel sealed to the X25519 key of one site (HPKE base mode, RFC 9180).
import assert from 'node:assert/strict';
import { hkdfSync, timingSafeEqual } from 'node:crypto';
import { Aes256Gcm, CipherSuite, HkdfSha256 } from '@hpke/core';
import { DhkemX25519HkdfSha256 } from '@hpke/dhkem-x25519';
import { ReplicationError } from '../base/errors.ts';
import { KEY_EPOCHS_MAX, SEALED_SECRETS_SIZE_MAX } from '../base/limits.ts';
import { encodeBencode, type Bencode } from '../bytes/bencode.ts';
import { decodeFields, type FieldReader } from '../bytes/fields.ts';
import { assertDecodes } from '../bytes/malformed.ts';
import { BufferReader } from '../bytes/reader.ts';
import { DOMAINS, domainPrefix, type Domain } from './domains.ts';
import { idBytes, type DatasetId } from './ids.ts';
import { publicSealingKey } from './sealing-key.ts';

const FORMAT = { code: 'ERR_SECRETS_MALFORMED', name: 'sealed secrets' } as const;
const LAYOUT_VERSION = 1;
export const SECRET_SIZE = 32;
/** Bytes of an encapsulated X25519 key. */
const ENCAPSULATED_SIZE = 32;
const EPOCH_MAX = 0xffff_ffff;

export interface EpochSecret {
  /** Key epoch, u32; grows with each rotation. */
  readonly epoch: number;
  /** 32 bytes. */
  readonly secret: Buffer;
}

export interface DomainSecrets {
  /** 32 bytes. */
  readonly domainSecret: Buffer;
  /** Ascending by epoch; the last one encrypts, all decrypt. */
  readonly epochs: readonly EpochSecret[];
}

/** Public proof of one epoch's secret, in every manifest body. */
export interface EpochCheck {
  readonly epoch: number;
  /** 32 bytes. */
  readonly check: Buffer;
}

/** Keys for chunk ids and for the gear tables of the chunker, 32 bytes each. */
export function deriveDomainKeys(secrets: DomainSecrets): { idKey: Buffer; gearKey: Buffer } {
  return {
    idKey: derive(secrets.domainSecret, 'chunkIdKey'),
    gearKey: derive(secrets.domainSecret, 'gearKey'),
  };
}

/** Of frames, 32 bytes each. */
export interface EpochKeys {
  readonly encKey: Buffer;
  readonly sivKey: Buffer;
}

/** ERR_KEY_MISSING when the secret of the epoch is not here. */
export function deriveEpochKeys(secrets: DomainSecrets, epoch: number): EpochKeys {
  const found = secrets.epochs.find((candidate) => candidate.epoch === epoch);
  if (found === undefined) {
    throw new ReplicationError('ERR_KEY_MISSING', `the secret of key epoch ${epoch} is not here`, {
      epoch,
    });
  }
  return {
    encKey: derive(found.secret, 'encryptionKey'),
    sivKey: derive(found.secret, 'saltKey'),
  };
}

/** The same for one who asks often: each epoch's are derived once. */
export function epochKeysOf(secrets: DomainSecrets): (epoch: number) => EpochKeys {
  const derived = new Map<number, EpochKeys>();
  return (epoch) => {
    const keys = derived.get(epoch) ?? deriveEpochKeys(secrets, epoch);
    derived.set(epoch, keys);
    return keys;
  };
}

/** What the genesis says of the domain secret: reveals nothing, matches one secret only. */
export function domainCheckOf(secrets: DomainSecrets): Buffer {
  return derive(secrets.domainSecret, 'domainCheck');
}

/** What a manifest body says of the epoch secrets. */
export function epochChecksOf(secrets: DomainSecrets): EpochCheck[] {
  return secrets.epochs.map(({ epoch, secret }) => ({
    epoch,
    check: derive(secret, 'epochCheck'),
  }));
}

/**
 * Throws ERR_SECRETS_REFUSED unless the secrets are the ones that genesis and body were signed
 * for: the domain secret, and a matching secret for each epoch of the body.
 */
export function checkSecrets(
  secrets: DomainSecrets,
  domainCheck: Buffer,
  epochChecks: readonly EpochCheck[],
): void {
  if (!timingSafeEqual(domainCheckOf(secrets), domainCheck)) {
    throw refused('the domain secret is not the one of the genesis');
  }
  const own = new Map(epochChecksOf(secrets).map(({ epoch, check }) => [epoch, check]));
  for (const { epoch, check } of epochChecks) {
    const mine = own.get(epoch);
    if (mine === undefined || !timingSafeEqual(mine, check)) {
      throw refused(`the secret of key epoch ${epoch} is not the one of the manifest`);
    }
  }
}

/**
 * Sealed for one site and one data set; different bytes each time.
 * sealed = version u8 = 1 | encapsulated key[32] | AES-256-GCM ciphertext of the plaintext
 * plaintext = bencode {d: domain secret, e: [[epoch, secret] ascending], v: 1}
 */
export async function sealSecrets(
  secrets: DomainSecrets,
  datasetId: DatasetId,
  recipientSealingKey: Buffer,
): Promise<Buffer> {
  const plaintext = encodeSecrets(secrets);
  const suite = hpkeSuite();
  const sender = await suite.createSenderContext({
    recipientPublicKey: await suite.kem.deserializePublicKey(plain(recipientSealingKey)),
    info: plain(hpkeInfo(datasetId, recipientSealingKey)),
  });
  const ciphertext = await sender.seal(plain(plaintext));
  return Buffer.concat([
    Buffer.from([LAYOUT_VERSION]),
    Buffer.from(sender.enc),
    Buffer.from(ciphertext),
  ]);
}

/**
 * Opens what was sealed to the own X25519 key (32 raw bytes each). ERR_SECRETS_REFUSED when it was
 * sealed for another site or data set, or changed.
 */
export async function openSecrets(
  sealed: Buffer,
  datasetId: DatasetId,
  ownPrivateKey: Buffer,
): Promise<DomainSecrets> {
  if (sealed.length > SEALED_SECRETS_SIZE_MAX) throw refused('the sealed secrets are too long');
  const reader = new BufferReader(sealed, FORMAT);
  if (reader.u8('version') !== LAYOUT_VERSION) throw reader.error('version', 'is unknown');
  const enc = reader.bytes(ENCAPSULATED_SIZE, 'enc');
  const ciphertext = reader.bytes(reader.remaining, 'ciphertext');
  return decodeSecrets(await openCiphertext(enc, ciphertext, datasetId, ownPrivateKey));
}

async function openCiphertext(
  enc: Buffer,
  ciphertext: Buffer,
  datasetId: DatasetId,
  ownPrivateKey: Buffer,
): Promise<Buffer> {
  const suite = hpkeSuite();
  const recipientKey = await suite.kem.deserializePrivateKey(plain(ownPrivateKey));
  const publicKey = publicSealingKey(ownPrivateKey);
  try {
    const recipient = await suite.createRecipientContext({
      recipientKey,
      enc: plain(enc),
      info: plain(hpkeInfo(datasetId, publicKey)),
    });
    return Buffer.from(await recipient.open(plain(ciphertext)));
  } catch (error) {
    throw refused('the secrets are not sealed for this site and data set', error);
  }
}

function hpkeSuite(): CipherSuite {
  return new CipherSuite({
    kem: new DhkemX25519HkdfSha256(),
    kdf: new HkdfSha256(),
    aead: new Aes256Gcm(),
  });
}

/** info = "muleplex secrets 1" NUL | data set id[32] | recipient's X25519 key[32] */
function hpkeInfo(datasetId: DatasetId, recipientSealingKey: Buffer): Buffer {
  return Buffer.concat([domainPrefix('secrets'), idBytes(datasetId), recipientSealingKey]);
}

/** HKDF-SHA-256 (RFC 5869) with an empty salt; the info is the domain's text without the NUL. */
function derive(secret: Buffer, domain: Domain): Buffer {
  assert(secret.length === SECRET_SIZE);
  return Buffer.from(hkdfSync('sha256', secret, '', DOMAINS[domain], SECRET_SIZE));
}

function encodeSecrets(secrets: DomainSecrets): Buffer {
  const encoded = encodeBencode(
    new Map<string, Bencode>([
      ['d', secrets.domainSecret],
      ['e', secrets.epochs.map(({ epoch, secret }) => [epoch, secret])],
      ['v', LAYOUT_VERSION],
    ]),
  );
  assertDecodes('list of secrets', () => decodeSecrets(encoded));
  return encoded;
}

function decodeSecrets(bytes: Buffer): DomainSecrets {
  const fields = decodeFields(bytes, { sizeMax: SEALED_SECRETS_SIZE_MAX }, FORMAT);
  fields.int('v', LAYOUT_VERSION, LAYOUT_VERSION);
  const domainSecret = fields.bytes('d', SECRET_SIZE);
  const epochs = epochPairs(fields, 'e').map(({ epoch, value }) => ({ epoch, secret: value }));
  fields.finish();
  return { domainSecret, epochs };
}

/** A list of [epoch, 32 bytes] with ascending epochs, at least one. */
export function epochPairs(fields: FieldReader, key: string): { epoch: number; value: Buffer }[] {
  let last = -1;
  const pairs = fields.list(key, KEY_EPOCHS_MAX).map((item) => {
    const [epoch, value] = Array.isArray(item) && item.length === 2 ? (item as Bencode[]) : [];
    if (typeof epoch !== 'number' || epoch <= last || epoch > EPOCH_MAX) {
      throw fields.error(key, 'has an epoch that does not ascend');
    }
    if (!Buffer.isBuffer(value) || value.length !== SECRET_SIZE) {
      throw fields.error(key, `has an epoch without ${SECRET_SIZE} bytes`);
    }
    last = epoch;
    return { epoch, value };
  });
  if (pairs.length === 0) throw fields.error(key, 'names no epoch');
  return pairs;
}

function refused(problem: string, cause?: unknown): ReplicationError {
  return new ReplicationError('ERR_SECRETS_REFUSED', problem, {}, cause);
}

/** A copy of its own: Buffers may be windows into a pool. */
function plain(bytes: Buffer): Uint8Array {
  return Uint8Array.from(bytes);
}
