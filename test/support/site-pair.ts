// SPDX-License-Identifier: GPL-2.0-or-later
// Two sites in one process: one publishes, the other follows and takes packs from its folder.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { differences } from '../../scripts/lab/compare.ts';
import type { Published } from '../../src/replication/publisher.ts';
import {
  handOver,
  introduce,
  replicationSite,
  type ReplicationSite,
  type ReplicationSiteInit,
} from './replication-site.ts';

export interface Pair {
  readonly writer: ReplicationSite;
  readonly reader: ReplicationSite;
  readonly source: string;
  /** Folder of the reader's replica. */
  readonly replica: string;
}

export async function pair(
  t: TestContext,
  init: Pick<ReplicationSiteInit, 'fingerprintBits'> = {},
): Promise<Pair> {
  const writer = await replicationSite(t, { ...init, name: 'writer' });
  const reader = await replicationSite(t, {
    ...init,
    name: 'reader',
    packFolders: [writer.home.packsFolder],
  });
  await introduce(writer, reader);
  const source = writer.newFolder('source');
  const replica = reader.newFolder('replica');
  await reader.follows.start();
  await reader.follows.follow('files', replica);
  return { writer, reader, source, replica };
}

/** Publishes, hands over, and waits until the reader shows it. */
export async function replicate({ writer, reader, source, replica }: Pair): Promise<Published> {
  const published = await writer.publish(source);
  await handOver(writer, reader, published);
  await visible(reader, published);
  assert.deepEqual(await differences(source, join(replica, 'current')), []);
  return published;
}

export async function visible(
  reader: ReplicationSite,
  { row }: Pick<Published, 'row'>,
): Promise<void> {
  for (let attempt = 0; attempt < 1000; attempt += 1) {
    const now = await reader.chain.find(row.datasetId, row.snapshotId);
    if (now?.state === 'visible') return;
    await delay(10);
  }
  const views = await reader.follows.views();
  throw new Error(`not visible: ${JSON.stringify(views)}`);
}
