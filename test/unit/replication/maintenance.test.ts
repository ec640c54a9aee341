// SPDX-License-Identifier: GPL-2.0-or-later
// Packs are merged as they are, at the writer and at sites that follow; damage is found and not
// copied.
import assert from 'node:assert/strict';
import { cp, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { differences } from '../../../scripts/lab/compare.ts';
import { hasCode } from '../../../src/base/errors.ts';
import { encodeGenesis } from '../../../src/dataset/genesis.ts';
import type { DatasetId } from '../../../src/dataset/ids.ts';
import {
  MEGABYTE,
  assertRestores,
  datasetOf,
  flip,
  follow,
  headOf,
  headPacks,
  keep,
  packsOn,
  prune,
  verify,
  writeVersion,
  type Kept,
} from '../../support/kept-snapshots.ts';
import { Distribution } from '../../../src/replication/distribution.ts';
import { PublishService } from '../../../src/replication/publish-service.ts';
import { Waiter } from '../../../src/replication/waiter.ts';
import { createLogger } from '../../../src/base/logger.ts';
import { handOver } from '../../support/replication-site.ts';
import { pair, replicate } from '../../support/site-pair.ts';

const { signal } = new AbortController();
const logger = createLogger({ level: 'error' });

test('half-empty packs are merged, and sites that follow make the merged pack themselves', async (t) => {
  const at = await pair(t);
  await writeVersion(at.source, 1, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  const kept = [await keep(at, await replicate(at))];
  await writeVersion(at.source, 2, [2, 3, 4, 5, 6, 7, 8, 9]);
  kept.push(await keep(at, await replicate(at)));
  await writeVersion(at.source, 3, [0, 2]);
  // Until stamps count: a file that changed this moment may change again in it.
  await delay(250);
  kept.push(await keep(at, await replicate(at)));
  await at.writer.retention.set('files', { keepLast: 2, keepWithinMs: null });
  const plan = await prune(at.writer, { dryRun: true });
  assert.equal(plan.snapshotId, undefined);
  assert.deepEqual(await headPacks(at.writer), await headPacks(at.reader));
  const done = await prune(at.writer);
  assert.deepEqual(
    [plan.packsBefore, plan.packsAfter, plan.packsMerged, plan.forgotten],
    [done.packsBefore, done.packsAfter, done.packsMerged, done.forgotten],
  );
  assert.equal(done.packsMerged, 1);
  // Of the first version only the files 0 and 1 are needed.
  assert.ok(done.bytesFreed > 7 * MEGABYTE, `${done.bytesFreed} bytes freed`);
  assert.ok(Math.abs(done.bytesFreed - plan.bytesFreed) < 50_000);
  const fetched = at.reader.core.requests.length;
  await follow(at);
  assert.equal(at.reader.core.requests.length, fetched, 'nothing was fetched');
  const [merge] = await at.reader.chain.list(done.datasetId as DatasetId);
  assert.deepEqual([merge?.kind, merge?.fetchedBytes], ['maintenance', 0]);
  for (const site of [at.writer, at.reader]) {
    assert.deepEqual(await packsOn(site), await headPacks(site));
    await assertRestores(site, kept.slice(1));
  }
  const again = await prune(at.writer);
  assert.equal(again.snapshotId, undefined, 'there is nothing left to do');
  // Nothing is read again because of it.
  assert.equal((await replicate(at)).ingest.bytesRead, 0);
});

test('unchanged files of a replica stay links, also when the snapshot before is forgotten', async (t) => {
  const at = await pair(t);
  await writeVersion(at.source, 1, [0, 1]);
  await replicate(at);
  await at.writer.retention.set('files', { keepLast: 1, keepWithinMs: null });
  const inode = async (): Promise<number> =>
    (await stat(join(at.replica, 'current', 'file-0'))).ino;
  const before = await inode();
  await writeVersion(at.source, 2, [1]);
  await replicate(at);
  assert.equal(await inode(), before);
  await prune(at.writer, { maxPacks: 1 });
  await follow(at);
  assert.equal(await inode(), before);
});

test('too many packs become few', async (t) => {
  const at = await pair(t);
  const kept: Kept[] = [];
  for (let version = 1; version <= 6; version += 1) {
    await writeVersion(at.source, version, [version]);
    kept.push(await keep(at, await replicate(at)));
  }
  const result = await prune(at.writer, { maxPacks: 2 });
  assert.deepEqual([result.packsBefore, result.packsAfter], [6, 2]);
  const fetched = at.reader.core.requests.length;
  await follow(at);
  assert.equal(at.reader.core.requests.length, fetched);
  for (const site of [at.writer, at.reader]) await assertRestores(site, kept);
});

test('a publish merges before there are too many packs', async (t) => {
  const { writer } = await pair(t);
  const source = writer.newFolder('source');
  const service = new PublishService(
    {
      ...writer,
      distribution: new Distribution({ ...writer, logger }),
      waiter: new Waiter(writer),
    },
    { mergeStart: 3, maxPacks: 1 },
  );
  const counts: number[] = [];
  for (let version = 1; version <= 5; version += 1) {
    await writeVersion(source, version, [version]);
    await service.publish({
      ...{ folder: source, dataset: 'files', checksum: false, wait: 'none', signal },
      ...{ timeoutMs: undefined, onProgress: () => undefined },
    });
    counts.push((await headPacks(writer)).size);
  }
  assert.deepEqual(counts, [1, 2, 3, 2, 3]);
  await assertRestores(writer, [{ row: await headOf(writer), copy: source }]);
});

test('of a merged pack that comes out differently only the parts that differ are fetched', async (t) => {
  const at = await pair(t);
  await writeVersion(at.source, 1, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  await replicate(at);
  await writeVersion(at.source, 2, [0, 1]);
  const kept = await keep(at, await replicate(at));
  const { genesis } = await at.writer.registry.genesisOf(datasetOf(at));
  const other = encodeGenesis({ ...genesis, zstdLevel: 19 }, at.writer.identity.signer);
  // As if another version of the program compressed the trailer.
  t.mock.method(at.reader.secrets, 'genesis', () => Promise.resolve(other));
  const before = at.reader.core.requests.length;
  await prune(at.writer, { maxPacks: 1 });
  await follow(at);
  const [request, ...others] = at.reader.core.requests.slice(before);
  assert.deepEqual(others, []);
  assert.deepEqual([request?.haveParts?.count, request?.haveParts?.missing()], [1, [1]]);
  assert.deepEqual(await packsOn(at.reader), await headPacks(at.reader));
  await assertRestores(at.reader, [kept]);
});

test('a site that was away gets merged packs from others', async (t) => {
  const at = await pair(t);
  await writeVersion(at.source, 1, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  const take = at.reader.core.behaviour;
  at.reader.core.behaviour = () => Promise.resolve();
  const first = await at.writer.publish(at.source);
  await handOver(at.writer, at.reader, first);
  await at.writer.retention.set('files', { keepLast: 1, keepWithinMs: null });
  await writeVersion(at.source, 2, [0, 1, 2, 3, 4, 5, 6, 7]);
  const second = await keep(at, await at.writer.publish(at.source));
  await prune(at.writer);
  at.reader.core.behaviour = take;
  // The packs that it waits for are nowhere any more.
  await follow(at);
  assert.deepEqual(await differences(second.copy, join(at.replica, 'current')), []);
  await assertRestores(at.reader, [second]);
  assert.deepEqual(await packsOn(at.reader), await headPacks(at.reader));
});

test('publish and prune exclude each other, and only the writer prunes', async (t) => {
  const at = await pair(t);
  await writeVersion(at.source, 1, [0]);
  await replicate(at);
  const publishing = at.writer.publish(at.source);
  await assert.rejects(prune(at.writer), (error) => hasCode(error, 'ERR_DATASET_BUSY'));
  await publishing;
  const pruning = prune(at.writer, { maxPacks: 1 });
  await assert.rejects(at.writer.publish(at.source), (error) => hasCode(error, 'ERR_DATASET_BUSY'));
  await pruning;
  await assert.rejects(prune(at.reader), (error) => hasCode(error, 'ERR_WRITER_OTHER'));
});

test('a prune that is cancelled changes nothing', async (t) => {
  const at = await pair(t);
  for (let version = 1; version <= 3; version += 1) {
    await writeVersion(at.source, version, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    await replicate(at);
  }
  const before = await readdir(at.writer.home.packsFolder);
  const controller = new AbortController();
  const pruning = prune(at.writer, {
    ...{ maxPacks: 1, signal: controller.signal },
    onProgress: ({ stage }) => {
      if (stage === 'merge') controller.abort();
    },
  });
  await assert.rejects(pruning, { name: 'AbortError' });
  assert.deepEqual(await readdir(at.writer.home.packsFolder), before);
});

test('damage is not copied into merged packs', async (t) => {
  const at = await pair(t);
  for (let version = 1; version <= 2; version += 1) {
    await writeVersion(at.source, version, [0, 1]);
    await replicate(at);
  }
  // The other site has the pack intact.
  const [dataset] = at.writer.registry.list();
  assert.ok(dataset !== undefined);
  const [packId] = await headPacks(at.writer);
  assert.ok(packId !== undefined);
  await flip(at.writer.packs.path(packId), 500_000);
  at.writer.core.behaviour = async (request) => {
    await cp(at.reader.packs.path(packId), request.path);
    at.writer.core.complete(request);
  };
  const result = await prune(at.writer, { maxPacks: 1 });
  assert.equal(result.packsAfter, 1);
  assert.deepEqual(await verify(at.writer), []);
  assert.equal(at.writer.core.requests.length, 1);
});

test('a flipped byte anywhere in a pack is found and named', async (t) => {
  const at = await pair(t);
  await writeVersion(at.source, 1, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  const { packs } = await replicate(at);
  const [pack] = packs;
  assert.ok(pack !== undefined);
  const { size, trailerOffset, trailerLength } = pack.descriptor;
  const path = at.writer.packs.path(pack.packId);
  const places = [0, 7, 8, 9_727_999, 9_728_000, trailerOffset - 1, trailerOffset];
  places.push(trailerOffset + trailerLength - 1, size - 32, size - 1);
  for (const offset of places) {
    await flip(path, offset);
    const partIndex = Math.floor(offset / 9_728_000);
    assert.deepEqual(await verify(at.writer), [`${pack.packId} ${partIndex}`], `at ${offset}`);
    await flip(path, offset);
  }
  assert.deepEqual(await verify(at.writer), []);
});

test('a small pack that is all needed is left alone', async (t) => {
  const at = await pair(t);
  await writeVersion(at.source, 1, []);
  await replicate(at);
  const done = await prune(at.writer);
  assert.deepEqual([done.packsBefore, done.packsAfter, done.packsMerged], [1, 1, 0]);
});
