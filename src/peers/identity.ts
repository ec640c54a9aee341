// SPDX-License-Identifier: GPL-2.0-or-later
// The keys of this site and its signed record. The root key only signs site records; the working
// keys (signing, TLS, sealing) are named by the newest record, so they can change and the id stays.
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { ReplicationError } from '../base/errors.ts';
import { HOST_LENGTH_MAX } from '../base/limits.ts';
import { parseSiteName, siteIdOf, type SiteId } from '../dataset/ids.ts';
import { createSigner, rawPublicKey, type Signer } from '../dataset/signing-key.ts';
import {
  decodeSiteRecord,
  encodeSiteRecord,
  formatSiteCard,
  isDottedIpv4,
} from '../dataset/site-record.ts';
import type { SiteRecord } from '../dataset/site-record.ts';
import { selfSignedCertificate, tlsKeyHash } from './certificate.ts';

/** Where keys lie: owner-only files that are replaced atomically and durably. */
export interface KeyFiles {
  read(name: string): Promise<Buffer | undefined>;
  write(name: string, bytes: Buffer): Promise<void>;
}

/** What a site tells about itself, besides its keys. */
export interface SiteAddress {
  readonly name: string;
  /** Where peers reach the push server. */
  readonly host: string;
  readonly port: number;
  /** Dotted IPv4 address and TCP port of the core. */
  readonly ed2kHost: string;
  readonly ed2kPort: number;
}

/** Key pair and certificate for TLS, as PEM. */
export interface TlsCredentials {
  readonly key: string;
  readonly cert: string;
}

const FILES = {
  root: 'root.key',
  signing: 'signing.key',
  tls: 'tls.key',
  sealing: 'sealing.key',
  record: 'site-record',
} as const;

const PORT_MAX = 65_535;

interface Keys {
  readonly root: KeyObject;
  readonly signing: KeyObject;
  readonly tls: KeyObject;
  readonly sealing: KeyObject;
}

export class Identity {
  readonly siteId: SiteId;
  /** Signs as this site with its working key. */
  readonly signer: Signer;
  /** X25519 private key, 32 bytes. */
  readonly sealingKey: Buffer;
  readonly tls: TlsCredentials;
  readonly #files: KeyFiles;
  readonly #rootSigner: Signer;
  #record: SiteRecord;
  #recordBytes: Buffer;

