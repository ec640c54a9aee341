// SPDX-License-Identifier: GPL-2.0-or-later
// Whose signatures this site can verify: its own and those of its peers.
import type { KeyLookup } from '../dataset/envelope.ts';
import { publicKeyFromRaw } from '../dataset/signing-key.ts';
import type { Identity } from '../peers/identity.ts';
import type { PeerBook } from '../peers/peer-book.ts';

/** Finds the signing key of this site or of a peer by its newest record. */
export function keyRing(identity: Identity, peers: PeerBook): KeyLookup {
  const own = publicKeyFromRaw(identity.record.signingKey);
  return (signer) => (signer === identity.siteId ? own : peers.signingKeyOf(signer));
}
