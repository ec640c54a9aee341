// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { hasCode } from '../../../src/base/errors.ts';
import type { ReceiptState } from '../../../src/dataset/receipt.ts';
import type { Published } from '../../../src/replication/publisher.ts';
import { Waiter, type WaitFor, type WaitState } from '../../../src/replication/waiter.ts';
import {
  handOver,
  introduce,
  replicationSite,
  type ReplicationSite,
} from '../../support/replication-site.ts';

interface Lab {
  readonly writer: ReplicationSite;
  readonly readers: readonly [ReplicationSite, ReplicationSite];
  readonly published: Published;
  readonly waiter: Waiter;
}

async function lab(t: TestContext): Promise<Lab> {
  const writer = await replicationSite(t, { name: 'writer' });
  const readers = [
    await replicationSite(t, { name: 'first' }),
    await replicationSite(t, { name: 'second' }),
  ] as const;
  for (const reader of readers) await introduce(writer, reader);
  const published = await writer.publish(writer.newFolder('source'));
  return { writer, readers, published, waiter: new Waiter(writer) };
}

/** The reader signs, and the writer takes the receipt. */
async function sign(
  { writer }: Pick<Lab, 'writer'>,
  reader: ReplicationSite,
  { row }: Pick<Published, 'row'>,
  state: ReceiptState,
): Promise<void> {
  const { bytes } = reader.receipts.sign(row.datasetId, row.snapshotId, state);
  await writer.receipts.take(reader.identity.siteId, bytes);
}

function wait(
  { waiter, published }: Lab,
  want: WaitFor,
  timeoutMs?: number,
  signal = new AbortController().signal,
): Promise<WaitState> {
  const { dataset, row } = published;
  const onProgress = (): void => undefined;
  return waiter.wait(dataset, row, { want, timeoutMs, signal, onProgress });
}

test('all waits for the "visible" of every reader; "staged" is not enough', async (t) => {
  const at = await lab(t);
  const [first, second] = at.readers;
  const waiting = wait(at, 'all');
  await sign(at, first, at.published, 'visible');
  await sign(at, second, at.published, 'staged');
  assert.deepEqual((await wait(at, 'all', 20)).missing, [second.identity.siteId]);
  await sign(at, second, at.published, 'visible');
  const { visible, missing } = await waiting;
  assert.equal(visible.length, 2);
  assert.deepEqual(missing, []);
});

test('a number waits for that many, none for nobody', async (t) => {
  const at = await lab(t);
  assert.equal((await wait(at, 'none')).missing.length, 2);
  const waiting = wait(at, 1);
  await sign(at, at.readers[1], at.published, 'visible');
  assert.deepEqual((await waiting).visible, [at.readers[1].identity.siteId]);
});

test('a time-out gives those that are missing', async (t) => {
  const at = await lab(t);
  const { missing } = await wait(at, 'all', 20);
  assert.deepEqual([...missing].sort(), at.readers.map(({ identity }) => identity.siteId).sort());
});

test('a cancelled wait rejects', async (t) => {
  const at = await lab(t);
  const controller = new AbortController();
  const waiting = wait(at, 'all', undefined, controller.signal);
  controller.abort();
  await assert.rejects(waiting, { name: 'AbortError' });
});

test('a peer that is removed is not waited for', async (t) => {
  const at = await lab(t);
  const waiting = wait(at, 'all');
  for (const { identity } of at.readers) await at.writer.peers.remove(identity.siteId);
  assert.deepEqual(await waiting, { visible: [], missing: [] });
});

test('a site that sees a later snapshot counts', async (t) => {
  const at = await lab(t);
  const later = await at.writer.publish(at.writer.newFolder('source'));
  for (const reader of at.readers) await sign(at, reader, later, 'visible');
  assert.deepEqual((await wait(at, 'all')).missing, []);
});

test('a receipt of a stranger, or without the right to read, is refused', async (t) => {
  const at = await lab(t);
  const [first] = at.readers;
  const { row } = at.published;
  const { bytes } = first.receipts.sign(row.datasetId, row.snapshotId, 'visible');
  const rights = [{ dataset: '*', publish: true, read: false, relay: false }];
  await at.writer.peers.add(first.identity.card, rights);
  const { siteId } = first.identity;
  const take = (): Promise<void> => at.writer.receipts.take(siteId, bytes);
  await assert.rejects(take, (error) => hasCode(error, 'ERR_RIGHT_MISSING'));
  await at.writer.peers.remove(siteId);
  await assert.rejects(take, (error) => hasCode(error, 'ERR_PEER_UNKNOWN'));
  assert.deepEqual(await at.writer.receipts.of(row.snapshotId), []);
});

test('a receipt for a snapshot that is not known is refused', async (t) => {
  const at = await lab(t);
  const [first, second] = at.readers;
  await handOver(at.writer, first, at.published);
  const { row } = at.published;
  await introduce(first, second);
  const { bytes } = first.receipts.sign(row.datasetId, row.snapshotId, 'visible');
  await assert.rejects(second.receipts.take(first.identity.siteId, bytes), (error) =>
    hasCode(error, 'ERR_SNAPSHOT_UNKNOWN'),
  );
});
