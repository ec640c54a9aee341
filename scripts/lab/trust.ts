// SPDX-License-Identifier: GPL-2.0-or-later
// Keys of pairs for cores without muleplexd: whoever knows both addresses knows the key.
import { createHash } from 'node:crypto';
import type { CoreTrust, EndPoint } from '../../src/core/core.ts';

/** The site of a core that listens there, as far as cores go. */
export function siteIdAt({ host, port }: EndPoint): Buffer {
  return createHash('sha256').update(`site ${host}:${port}`).digest();
}

/** The key of two such sites. */
export function pairKeyOf(one: EndPoint, other: EndPoint): Buffer {
  const ids = [siteIdAt(one), siteIdAt(other)].sort((a, b) => a.compare(b));
  return createHash('sha256').update('pair').update(Buffer.concat(ids)).digest();
}

/** What the core at `own` is told so that it trusts those and nobody else. */
export function trustOf(own: EndPoint, clients: readonly EndPoint[], isOpen = false): CoreTrust {
  return {
    siteId: siteIdAt(own),
    clients: clients.map(({ host, port }) => {
      const pairKey = pairKeyOf(own, { host, port });
      return { host, port, siteId: siteIdAt({ host, port }), pairKey };
    }),
    isOpen,
  };
}
