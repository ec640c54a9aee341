// SPDX-License-Identifier: GPL-2.0-or-later
// X25519 keys of sites as Node's crypto takes them; elsewhere they are their 32 raw bytes.
import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';

const KEY_SIZE = 32;
/** PKCS #8 of a private key and SubjectPublicKeyInfo (RFC 8410) up to the 32 bytes. */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b656e04220420', 'hex');
const SPKI_PREFIX = Buffer.from('302a300506032b656e032100', 'hex');

export function privateSealingKeyObject(privateKey: Buffer): KeyObject {
  assert(privateKey.length === KEY_SIZE);
  const key = Buffer.concat([PKCS8_PREFIX, privateKey]);
  return createPrivateKey({ key, format: 'der', type: 'pkcs8' });
}

export function publicSealingKeyObject(publicKey: Buffer): KeyObject {
  assert(publicKey.length === KEY_SIZE);
  const key = Buffer.concat([SPKI_PREFIX, publicKey]);
  return createPublicKey({ key, format: 'der', type: 'spki' });
}

/** The public key of a private one. */
export function publicSealingKey(privateKey: Buffer): Buffer {
  const { x } = createPublicKey(privateSealingKeyObject(privateKey)).export({ format: 'jwk' });
  assert(x !== undefined);
  return Buffer.from(x, 'base64url');
}
