// SPDX-License-Identifier: GPL-2.0-or-later
// From a folder to packs and back to a replica, in one process: two sites whose cores take packs
// from each other's folder.
import assert from 'node:assert/strict';
import {
  appendFile,
  chmod,
  link,
  mkdir,
  open,
  readFile,
  readdir,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { differences } from '../../../scripts/lab/compare.ts';
import { hasCode } from '../../../src/base/errors.ts';
import { FolderCore } from '../../support/folder-core.ts';
import { handOver, replicationSite } from '../../support/replication-site.ts';
import { pair, replicate, visible } from '../../support/site-pair.ts';
import { testBytes } from '../../support/test-bytes.ts';

async function makeTree(folder: string): Promise<void> {
  await mkdir(join(folder, 'folder/deeper'), { recursive: true });
  await mkdir(join(folder, 'empty'));
  await writeFile(join(folder, 'nothing'), '');
  await writeFile(join(folder, 'text'), 'text '.repeat(10_000));
  await writeFile(join(folder, 'large'), testBytes(12_000_000, 1));
  await writeFile(join(folder, 'folder/small'), testBytes(5_000, 2));
  await writeFile(Buffer.concat([Buffer.from(join(folder, 'odd ')), Buffer.from([0xff, 10])]), 'x');
  await link(join(folder, 'folder/small'), join(folder, 'folder/deeper/same'));
  await symlink('nowhere', join(folder, 'dangling'));
  const sparse = await open(join(folder, 'sparse'), 'w');
  await sparse.write(testBytes(100_000, 3), 0, 100_000, 5_000_000);
  await sparse.close();
  await truncate(join(folder, 'sparse'), 20_000_000);
  await chmod(join(folder, 'text'), 0o4750);
  await utimes(join(folder, 'folder'), 1, 86_400.123);
}

test('a replica has content, metadata, links and holes of its source', async (t) => {
  const at = await pair(t);
  await makeTree(at.source);
  const published = await replicate(at);
  assert.equal(published.ingest.fileCount, 6);
  const { blocks } = await stat(join(at.replica, 'current/sparse'));
  assert.ok(blocks * 512 < 1_000_000, `the hole takes ${blocks} blocks`);
  const states = (await at.reader.receipts.of(published.row.snapshotId)).map(({ state }) => state);
  assert.deepEqual(states, ['visible']);
});

test('an empty folder has a replica', async (t) => {
  const at = await pair(t);
  await replicate(at);
});

test('of an unchanged tree nothing is read and little is stored', async (t) => {
  const at = await pair(t);
  await makeTree(at.source);
  await replicate(at);
  // Until stamps count: a file that changed this moment may change again in it.
  await delay(250);
  await replicate(at);
  await appendFile(join(at.source, 'new'), 'new');
  const third = await replicate(at);
  assert.equal(third.ingest.bytesRead, 3);
  assert.ok(third.uniqueBytes < 10_000, `${third.uniqueBytes} new bytes`);
});

test('unchanged files are links to the tree before, changed ones are not', async (t) => {
  const at = await pair(t);
  await makeTree(at.source);
  await replicate(at);
  const inode = async (path: string): Promise<number> =>
    (await stat(join(at.replica, 'current', path))).ino;
  const before = { large: await inode('large'), text: await inode('text') };
  await chmod(join(at.source, 'text'), 0o600);
  await rename(join(at.source, 'folder'), join(at.source, 'renamed'));
  await rm(join(at.source, 'nothing'));
  await replicate(at);
  assert.equal(await inode('large'), before.large);
  assert.notEqual(await inode('text'), before.text);
});

test('names of one inode that become files of their own do not stay linked', async (t) => {
  const at = await pair(t);
  await writeFile(join(at.source, 'a'), 'same');
  await link(join(at.source, 'a'), join(at.source, 'b'));
  await utimes(join(at.source, 'a'), 1, 1);
  await replicate(at);
  await rm(join(at.source, 'b'));
  await writeFile(join(at.source, 'b'), 'same');
  await utimes(join(at.source, 'b'), 1, 1);
  await replicate(at);
  const current = join(at.replica, 'current');
  assert.notEqual((await stat(join(current, 'a'))).ino, (await stat(join(current, 'b'))).ino);
});

const KINDS = ['none', 'file', 'other file', 'folder', 'symlink', 'hardlink'] as const;

async function makeKind(path: string, kind: (typeof KINDS)[number], target: string): Promise<void> {
  if (kind === 'file' || kind === 'other file') await writeFile(path, kind.repeat(100));
  if (kind === 'symlink') await symlink('anywhere', path);
  if (kind === 'hardlink') await link(target, path);
  if (kind !== 'folder') return;
  await mkdir(join(path, 'inner/most'), { recursive: true });
  await writeFile(join(path, 'inner/file'), 'in a folder');
  await link(join(path, 'inner/file'), join(path, 'twin'));
}

test('an entry becomes one of any other kind', async (t) => {
  const at = await pair(t);
  const target = join(at.source, 'target');
  await writeFile(target, 'target');
  const pairs = KINDS.flatMap((before) => KINDS.map((after) => ({ before, after })));
  const pathOf = (folder: string, { before, after }: (typeof pairs)[number]): string =>
    join(at.source, folder, `${before} to ${after}`);
  const folders = ['kept', 'readonly', 'both'];
  for (const folder of folders) {
    await mkdir(join(at.source, folder));
    for (const kinds of pairs) await makeKind(pathOf(folder, kinds), kinds.before, target);
  }
  const readonly = join(at.source, 'readonly');
  await chmod(readonly, 0o500);
  await replicate(at);
  await chmod(readonly, 0o700);
  // One folder stays as it was, in one all change, in one those that are not of one kind.
  for (const kinds of pairs) {
    for (const folder of kinds.before === kinds.after ? ['both'] : ['readonly', 'both']) {
      await rm(pathOf(folder, kinds), { recursive: true, force: true });
      await makeKind(pathOf(folder, kinds), kinds.after, target);
    }
  }
  await chmod(readonly, 0o500);
  await replicate(at);
  await chmod(readonly, 0o700);
  await rm(join(at.source, 'both'), { recursive: true });
  await chmod(join(at.source, 'kept'), 0o711);
  await chmod(target, 0o711);
  await replicate(at);
});

test('a tree is made right whatever somebody did to the ones before', async (t) => {
  const at = await pair(t);
  await makeTree(at.source);
  const { row } = await replicate(at);
  const visibleTree = join(at.replica, 'snapshots', row.snapshotId);
  const spare = `${visibleTree}.spare`;
  const isThere = (): Promise<boolean> =>
    stat(join(spare, 'text')).then(
      () => true,
      () => false,
    );
  for (let attempt = 0; !(await isThere()); attempt += 1) {
    assert.ok(attempt < 1000, 'the tree of links is not made');
    await delay(10);
  }
  await appendFile(join(visibleTree, 'folder/small'), 'appended');
  await rm(join(visibleTree, 'large'));
  await rm(join(spare, 'folder'), { recursive: true });
  await writeFile(join(spare, 'folder'), 'a file now');
  await rm(join(spare, 'nothing'));
  await mkdir(join(spare, 'nothing/is/here'), { recursive: true });
  await writeFile(join(spare, 'nothing/is/here/at all'), 'but this');
  await rm(join(spare, 'dangling'));
  await symlink('elsewhere', join(spare, 'dangling'));
  await writeFile(join(at.source, 'other'), 'other');
  const { row: second } = await replicate(at);
  // Gone, half, or never made.
  await rm(join(at.replica, 'snapshots', `${second.snapshotId}.spare`), {
    recursive: true,
    force: true,
    maxRetries: 10,
  });
  await writeFile(join(at.source, 'other'), 'another');
  await replicate(at);
});

test('the old tree is removed after the switch', async (t) => {
  const at = await pair(t);
  await writeFile(join(at.source, 'a'), '1');
  await replicate(at);
  await writeFile(join(at.source, 'a'), '2');
  const { row } = await replicate(at);
  const trees = async (): Promise<string[]> =>
    (await readdir(join(at.replica, 'snapshots'))).filter((name) => !name.endsWith('.spare'));
  for (let attempt = 0; attempt < 100; attempt += 1) {
    if ((await trees()).length === 1) break;
    await delay(10);
  }
  assert.deepEqual(await trees(), [row.snapshotId]);
  assert.equal(await readlink(join(at.replica, 'current')), `snapshots/${row.snapshotId}`);
});

test('a file that somebody wrote into the replica is not taken over', async (t) => {
  const at = await pair(t);
  await makeTree(at.source);
  await replicate(at);
  await writeFile(join(at.replica, 'current/text'), 'not from the writer');
  await writeFile(join(at.source, 'other'), 'other');
  await replicate(at);
});

test('a follower that was away takes the newest snapshot only', async (t) => {
  const at = await pair(t);
  const { writer, reader, source } = at;
  reader.core.behaviour = () => Promise.resolve();
  for (const content of ['1', '2', '3']) {
    await writeFile(join(source, 'file'), content);
    await handOver(writer, reader, await writer.publish(source));
  }
  const taker = new FolderCore([writer.home.packsFolder]);
  reader.core.behaviour = async (request) => {
    taker.onEvent(() => reader.core.complete(request));
    await taker.fetch(request);
  };
  reader.core.restart();
  await writeFile(join(source, 'file'), '4');
  await replicate(at);
});

test('a damaged pack is repaired and never shown', async (t) => {
  const at = await pair(t);
  const { writer, reader, source, replica } = at;
  await makeTree(source);
  const published = await writer.publish(source);
  const [pack] = published.packs;
  assert.ok(pack !== undefined);
  let damaged = false;
  const take = reader.core.behaviour;
  reader.core.behaviour = async (request) => {
    await take(request);
    if (damaged) return;
    damaged = true;
    const file = await open(request.path, 'r+');
    await file.write(Buffer.from('damage'), 0, 6, 3_000_000);
    await file.close();
  };
  await handOver(writer, reader, published);
  await visible(reader, published);
  assert.ok(damaged);
  assert.deepEqual(await differences(source, join(replica, 'current')), []);
  assert.deepEqual(
    await readFile(reader.packs.path(pack.packId)),
    await readFile(writer.packs.path(pack.packId)),
  );
});

test('a publish that is cancelled leaves nothing', async (t) => {
  const writer = await replicationSite(t);
  const source = writer.newFolder('source');
  await writeFile(join(source, 'large'), testBytes(30_000_000));
  const controller = new AbortController();
  const publishing = writer.publisher.publish({
    folder: source,
    dataset: 'files',
    checksum: false,
    signal: controller.signal,
    onProgress: ({ stage }) => {
      if (stage === 'ingest') controller.abort();
    },
  });
  await assert.rejects(publishing, { name: 'AbortError' });
  assert.deepEqual(await readdir(writer.home.packsFolder), []);
  assert.deepEqual(await readdir(writer.home.datasetsFolder), []);
  assert.deepEqual(writer.registry.list(), []);
});

test('one publish of a data set at a time', async (t) => {
  const writer = await replicationSite(t);
  const source = writer.newFolder('source');
  const first = writer.publish(source);
  await assert.rejects(writer.publish(source), (error) => hasCode(error, 'ERR_DATASET_BUSY'));
  await first;
});

test('the name of another writer is not published under', async (t) => {
  const at = await pair(t);
  await replicate(at);
  const source = at.reader.newFolder('source');
  await assert.rejects(at.reader.publish(source), (error) => hasCode(error, 'ERR_WRITER_OTHER'));
});

test('verify names what differs, by path', async (t) => {
  const at = await pair(t);
  await makeTree(at.source);
  await replicate(at);
  const verify = async (): Promise<string[]> => {
    const { differences: found } = await at.reader.verifier.verify({
      dataset: 'files',
      signal: new AbortController().signal,
      onProgress: () => undefined,
    });
    return found.map(({ path, kind }) => `${kind} ${path}`).sort();
  };
  assert.deepEqual(await verify(), []);
  const current = join(at.replica, 'current');
  const { atime, mtime } = await stat(join(current, 'large'));
  const file = await open(join(current, 'large'), 'r+');
  await file.write(Buffer.from('!'), 0, 1, 11_000_000);
  await file.close();
  await utimes(join(current, 'large'), atime, mtime);
  await chmod(join(current, 'folder/small'), 0o600);
  await rm(join(current, 'nothing'));
  await writeFile(join(current, 'extra'), 'extra');
  const found = await verify();
  assert.ok(found.includes('content large'));
  assert.ok(found.includes('metadata folder/deeper/same'));
  assert.ok(found.includes('missing nothing'));
  assert.ok(found.includes('extra extra'));
});
