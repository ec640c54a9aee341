// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../../src/base/clock.ts';
import type { DatasetId } from '../../../src/dataset/ids.ts';
import { formatSiteCard } from '../../../src/dataset/site-record.ts';
import { Identity, type SiteAddress } from '../../../src/peers/identity.ts';
import { PeerBook, type PeerChange, type StoredPeer } from '../../../src/peers/peer-book.ts';
import { MemoryKeyFiles, MemoryTable } from '../../support/memory-tables.ts';
import { ALL_RIGHTS } from '../../support/peer-site.ts';
import { DATASET_ID, OTHER_SITE_ID } from '../../support/samples.ts';

let number = 0;

function newIdentity(change: Partial<SiteAddress> = {}): Promise<Identity> {
  number += 1;
  return Identity.create(
    { files: new MemoryKeyFiles() },
    { name: `s${number}`, host: 'h', port: 1, ed2kHost: '192.0.2.1', ed2kPort: number, ...change },
  );
}

async function newBook(
  store = new MemoryTable<StoredPeer>(),
): Promise<{ book: PeerBook; own: Identity; changes: PeerChange[] }> {
  const own = await newIdentity();
  const book = await PeerBook.load({ store, clock: systemClock, own: own.siteId });
  const changes: PeerChange[] = [];
  book.onChange((change) => changes.push(change));
  return { book, own, changes };
}

test('a peer is found by site id, TLS key and end point, also after a restart', async () => {
  const store = new MemoryTable<StoredPeer>();
  const { book } = await newBook(store);
  const peer = await newIdentity();
  await book.add(`  ${peer.card}\n`, ALL_RIGHTS);
  for (const each of [book, (await newBook(store)).book]) {
    assert.equal(each.get(peer.siteId)?.record.name, peer.record.name);
    assert.equal(each.byTlsKey(peer.record.tlsKey)?.siteId, peer.siteId);
    assert.equal(each.byEndPoint('192.0.2.1', peer.record.ed2kPort)?.siteId, peer.siteId);
    assert.ok(each.signingKeyOf(peer.siteId) !== undefined);
    assert.equal(each.list().length, 1);
  }
});

test('a removed peer is found by nothing', async () => {
  const store = new MemoryTable<StoredPeer>();
  const { book, changes } = await newBook(store);
  const peer = await newIdentity();
  await book.add(peer.card, ALL_RIGHTS);
  assert.equal(await book.remove(peer.siteId), true);
  assert.equal(await book.remove(peer.siteId), false);
  assert.equal(book.get(peer.siteId), undefined);
  assert.equal(book.byTlsKey(peer.record.tlsKey), undefined);
  assert.equal(book.byEndPoint('192.0.2.1', peer.record.ed2kPort), undefined);
  assert.equal(book.signingKeyOf(peer.siteId), undefined);
  assert.equal(book.allows(peer.siteId, 'read', { id: DATASET_ID, name: 'x' }), false);
  assert.deepEqual(await store.entries(), []);
  assert.deepEqual(
    changes.map(({ kind }) => kind),
    ['added', 'removed'],
  );
});

test('rights are of a data set by id, by name, or of all, and add up', async () => {
  const { book } = await newBook();
  const peer = await newIdentity();
  const none = { publish: false, read: false, relay: false };
  await book.add(peer.card, [
    { ...none, dataset: '*', read: true },
    { ...none, dataset: 'run42', publish: true },
    { ...none, dataset: DATASET_ID, relay: true },
  ]);
  const other = OTHER_SITE_ID as unknown as DatasetId;
  const may = (right: 'publish' | 'read' | 'relay', id: DatasetId, name: string): boolean =>
    book.allows(peer.siteId, right, { id, name });
  assert.ok(may('read', other, 'any'));
  assert.ok(may('publish', other, 'run42'));
  assert.ok(!may('publish', other, 'run43'));
  assert.ok(may('relay', DATASET_ID, 'any'));
  assert.ok(!may('relay', other, 'run42'));
  await book.add(peer.card, []);
  assert.ok(!may('read', DATASET_ID, 'run42'));
});

