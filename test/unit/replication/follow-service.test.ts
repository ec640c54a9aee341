// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { hasCode } from '../../../src/base/errors.ts';
import { handOver, introduce, replicationSite } from '../../support/replication-site.ts';

test('a wish is bound to the first data set of its name, and stays with it', async (t) => {
  const reader = await replicationSite(t, { name: 'reader' });
  const [first, second] = [await replicationSite(t), await replicationSite(t)];
  for (const writer of [first, second]) await introduce(writer, reader);
  const folder = reader.newFolder('replica');
  assert.equal((await reader.follows.follow('files', folder)).state, 'unbound');
  const published = await first.publish(first.newFolder('source'));
  await handOver(first, reader, published);
  await handOver(second, reader, await second.publish(second.newFolder('source')));
  const views = await reader.follows.views();
  assert.deepEqual(
    views.map(({ datasetId }) => datasetId),
    [published.dataset.id],
  );
  const again = await reader.follows.follow('files', folder);
  assert.equal(again.datasetId, published.dataset.id);
});

test('a name of two data sets is refused, an id is not', async (t) => {
  const reader = await replicationSite(t);
  const ids: string[] = [];
  for (let count = 0; count < 2; count += 1) {
    const writer = await replicationSite(t);
    await introduce(writer, reader);
    const published = await writer.publish(writer.newFolder('source'));
    await handOver(writer, reader, published);
    ids.push(published.dataset.id);
  }
  const folder = reader.newFolder('replica');
  await assert.rejects(reader.follows.follow('files', folder), (error) =>
    hasCode(error, 'ERR_DATASET_AMBIGUOUS'),
  );
  assert.equal((await reader.follows.follow(ids[1] ?? '', folder)).datasetId, ids[1]);
});

test('a data set has one replica, a folder one data set, and a writer none', async (t) => {
  const site = await replicationSite(t);
  await site.publish(site.newFolder('source'), 'own');
  const folder = site.newFolder('replica');
  await site.follows.follow('one', folder);
  const conflicts = [
    () => site.follows.follow('one', site.newFolder('elsewhere')),
    () => site.follows.follow('two', folder),
    () => site.follows.follow('two', join(folder, 'inside')),
    () => site.follows.follow('own', site.newFolder('own')),
  ];
  for (const conflict of conflicts) {
    await assert.rejects(conflict, (error) => hasCode(error, 'ERR_FOLLOW_CONFLICT'));
  }
});

test('a folder with something else named current is refused', async (t) => {
  const site = await replicationSite(t);
  const folder = site.newFolder('replica');
  await writeFile(join(folder, 'current'), 'mine');
  await assert.rejects(site.follows.follow('one', folder), (error) =>
    hasCode(error, 'ERR_FOLDER_INVALID'),
  );
  assert.deepEqual(await site.follows.views(), []);
});
