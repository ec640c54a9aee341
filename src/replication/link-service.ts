// SPDX-License-Identifier: GPL-2.0-or-later
// ed2k links, checked on the way in and out: files for aMule's own downloads, and the packs of a
// data set for programs that know links only.
import type { Core } from '../core/core.ts';
import { formatEd2kLink, parseEd2kLink } from '../ed2k/link.ts';
import type { Identity } from '../peers/identity.ts';
import type { DatasetRegistry } from './dataset-registry.ts';
import type { LinkView } from './site-view.ts';
import type { SnapshotChain } from './snapshot-chain.ts';

interface Components {
  readonly registry: DatasetRegistry;
  readonly chain: SnapshotChain;
  readonly identity: Identity;
}

export class LinkService {
  readonly #components: Components;

  constructor(components: Components) {
    this.#components = components;
  }

  /** Hands a link to the core, which downloads the file to its Incoming folder. */
  async add(core: Core, text: string): Promise<LinkView> {
    const link = parseEd2kLink(text);
    await core.ec.addLink(formatEd2kLink(link));
    return {
      name: link.name,
      size: link.size,
      fileHash: link.fileHash,
      link: formatEd2kLink(link),
    };
  }

  /** A link for each pack of the newest snapshot, with this site as its source. */
  async export(nameOrId: string): Promise<LinkView[]> {
    const { chain, identity, registry } = this.#components;
    const dataset = registry.resolve(nameOrId);
    const newest = await chain.newest(dataset.id);
    if (newest === undefined) return [];
    const { ed2kHost: host, ed2kPort: port } = identity.record;
    return [...newest.packs].map(([packId, descriptor]) => {
      const name = `${packId}.pack`;
      const { size, aichRoot, partHashes } = descriptor;
      const fileHash = descriptor.fileHash.toString('hex');
      const sources = [{ host, port }];
      const link = formatEd2kLink({ name, size, fileHash, aichRoot, partHashes, sources });
      return { name, size, fileHash, link };
    });
  }
}
