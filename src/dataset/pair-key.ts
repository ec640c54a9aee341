// SPDX-License-Identifier: GPL-2.0-or-later
// The key that two sites have in common: what their cores prove to each other when they connect.
// Both derive it from their site records and their own sealing key; nothing is exchanged for it.
import assert from 'node:assert/strict';
import { diffieHellman, hkdfSync } from 'node:crypto';
import { BufferWriter } from '../bytes/writer.ts';
import { domainPrefix } from './domains.ts';
import { idBytes } from './ids.ts';
import { privateSealingKeyObject, publicSealingKeyObject } from './sealing-key.ts';
import type { SiteRecord } from './site-record.ts';

const KEY_SIZE = 32;

/** A side of the pair: what of its site record goes into the key. */
export type PairSide = Pick<SiteRecord, 'siteId' | 'version' | 'sealingKey'>;

/**
 * 32 bytes, the same on both sides; another one as soon as either site has a new record. Undefined
 * for a peer whose sealing key is a point of small order, with which nobody has a secret.
 */
export function derivePairKey(
  own: PairSide,
  sealingKey: Buffer,
  peer: PairSide,
): Buffer | undefined {
  assert(own.siteId !== peer.siteId, 'a site has no key with itself');
  const secret = sharedSecret(sealingKey, peer.sealingKey);
  if (secret === undefined) return undefined;
  const [low, high] = own.siteId < peer.siteId ? [own, peer] : [peer, own];
  const info = Buffer.concat([
    domainPrefix('pairKey'),
    idBytes(low.siteId),
    versionBytes(low),
    idBytes(high.siteId),
    versionBytes(high),
  ]);
  return Buffer.from(hkdfSync('sha256', secret, Buffer.alloc(0), info, KEY_SIZE));
}

function versionBytes({ version }: PairSide): Buffer {
  return new BufferWriter().u64le(version).toBuffer();
}

function sharedSecret(privateKey: Buffer, publicKey: Buffer): Buffer | undefined {
  const own = privateSealingKeyObject(privateKey);
  const peer = publicSealingKeyObject(publicKey);
  try {
    return diffieHellman({ privateKey: own, publicKey: peer });
  } catch {
    return undefined;
  }
}
