// SPDX-License-Identifier: GPL-2.0-or-later
// A writer whose announcements reach a reader at once, and a publish that is held in the middle.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { SiteId } from '../../src/dataset/ids.ts';
import type { PackAnnouncement } from '../../src/peers/routes.ts';
import type { Published } from '../../src/replication/publisher.ts';
import {
  introduce,
  replicationSite,
  type AnnounceClient,
  type ReplicationSite,
  type ReplicationSiteInit,
} from './replication-site.ts';
import { makeBulk } from './tree.ts';

/** In place of TLS between two sites in one process. */
export class DirectLine implements AnnounceClient {
  /** All that was sent, in order. */
  readonly sent: PackAnnouncement[] = [];
  readonly #listeners = new Set<Parameters<AnnounceClient['onState']>[0]>();
  #from: ReplicationSite | undefined;
  #to: ReplicationSite | undefined;

  connect(from: ReplicationSite, to: ReplicationSite): void {
    this.#from = from;
    this.#to = to;
    const { siteId } = to.identity;
    for (const listener of this.#listeners) listener({ siteId, state: 'connected' });
  }

  disconnect(): void {
    this.#to = undefined;
  }

  state(siteId: SiteId): 'connected' | 'unreachable' {
    return this.#to?.identity.siteId === siteId ? 'connected' : 'unreachable';
  }

  onState(listener: Parameters<AnnounceClient['onState']>[0]): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  announce: AnnounceClient['announce'] = (_siteId, announcement) => {
    assert.ok(this.#from !== undefined && this.#to !== undefined);
    this.sent.push(announcement);
    return this.#to.announced.announce(this.#from.identity.siteId, announcement);
  };
}

export interface AnnouncedPair {
  readonly writer: ReplicationSite;
  readonly reader: ReplicationSite;
  readonly line: DirectLine;
  readonly source: string;
  readonly replica: string;
}

export async function announcedPair(
  t: TestContext,
  init: ReplicationSiteInit = {},
): Promise<AnnouncedPair> {
  const line = new DirectLine();
  const writer = await replicationSite(t, { name: 'writer', announceTo: line });
  const packFolders = [writer.home.packsFolder];
  const reader = await replicationSite(t, { name: 'reader', packFolders, ...init });
  await introduce(writer, reader);
  line.connect(writer, reader);
  const replica = reader.newFolder('replica');
  await reader.follows.start();
  await reader.follows.follow('files', replica);
  return { writer, reader, line, source: writer.newFolder('source'), replica };
}

/** A publish whose first pack is shared and announced and whose second waits. */
export interface HeldPublish {
  readonly done: Promise<Published>;
  readonly abort: AbortController;
  release(): void;
}

/** Publishes two packs of random bytes; resolves when the second would be shared. */
export async function holdPublish({ writer, source }: AnnouncedPair): Promise<HeldPublish> {
  await makeBulk(join(source, `bulk-${writer.core.shared.size}`), 40_000_000, 10_000_000);
  const { core } = writer;
  const share = core.share.bind(core);
  let release: () => void = () => undefined;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  let calls = 0;
  const abort = new AbortController();
  let done: Promise<Published> | undefined;
  await new Promise<void>((resolve, reject) => {
    core.share = async (packs) => {
      calls += 1;
      if (calls === 2) {
        resolve();
        await released;
        core.share = share;
      }
      await share(packs);
    };
    done = writer.publisher.publish({
      folder: source,
      dataset: 'files',
      checksum: false,
      signal: abort.signal,
      onProgress: () => undefined,
    });
    done.catch(reject);
  });
  assert.ok(done !== undefined);
  return { done, abort, release };
}

/** Waits for what the sites do by themselves. */
export async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 1000; attempt += 1) {
    if (await holds()) return;
    await delay(10);
  }
  throw new Error(`not so: ${what}`);
}
