// SPDX-License-Identifier: GPL-2.0-or-later
// Packs on the wire before their manifest, between two sites in one process.
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { differences } from '../../../scripts/lab/compare.ts';
import { systemClock, type Clock } from '../../../src/base/clock.ts';
import { hasCode } from '../../../src/base/errors.ts';
import { ANNOUNCED_GRACE_MS } from '../../../src/base/limits.ts';
import { createLogger } from '../../../src/base/logger.ts';
import { EarlyFetch } from '../../../src/replication/early-fetch.ts';
import { announcedPair, holdPublish, until } from '../../support/announced-pair.ts';
import { handOver, type ReplicationSite } from '../../support/replication-site.ts';
import { visible } from '../../support/site-pair.ts';

/** Complete packs, as the catalogue knows them. */
async function completePacks({ catalogue }: ReplicationSite): Promise<string[]> {
  const rows = await catalogue.packs.entries();
  return rows.filter(({ value }) => value.state === 'complete').map(({ key }) => key);
}

async function packFiles({ home }: ReplicationSite): Promise<string[]> {
  return (await readdir(home.packsFolder)).filter((name) => name.endsWith('.pack'));
}

async function openSessions({ catalogue }: ReplicationSite): Promise<number> {
  const rows = await catalogue.sessions.entries();
  return rows.filter(({ value }) => value.end === null).length;
}

test('a pack is whole at a follower before the manifest is signed, and comes once', async (t) => {
  const at = await announcedPair(t);
  const { writer, reader, source, replica } = at;
  const held = await holdPublish(at);
  await until('the first pack is here', async () => (await completePacks(reader)).length === 1);
  assert.deepEqual(await writer.catalogue.heads.entries(), [], 'nothing is signed yet');
  assert.deepEqual(reader.registry.list(), [], 'nothing of it counts');
  assert.deepEqual(await readdir(replica), ['snapshots']);
  held.release();
  const published = await held.done;
  assert.equal(published.packs.length, 2);
  await until('the second pack is here', async () => (await completePacks(reader)).length === 2);
  assert.equal(await openSessions(writer), 0, 'the manifest has taken the packs over');
  await handOver(writer, reader, published);
  await visible(reader, published);
  assert.deepEqual(await differences(source, join(replica, 'current')), []);
  assert.equal(reader.core.requests.length, 2, 'each pack is fetched once');
  await until('the session is over', async () => (await openSessions(reader)) === 0);
  assert.equal(await reader.retirement.run(published.dataset), 0, 'no pack is left over');
});

test('a cancelled publish leaves nothing at the writer and at a follower', async (t) => {
  const at = await announcedPair(t);
  const { writer, reader, line, source } = at;
  const held = await holdPublish(at);
  await until('the first pack is here', async () => (await completePacks(reader)).length === 1);
  held.abort.abort();
  held.release();
  await assert.rejects(held.done, { name: 'AbortError' });
  assert.deepEqual(await packFiles(writer), []);
  assert.deepEqual(await readdir(writer.home.indexFolder), []);
  assert.deepEqual(await writer.secrets.list(), []);
  assert.equal(writer.core.shared.size, 0);
  await until('the follower has dropped it', async () => (await packFiles(reader)).length === 0);
  assert.deepEqual(await reader.catalogue.packs.entries(), []);
  assert.equal(await openSessions(reader), 0);
  // What was sent of the session cannot be played back.
  const [first] = line.sent;
  assert.ok(first !== undefined);
  const { siteId } = writer.identity;
  await assert.rejects(reader.announced.announce(siteId, first), (error) =>
    hasCode(error, 'ERR_ANNOUNCEMENT_STALE'),
  );
  const published = await writer.publish(source);
  await handOver(writer, reader, published);
  await visible(reader, published);
});

test('a start ends the session of a process that died, at all sites', async (t) => {
  const at = await announcedPair(t);
  const { writer, reader } = at;
  const held = await holdPublish(at);
  await until('the first pack is here', async () => (await completePacks(reader)).length === 1);
  // What a start finds after kill -9.
  await writer.announcer.recover();
  await until('the follower has dropped it', async () => (await packFiles(reader)).length === 0);
  assert.deepEqual(await writer.catalogue.packs.entries(), []);
  held.abort.abort();
  held.release();
  await assert.rejects(held.done);
});

test('a peer that connects in the middle gets the chain so far', async (t) => {
  const at = await announcedPair(t);
  const { writer, reader, line } = at;
  line.disconnect();
  const held = await holdPublish(at);
  assert.deepEqual(await reader.catalogue.sessions.entries(), []);
  line.connect(writer, reader);
  await until('the first pack is here', async () => (await completePacks(reader)).length === 1);
  held.release();
  await held.done;
});

test('a follower that lost a session is told it from the first', async (t) => {
  const at = await announcedPair(t);
  const { reader, line } = at;
  const held = await holdPublish(at);
  await until('the first pack is here', async () => (await completePacks(reader)).length === 1);
  for (const { key } of await reader.catalogue.sessions.entries()) {
    await reader.catalogue.sessions.remove(key);
  }
  held.release();
  await held.done;
  await until('both packs are here', async () => (await completePacks(reader)).length === 2);
  assert.equal(line.sent.length, 4, 'the first, the second, and both again');
});

test('a silent session, and one whose writer lost its right, are dropped', async (t) => {
  for (const end of ['silence', 'right'] as const) {
    let passedMs = 0;
    const clock: Clock = { ...systemClock, now: () => systemClock.now() + passedMs };
    const at = await announcedPair(t, { clock });
    const { writer, reader } = at;
    const held = await holdPublish(at);
    await until('the first pack is here', async () => (await completePacks(reader)).length === 1);
    await reader.announced.recover();
    assert.equal((await packFiles(reader)).length, 1);
    if (end === 'silence') passedMs = ANNOUNCED_GRACE_MS + 1_000;
    else await reader.peers.remove(writer.identity.siteId);
    await reader.announced.recover();
    assert.deepEqual(await packFiles(reader), []);
    assert.deepEqual(await reader.catalogue.sessions.entries(), []);
    held.abort.abort();
    held.release();
    await assert.rejects(held.done);
  }
});

test('without room nothing is fetched before the manifest', async (t) => {
  const at = await announcedPair(t);
  const { writer, reader, line, source } = at;
  line.disconnect();
  const published = await writer.publish(source);
  const [pack] = published.packs;
  assert.ok(pack !== undefined);
  const logger = createLogger({ level: 'error' });
  const { exchange } = reader;
  // A file system without a free byte.
  const early = new EarlyFetch({ exchange, logger }, { packsFolder: '/proc' });
  early.begin({ ...pack, dataset: published.dataset });
  await early.stop();
  assert.deepEqual(reader.core.requests, []);
  assert.deepEqual(await reader.catalogue.packs.entries(), []);
});
