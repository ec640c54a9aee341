// SPDX-License-Identifier: GPL-2.0-or-later
// Ed25519 keys between their raw 32 bytes, as our formats carry them, and Node's key objects.
import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, sign, type KeyObject } from 'node:crypto';
import type { SiteId } from './ids.ts';

const KEY_SIZE = 32;
/** PKCS #8 of an Ed25519 private key (RFC 8410, 7) up to the 32 bytes of the seed. */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/** Signs in the name of a site. */
export interface Signer {
  readonly siteId: SiteId;
  /** Ed25519 over the message, 64 bytes; the same bytes for the same message. */
  sign(message: Buffer): Buffer;
}

export function createSigner(siteId: SiteId, privateKey: KeyObject): Signer {
  assert(privateKey.asymmetricKeyType === 'ed25519');
  return { siteId, sign: (message) => sign(null, message, privateKey) };
}

/** The private key with this seed of 32 bytes (RFC 8032, 5.1.5). */
export function privateKeyFromSeed(seed: Buffer): KeyObject {
  assert(seed.length === KEY_SIZE);
  return createPrivateKey({
    key: Buffer.concat([PKCS8_PREFIX, seed]),
    format: 'der',
    type: 'pkcs8',
  });
}

/** Takes 32 bytes; any 32 bytes make a key object, a bad one verifies nothing. */
export function publicKeyFromRaw(raw: Buffer): KeyObject {
  assert(raw.length === KEY_SIZE);
  return createPublicKey({
    key: { kty: 'OKP', crv: 'Ed25519', x: raw.toString('base64url') },
    format: 'jwk',
  });
}

/** The 32 bytes of the public key of an Ed25519 key, public or private. */
export function rawPublicKey(key: KeyObject): Buffer {
  assert(key.asymmetricKeyType === 'ed25519');
  const jwk = (key.type === 'private' ? createPublicKey(key) : key).export({ format: 'jwk' });
  assert(jwk.x !== undefined);
  return Buffer.from(jwk.x, 'base64url');
}
