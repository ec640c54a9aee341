// SPDX-License-Identifier: GPL-2.0-or-later
// What the core is told of the peers. It gets keys of pairs only: with one of them it can be nobody
// but this site.
import type { CoreTrust, TrustedClient } from '../core/core.ts';
import { idBytes } from '../dataset/ids.ts';
import { derivePairKey } from '../dataset/pair-key.ts';
import type { Identity } from '../peers/identity.ts';
import type { PeerBook } from '../peers/peer-book.ts';

export interface TrustComponents {
  readonly identity: Identity;
  readonly peers: PeerBook;
  /** The core talks to other eD2k clients too. */
  readonly isOpen: boolean;
}

/** The list as it is now; a peer without a pair key is left out. */
export function coreTrust({ identity, isOpen, peers }: TrustComponents): CoreTrust {
  const clients = peers.list().flatMap(({ record }): TrustedClient[] => {
    const pairKey = derivePairKey(identity.record, identity.sealingKey, record);
    if (pairKey === undefined) return [];
    const { ed2kHost: host, ed2kPort: port, siteId } = record;
    return [{ host, port, siteId: idBytes(siteId), pairKey }];
  });
  return { siteId: idBytes(identity.siteId), clients, isOpen };
}
