// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { hasCode, type ErrorCode } from '../../../src/base/errors.ts';
import {
  bodyHashOf,
  decodeHeader,
  encodeHeader,
  type ManifestHeader,
} from '../../../src/dataset/manifest-header.ts';
import type { Offer } from '../../../src/peers/routes.ts';
import type { Published } from '../../../src/replication/publisher.ts';
import { ALL_RIGHTS } from '../../support/peer-site.ts';
import {
  handOver,
  introduce,
  replicationSite,
  type ReplicationSite,
} from '../../support/replication-site.ts';

interface Pair {
  readonly writer: ReplicationSite;
  readonly reader: ReplicationSite;
  readonly published: Published;
}

/** A writer with one snapshot and a site that knows it. */
async function pair(t: TestContext): Promise<Pair> {
  const writer = await replicationSite(t, { name: 'writer' });
  const reader = await replicationSite(t, { name: 'reader' });
  await introduce(writer, reader);
  return { writer, reader, published: await publishFile(writer, 'first') };
}

async function publishFile(site: ReplicationSite, content: string): Promise<Published> {
  const folder = site.newFolder('source');
  await writeFile(join(folder, 'file'), content);
  return site.publish(folder);
}

async function offerOf({ writer, reader, published }: Pair): Promise<Offer> {
  const offer = await writer.source.load(reader.identity.siteId, published.row.snapshotId);
  assert.ok(offer !== undefined);
  return offer;
}

/** The writer's header with changes, signed by it. */
function headerWith({ writer, published }: Pair, change: Partial<ManifestHeader>): Buffer {
  const { row } = published;
  return encodeHeader(
    {
      datasetId: row.datasetId,
      epoch: row.epoch,
      sequence: row.sequence,
      parent: row.parent,
      kind: 'snapshot',
      visibility: 'onStage',
      members: [],
      threshold: 0,
      bodyHash: row.bodyHash,
      bodySize: row.bodySize,
      createdMs: row.createdMs,
      ...change,
    },
    writer.identity.signer,
  );
}

/** The call is refused with the code, and the reader knows as much as before. */
async function refused(
  reader: ReplicationSite,
  code: ErrorCode,
  call: () => Promise<unknown>,
): Promise<void> {
  const before = await stateOf(reader);
  await assert.rejects(call, (error: unknown) => {
    assert.ok(hasCode(error, code), `${String(error)} is not ${code}`);
    return true;
  });
  assert.deepEqual(await stateOf(reader), before);
}

async function stateOf({ catalogue, registry, secrets }: ReplicationSite): Promise<object> {
  return {
    heads: await catalogue.heads.entries(),
    snapshots: await catalogue.snapshots.entries(),
    datasets: registry.list(),
    files: await secrets.list(),
  };
}

test('a snapshot of a known writer becomes the head, with its keys', async (t) => {
  const at = await pair(t);
  const { writer, reader, published } = at;
  assert.equal(await handOver(writer, reader, published), 'want');
  const head = await reader.chain.head(published.dataset.id);
  assert.equal(head?.snapshotId, published.row.snapshotId);
  const dataset = reader.registry.resolve('files');
  assert.deepEqual(
    await reader.registry.secretsOf(dataset),
    await writer.registry.secretsOf(published.dataset),
  );
  assert.equal(await handOver(writer, reader, published), 'have');
});

test('snapshots are accepted one after another, and not before their parents', async (t) => {
  const at = await pair(t);
  const { writer, reader, published } = at;
  const second = await publishFile(writer, 'second');
  await refused(reader, 'ERR_SNAPSHOT_UNKNOWN', () => handOver(writer, reader, second));
  await handOver(writer, reader, published);
  await handOver(writer, reader, second);
  assert.equal((await reader.chain.head(second.dataset.id))?.sequence, 2);
  assert.equal((await reader.chain.packs(second.row)).size, 2);
});

test('an unknown signer, a changed signature and missing rights are refused', async (t) => {
  const at = await pair(t);
  const { writer, reader } = at;
  const offer = await offerOf(at);
  const { siteId } = writer.identity;
  const changed = Buffer.from(offer.header);
  changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
  await refused(reader, 'ERR_SIGNATURE_INVALID', () =>
    reader.acceptance.offer(siteId, { ...offer, header: changed }),
  );
  const readOnly = [{ dataset: '*', publish: false, read: true, relay: false }];
  await reader.peers.add(writer.identity.card, readOnly);
  await refused(reader, 'ERR_RIGHT_MISSING', () => reader.acceptance.offer(siteId, offer));
  await reader.peers.remove(siteId);
  await refused(reader, 'ERR_PEER_UNKNOWN', () => reader.acceptance.offer(siteId, offer));
});

