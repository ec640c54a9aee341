// SPDX-License-Identifier: GPL-2.0-or-later
// The self-signed X.509 certificate that carries a site's TLS key. Peers pin the hash of the key
// and trust nothing else in it, so it is the shortest certificate that RFC 5280 allows.
import { X509Certificate, createHash, createPrivateKey, createPublicKey, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

/** DER tags. */
const TAG = {
  integer: 0x02,
  bitString: 0x03,
  objectId: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  sequence: 0x30,
  set: 0x31,
  version: 0xa0,
} as const;

/** id-Ed25519 1.3.101.112 (RFC 8410) and id-at-commonName 2.5.4.3. */
const OID_ED25519 = Buffer.from([0x2b, 0x65, 0x70]);
const OID_COMMON_NAME = Buffer.from([0x55, 0x04, 0x03]);

/** Pinned keys do not expire: the widest range that UTCTime can say (1970 to 2049). */
const NOT_BEFORE = '700101000000Z';
const NOT_AFTER = '491231235959Z';

const VERSION_3 = Buffer.from([2]);
const SERIAL_SIZE = 16;

/**
 * The certificate, as PEM, of an Ed25519 private key in PEM. The same key and name give the same.
 */
export function selfSignedCertificate(privateKeyPem: string, commonName: string): string {
  const privateKey = createPrivateKey(privateKeyPem);
  const spki = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  const algorithm = der(TAG.sequence, der(TAG.objectId, OID_ED25519));
  const attribute = der(
    TAG.sequence,
    der(TAG.objectId, OID_COMMON_NAME),
    der(TAG.utf8String, Buffer.from(commonName, 'utf8')),
  );
  const name = der(TAG.sequence, der(TAG.set, attribute));
  const signed = der(
    TAG.sequence,
    der(TAG.version, der(TAG.integer, VERSION_3)),
    der(TAG.integer, serialOf(spki)),
    algorithm,
    name,
    der(TAG.sequence, time(NOT_BEFORE), time(NOT_AFTER)),
    name,
    spki,
  );
  const signature = Buffer.concat([Buffer.of(0), sign(null, signed, privateKey)]);
  const certificate = der(TAG.sequence, signed, algorithm, der(TAG.bitString, signature));
  return new X509Certificate(certificate).toString();
}

/** SHA-256 of the subject public key info: what a site record names and peers pin. */
export function tlsKeyHash(publicKey: KeyObject): Buffer {
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(spki).digest();
}

/** Positive and without a leading zero byte, as DER integers must be. */
function serialOf(spki: Buffer): Buffer {
  const serial = createHash('sha256').update(spki).digest().subarray(0, SERIAL_SIZE);
  serial.writeUInt8((serial.readUInt8(0) & 0x3f) | 0x40, 0);
  return serial;
}

function time(utc: string): Buffer {
  return der(TAG.utcTime, Buffer.from(utc, 'latin1'));
}

function der(tag: number, ...content: readonly Buffer[]): Buffer {
  const body = Buffer.concat(content);
  return Buffer.concat([Buffer.of(tag), derLength(body.length), body]);
}

function derLength(length: number): Buffer {
  if (length < 0x80) return Buffer.of(length);
  if (length < 0x100) return Buffer.of(0x81, length);
  return Buffer.of(0x82, length >> 8, length & 0xff);
}
