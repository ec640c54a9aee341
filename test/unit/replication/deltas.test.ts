// SPDX-License-Identifier: GPL-2.0-or-later
// Deltas from a folder to a replica, and the index files that their bases are found by.
import assert from 'node:assert/strict';
import { appendFile, readFile, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { decodeTrailer, type FrameEntry } from '../../../src/dataset/pack-layout.ts';
import type { PackId } from '../../../src/dataset/ids.ts';
import type { Published } from '../../../src/replication/publisher.ts';
import type { IndexRebuilt } from '../../../src/replication/site-view.ts';
import { readTrailer } from '../../../src/store/pack-reader.ts';
import { flip } from '../../support/kept-snapshots.ts';
import { pair, replicate } from '../../support/site-pair.ts';
import { testBytes } from '../../support/test-bytes.ts';

for (const [hints, init] of [
  ['hints are right', {}],
  ['most hints are false', { fingerprintBits: 8 }],
] as const) {
  test(`changed files become deltas of plain chunks, and replicas have them, ${hints}`, async (t) => {
    const at = await pair(t, init);
    const path = join(at.source, 'data');
    await writeFile(path, testBytes(3_000_000, 1));
    for (let number = 0; number < 50; number += 1) {
      await writeFile(join(at.source, `small ${number}`), `text ${number} `.repeat(200));
    }
    const { writer } = at;
    const entriesOf = async ({ dataset, packs }: Published): Promise<FrameEntry[]> => {
      const secrets = await writer.registry.secretsOf(dataset);
      const trailers = packs.map((pack) => readTrailer(writer.packs, pack, secrets));
      return (await Promise.all(trailers)).flatMap(decodeTrailer);
    };
    const first = await entriesOf(await replicate(at));
    assert.ok(first.some(({ codec, chunks }) => codec === 2 && chunks.length > 30));
    const plain = new Set(
      first.flatMap(({ chunks }) => chunks.map(({ id }) => id.toString('hex'))),
    );
    for (let version = 2; version < 5; version += 1) {
      const bytes = await readFile(path);
      testBytes(100, version).copy(bytes, version * 500_000);
      await writeFile(path, bytes);
      await appendFile(path, 'more');
      const published = await replicate(at);
      const size = published.packs.reduce((sum, { descriptor }) => sum + descriptor.size, 0);
      assert.ok(size < published.uniqueBytes / 4, `${size} of ${published.uniqueBytes}`);
      const deltas = (await entriesOf(published)).filter(({ codec }) => codec === 3);
      assert.ok(deltas.length > 0);
      for (const id of deltas.flatMap(({ baseIds }) => baseIds)) {
        assert.ok(plain.has(id.toString('hex')));
      }
    }
  });
}

test('index files that are lost or damaged are made anew as they were', async (t) => {
  const { writer, source } = await pair(t);
  await writeFile(join(source, 'large'), testBytes(12_000_000, 1));
  await writeFile(join(source, 'text'), 'text '.repeat(100_000));
  await writer.publish(source);
  await appendFile(join(source, 'large'), testBytes(3_000_000, 9));
  await writer.publish(source);
  const folder = writer.home.indexFolder;
  const read = async (): Promise<[string, Buffer][]> =>
    Promise.all(
      (await readdir(folder))
        .sort()
        .map(async (name): Promise<[string, Buffer]> => [name, await readFile(join(folder, name))]),
    );
  const before = await read();
  const chunks = before.filter(([name]) => name.endsWith('.chunks')).map(([name]) => name);
  const features = before.filter(([name]) => name.endsWith('.features')).map(([name]) => name);
  assert.ok(chunks.length > 1 && features.length === chunks.length);
  const [chunksOfFirst = '', chunksOfSecond = ''] = chunks;
  const [featuresOfFirst = ''] = features;
  const damage = async (): Promise<void> => {
    await rm(join(folder, featuresOfFirst), { force: true });
    await truncate(join(folder, chunksOfSecond), 50);
  };
  await damage();
  await rm(join(folder, chunksOfFirst));
  // A publish goes on without them.
  await appendFile(join(source, 'large'), 'more');
  await writer.publish(source);
  await damage();
  const { signal } = new AbortController();
  const rebuild = (): Promise<IndexRebuilt> =>
    writer.rebuilder.rebuild({ dataset: 'files', signal, onProgress: () => undefined });
  assert.equal((await rebuild()).rebuilt, 2);
  assert.deepEqual(
    (await read()).filter(([name]) => before.some(([old]) => old === name)),
    before,
  );
  assert.equal((await rebuild()).rebuilt, 0);
});

test('a damaged index file is named by verify, and made anew by whoever needs it', async (t) => {
  const { writer, source } = await pair(t);
  await writeFile(join(source, 'data'), testBytes(3_000_000, 1));
  const { dataset, packs } = await writer.publish(source);
  const { signal } = new AbortController();
  const bad = async (): Promise<readonly string[]> => {
    const options = { dataset: dataset.name, signal, onProgress: () => undefined };
    return (await writer.verifier.verify(options)).badIndexFiles;
  };
  assert.deepEqual(await bad(), []);
  const [{ packId } = { packId: '' as PackId }] = packs;
  const paths = [writer.index.path(packId), writer.features.path(packId)];
  const whole = await Promise.all(paths.map((path) => readFile(path)));
  for (const path of paths) await flip(path, (await readFile(path)).length - 40);
  assert.deepEqual(await bad(), paths);
  // All of it is in no page that was used before.
  await appendFile(join(source, 'data'), testBytes(100_000, 2));
  await writer.publish(source);
  assert.deepEqual(await bad(), [writer.features.path(packId)]);
  await writer.rebuilder.rebuild({ dataset: 'files', signal, onProgress: () => undefined });
  assert.deepEqual(await bad(), []);
  assert.deepEqual(await Promise.all(paths.map((path) => readFile(path))), whole);
});