  private constructor(files: KeyFiles, keys: Keys, recordBytes: Buffer) {
    this.#files = files;
    this.#record = decodeSiteRecord(recordBytes);
    this.#recordBytes = recordBytes;
    this.siteId = this.#record.siteId;
    this.signer = createSigner(this.siteId, keys.signing);
    this.#rootSigner = createSigner(this.siteId, keys.root);
    this.sealingKey = rawPrivateKey(keys.sealing);
    const key = pemOf(keys.tls);
    this.tls = { key, cert: selfSignedCertificate(key, `muleplex ${this.siteId}`) };
    assertNamesKeys(this.#record, keys);
  }

  /** The newest site record and the envelope that carries it. */
  get record(): SiteRecord {
    return this.#record;
  }

  get recordBytes(): Buffer {
    return this.#recordBytes;
  }

  /** The line of text that another site adds this one with. */
  get card(): string {
    return formatSiteCard(this.#recordBytes);
  }

  /**
   * Makes all keys and the first record. The record comes last: without it there is no identity.
   */
  static async create(components: { files: KeyFiles }, address: SiteAddress): Promise<Identity> {
    const { files } = components;
    checkAddress(address);
    if ((await files.read(FILES.record)) !== undefined) {
      throw new ReplicationError('ERR_HOME_EXISTS', 'this home has an identity already');
    }
    const keys: Keys = {
      root: generateKeyPairSync('ed25519').privateKey,
      signing: generateKeyPairSync('ed25519').privateKey,
      tls: generateKeyPairSync('ed25519').privateKey,
      sealing: generateKeyPairSync('x25519').privateKey,
    };
    const recordBytes = signRecord(keys, { ...address, version: 1 });
    await files.write(FILES.root, Buffer.from(pemOf(keys.root)));
    await files.write(FILES.signing, Buffer.from(pemOf(keys.signing)));
    await files.write(FILES.tls, Buffer.from(pemOf(keys.tls)));
    await files.write(FILES.sealing, Buffer.from(pemOf(keys.sealing)));
    await files.write(FILES.record, recordBytes);
    return new Identity(files, keys, recordBytes);
  }

  /**
   * Reads the identity of this home; ERR_HOME_INVALID when it is absent or does not fit together.
   */
  static async load(components: { files: KeyFiles }): Promise<Identity> {
    const { files } = components;
    const recordBytes = await readFile(files, FILES.record);
    const keys: Keys = {
      root: await readKey(files, FILES.root),
      signing: await readKey(files, FILES.signing),
      tls: await readKey(files, FILES.tls),
      sealing: await readKey(files, FILES.sealing),
    };
    return new Identity(files, keys, recordBytes);
  }

  /**
   * Signs a record of the next version when something of the address differs; true when it did.
   * Durable when it resolves; peers get it when they are next connected.
   */
  async update(address: SiteAddress): Promise<boolean> {
    checkAddress(address);
    const old = this.#record;
    const next: SiteRecord = { ...old, ...address, version: old.version + 1 };
    const isSame =
      old.name === next.name &&
      old.host === next.host &&
      old.port === next.port &&
      old.ed2kHost === next.ed2kHost &&
      old.ed2kPort === next.ed2kPort;
    if (isSame) return false;
    const recordBytes = encodeSiteRecord(next, this.#rootSigner);
    await this.#files.write(FILES.record, recordBytes);
    this.#record = next;
    this.#recordBytes = recordBytes;
    return true;
  }
}

/** What the site record's format demands, as an error of whoever named it. */
function checkAddress(address: SiteAddress): void {
  parseSiteName(address.name);
  if (
    !/^[A-Za-z0-9:][A-Za-z0-9.:-]*$/.test(address.host) ||
    address.host.length > HOST_LENGTH_MAX
  ) {
    throw new ReplicationError('ERR_ARGUMENT_INVALID', `${address.host} is no host`);
  }
  if (!isDottedIpv4(address.ed2kHost)) {
    throw new ReplicationError('ERR_ARGUMENT_INVALID', `${address.ed2kHost} is no IPv4 address`);
  }
  for (const port of [address.port, address.ed2kPort]) {
    if (!Number.isInteger(port) || port < 1 || port > PORT_MAX) {
      throw new ReplicationError('ERR_ARGUMENT_INVALID', `${port} is no port`);
    }
  }
}

function signRecord(keys: Keys, about: SiteAddress & { readonly version: number }): Buffer {
  const rootKey = rawPublicKey(keys.root);
  const siteId = siteIdOf(rootKey);
  const record: SiteRecord = {
    siteId,
    rootKey,
    signingKey: rawPublicKey(keys.signing),
    tlsKey: tlsKeyHash(createPublicKey(keys.tls)),
    sealingKey: rawSealingKey(keys.sealing),
    version: about.version,
    name: about.name,
    host: about.host,
    port: about.port,
    ed2kHost: about.ed2kHost,
    ed2kPort: about.ed2kPort,
  };
  return encodeSiteRecord(record, createSigner(siteId, keys.root));
}

function assertNamesKeys(record: SiteRecord, keys: Keys): void {
  const fits =
    record.rootKey.equals(rawPublicKey(keys.root)) &&
    record.signingKey.equals(rawPublicKey(keys.signing)) &&
    record.tlsKey.equals(tlsKeyHash(createPublicKey(keys.tls))) &&
    record.sealingKey.equals(rawSealingKey(keys.sealing));
  if (!fits) {
    throw new ReplicationError(
      'ERR_HOME_INVALID',
      'the site record names other keys than this home',
    );
  }
}

function rawSealingKey(privateKey: KeyObject): Buffer {
  return Buffer.from(createPublicKey(privateKey).export({ format: 'jwk' }).x ?? '', 'base64url');
}

function rawPrivateKey(privateKey: KeyObject): Buffer {
  return Buffer.from(privateKey.export({ format: 'jwk' }).d ?? '', 'base64url');
}

function pemOf(privateKey: KeyObject): string {
  return privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
}

async function readKey(files: KeyFiles, name: string): Promise<KeyObject> {
  const pem = await readFile(files, name);
  try {
    return createPrivateKey(pem);
  } catch (error) {
    throw new ReplicationError('ERR_HOME_INVALID', `${name} is not a key`, { name }, error);
  }
}

async function readFile(files: KeyFiles, name: string): Promise<Buffer> {
  const bytes = await files.read(name);
  if (bytes === undefined) {
    throw new ReplicationError('ERR_HOME_INVALID', `the identity lacks ${name}`, { name });
  }
  return bytes;
}