test('only the writer signs, and only who may relay passes on', async (t) => {
  const at = await pair(t);
  const { reader } = at;
  const other = await replicationSite(t, { name: 'other' });
  await introduce(reader, other, [{ dataset: '*', publish: true, read: true, relay: false }]);
  const offer = await offerOf(at);
  const { siteId } = other.identity;
  await refused(reader, 'ERR_RIGHT_MISSING', () => reader.acceptance.offer(siteId, offer));
  await reader.peers.add(other.identity.card, ALL_RIGHTS);
  assert.equal(await reader.acceptance.offer(siteId, offer), 'want');
  const forged = { ...offer, header: headerWith({ ...at, writer: other }, {}) };
  await refused(reader, 'ERR_RIGHT_MISSING', () => reader.acceptance.offer(siteId, forged));
});

test('a second history is refused, and its header kept as proof', async (t) => {
  const at = await pair(t);
  const { writer, reader, published } = at;
  await handOver(writer, reader, published);
  const offer = await offerOf(at);
  const header = headerWith(at, { createdMs: 1 });
  const { siteId } = writer.identity;
  await refused(reader, 'ERR_MANIFEST_FORK', () =>
    reader.acceptance.offer(siteId, { ...offer, header }),
  );
  const [fork] = await reader.catalogue.forks.entries();
  assert.deepEqual(fork?.value.header, header);
  assert.equal(fork.value.peer, siteId);
});

test('an old place in the chain is refused', async (t) => {
  const at = await pair(t);
  const { writer, reader, published } = at;
  await handOver(writer, reader, published);
  const offer = await offerOf(at);
  const header = headerWith(at, { sequence: 0, parent: published.row.snapshotId });
  await refused(reader, 'ERR_MANIFEST_STALE', () =>
    reader.acceptance.offer(writer.identity.siteId, { ...offer, header }),
  );
});

test('a body that nobody asked for, or of other bytes, is refused', async (t) => {
  const at = await pair(t);
  const { writer, reader, published } = at;
  const { siteId } = writer.identity;
  const { snapshotId } = published.row;
  const body = await writer.chain.bodyBytes(published.row);
  await refused(reader, 'ERR_SNAPSHOT_UNKNOWN', () =>
    reader.acceptance.accept(siteId, snapshotId, body),
  );
  assert.equal(await reader.acceptance.bodySize(siteId, snapshotId), undefined);
  await reader.acceptance.offer(siteId, await offerOf(at));
  assert.equal(await reader.acceptance.bodySize(siteId, snapshotId), body.length);
  const changed = Buffer.from(body);
  changed[10] = (changed[10] ?? 0) ^ 1;
  for (const wrong of [changed, body.subarray(1), Buffer.concat([body, Buffer.alloc(1)])]) {
    await refused(reader, 'ERR_MANIFEST_MALFORMED', () =>
      reader.acceptance.accept(siteId, snapshotId, wrong),
    );
  }
  await reader.acceptance.accept(siteId, snapshotId, body);
});

test('a signed body that is no body is refused', async (t) => {
  const at = await pair(t);
  const { writer, reader } = at;
  const body = Buffer.from('d1:ai1ee');
  const header = headerWith(at, { bodyHash: bodyHashOf(body), bodySize: body.length });
  const { snapshotId } = decodeHeader(header, reader.keyOf);
  const { siteId } = writer.identity;
  await reader.acceptance.offer(siteId, { ...(await offerOf(at)), header });
  await refused(reader, 'ERR_MANIFEST_MALFORMED', () =>
    reader.acceptance.accept(siteId, snapshotId, body),
  );
});

test('a site without the right to read gets no manifest', async (t) => {
  const { writer, reader, published } = await pair(t);
  await writer.peers.add(reader.identity.card, [
    { dataset: 'other', publish: true, read: true, relay: true },
  ]);
  const { snapshotId } = published.row;
  assert.equal(await writer.source.load(reader.identity.siteId, snapshotId), undefined);
});