test('a newer record replaces, an older one or another of the same version does not', async () => {
  const { book, changes } = await newBook();
  const peer = await newIdentity();
  const first = peer.recordBytes;
  await assert.rejects(book.updateRecord(first), { code: 'ERR_PEER_UNKNOWN' });
  await book.add(peer.card, ALL_RIGHTS);
  const endPoint = { ...peer.record, host: 'moved', ed2kPort: 40_000 };
  await peer.update(endPoint);
  const second = peer.recordBytes;
  assert.equal(await book.updateRecord(second), true);
  assert.equal(await book.updateRecord(second), false);
  assert.equal(book.get(peer.siteId)?.record.host, 'moved');
  assert.equal(book.byEndPoint('192.0.2.1', 40_000)?.siteId, peer.siteId);
  assert.equal(book.list().length, 1);
  await assert.rejects(book.updateRecord(first), { code: 'ERR_SITE_RECORD_STALE' });
  assert.deepEqual(
    changes.map(({ kind }) => kind),
    ['added', 'record'],
  );
  assert.equal(changes[1]?.previous?.record.host, 'h');
  // An old card in somebody's mail gives rights, but does not turn the record back.
  await book.add(formatSiteCard(first), []);
  assert.equal(book.get(peer.siteId)?.record.host, 'moved');
  assert.deepEqual(book.get(peer.siteId)?.rights, []);
});

test('two records of the same version are refused as equivocation', async () => {
  const { book } = await newBook();
  const files = new MemoryKeyFiles();
  const address = { name: 'x', host: 'h', port: 1, ed2kHost: '192.0.2.1', ed2kPort: 50_000 };
  const peer = await Identity.create({ files }, address);
  await book.add(peer.card, ALL_RIGHTS);
  const twin = new MemoryKeyFiles();
  for (const [name, bytes] of files.files) twin.files.set(name, bytes);
  const other = await Identity.load({ files: twin });
  await peer.update({ ...address, host: 'one' });
  await other.update({ ...address, host: 'two' });
  await book.updateRecord(peer.recordBytes);
  for (const attempt of [
    () => book.updateRecord(other.recordBytes),
    () => book.add(other.card, ALL_RIGHTS),
  ]) {
    await assert.rejects(attempt(), { code: 'ERR_SITE_RECORD_STALE' });
  }
  assert.equal(book.get(peer.siteId)?.record.host, 'one');
});

test('a card that is damaged, taken, of this site or no card is refused', async () => {
  const { book, own } = await newBook();
  const peer = await newIdentity();
  await book.add(peer.card, ALL_RIGHTS);
  const rival = await newIdentity({ ed2kPort: peer.record.ed2kPort });
  const card = async (text: string, code: string): Promise<void> => {
    await assert.rejects(async () => book.add(text, ALL_RIGHTS), { code });
  };
  await card(own.card, 'ERR_ARGUMENT_INVALID');
  await card(rival.card, 'ERR_SITE_RECORD_CONFLICT');
  await card('', 'ERR_ARGUMENT_INVALID');
  await card('muleplex-site:', 'ERR_ARGUMENT_INVALID');
  await card(formatSiteCard(peer.recordBytes.subarray(0, -8)), 'ERR_ENVELOPE_MALFORMED');
  const forged = Buffer.from(peer.recordBytes);
  forged.writeUInt8(forged.readUInt8(forged.length - 1) ^ 1, forged.length - 1);
  await card(formatSiteCard(forged), 'ERR_SIGNATURE_INVALID');
  const moving = await newIdentity();
  await book.add(moving.card, ALL_RIGHTS);
  await moving.update({ ...moving.record, ed2kPort: peer.record.ed2kPort });
  await assert.rejects(book.updateRecord(moving.recordBytes), { code: 'ERR_SITE_RECORD_CONFLICT' });
  assert.equal(book.list().length, 2);
});

test('changes at the same time are made one after another', async () => {
  const store = new MemoryTable<StoredPeer>();
  const { book } = await newBook(store);
  const peer = await newIdentity();
  await Promise.all([
    book.add(peer.card, []),
    book.remove(peer.siteId),
    book.add(peer.card, ALL_RIGHTS),
  ]);
  assert.deepEqual(book.get(peer.siteId)?.rights, ALL_RIGHTS);
  assert.equal((await store.entries()).length, 1);
});
