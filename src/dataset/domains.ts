// SPDX-License-Identifier: GPL-2.0-or-later
// Hashing with domain separation: no two kinds of input of ours can ever hash alike.
import { hash } from 'node:crypto';

/** What is hashed or signed; the text is part of docs/formats.md. */
export const DOMAINS = {
  siteId: 'muleplex site id 1',
  envelope: 'muleplex envelope 1',
  datasetId: 'muleplex data set id 1',
  snapshotId: 'muleplex snapshot id 1',
  manifestBody: 'muleplex manifest body 1',
  packId: 'muleplex pack id 1',
  packSet: 'muleplex pack set 1',
  fileDigest: 'muleplex file digest 1',
  announcement: 'muleplex announcement 1',
  secrets: 'muleplex secrets 1',
  chunkIdKey: 'muleplex chunk id key 1',
  gearKey: 'muleplex gear key 1',
  domainCheck: 'muleplex domain check 1',
  encryptionKey: 'muleplex encryption key 1',
  saltKey: 'muleplex salt key 1',
  epochCheck: 'muleplex epoch check 1',
  pairKey: 'muleplex pair key 1',
} as const;

export type Domain = keyof typeof DOMAINS;

const prefixes = new Map<Domain, Buffer>();

/** The domain's ASCII text and a closing NUL. */
export function domainPrefix(domain: Domain): Buffer {
  const known = prefixes.get(domain);
  if (known !== undefined) return known;
  const prefix = Buffer.from(`${DOMAINS[domain]}\0`, 'latin1');
  prefixes.set(domain, prefix);
  return prefix;
}

/** SHA-256 over the domain prefix and the parts one after another, 32 bytes. */
export function hashWithDomain(domain: Domain, ...parts: readonly Uint8Array[]): Buffer {
  // In one call: a hash object for each of 100,000 short lists costs more than hashing them.
  return hash('sha256', Buffer.concat([domainPrefix(domain), ...parts]), 'buffer');
}
