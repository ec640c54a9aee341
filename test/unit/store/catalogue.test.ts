// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { ClassicLevel } from 'classic-level';
import { Catalogue } from '../../../src/store/catalogue.ts';
import type { HeadRow, ReceiptRow } from '../../../src/store/rows.ts';
import { DATASET_ID, OTHER_SITE_ID, SITE_ID, SNAPSHOT_ID } from '../../support/samples.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const RECEIPT: ReceiptRow = {
  snapshotId: SNAPSHOT_ID,
  siteId: SITE_ID,
  state: 'visible',
  receipt: Buffer.from('signed'),
  atMs: 3,
};
const HEAD: HeadRow = { snapshotId: SNAPSHOT_ID, epoch: 1, sequence: 7 };

test('rows come back after the catalogue was closed and opened', async (context) => {
  const folder = temporaryFolder(context);
  const first = await Catalogue.open(folder);
  await first.heads.put(DATASET_ID, HEAD);
  await first.peers.put(SITE_ID, {
    siteId: SITE_ID,
    recordBytes: Buffer.from([0, 1, 255]),
    rights: [{ dataset: '*', publish: true, read: false, relay: true }],
    addedMs: 12,
  });
  await first.close();
  const second = await Catalogue.open(folder);
  context.after(() => second.close());
  assert.deepEqual(await second.heads.get(DATASET_ID), HEAD);
  assert.deepEqual((await second.peers.get(SITE_ID))?.recordBytes, Buffer.from([0, 1, 255]));
  assert.equal(await second.peers.get(OTHER_SITE_ID), undefined);
});

test('tables do not see each other, and a prefix ends where it ends', async (context) => {
  const catalogue = await Catalogue.open(temporaryFolder(context));
  context.after(() => catalogue.close());
  await catalogue.write([
    catalogue.heads.putOp('a/1', HEAD),
    catalogue.heads.putOp('a/2', HEAD),
    catalogue.heads.putOp('ab/1', HEAD),
    catalogue.receipts.putOp('a/1', RECEIPT),
  ]);
  const keys = async (prefix?: string): Promise<string[]> =>
    (await catalogue.heads.entries(prefix)).map(({ key }) => key);
  assert.deepEqual(await keys(), ['a/1', 'a/2', 'ab/1']);
  assert.deepEqual(await keys('a/'), ['a/1', 'a/2']);
  assert.equal((await catalogue.receipts.entries()).length, 1);
  await catalogue.write([catalogue.heads.removeOp('a/1'), catalogue.heads.removeOp('none')]);
  assert.deepEqual(await keys(), ['a/2', 'ab/1']);
  assert.throws(() => catalogue.heads.putOp('', HEAD), { code: 'ERR_ARGUMENT_INVALID' });
  assert.throws(() => catalogue.heads.putOp('a\nb', HEAD), { code: 'ERR_ARGUMENT_INVALID' });
});

test('a row that lost its shape is named, not believed', async (context) => {
  const folder = temporaryFolder(context);
  await (await Catalogue.open(folder)).close();
  const level = new ClassicLevel(folder);
  const damaged = {
    text: 'no JSON',
    list: '[]',
    number: JSON.stringify({ ...HEAD, epoch: -1 }),
    missing: JSON.stringify({ snapshotId: SNAPSHOT_ID, epoch: 1 }),
    extra: JSON.stringify({ ...HEAD, more: 1 }),
    id: JSON.stringify({ ...HEAD, snapshotId: SNAPSHOT_ID.toUpperCase() }),
  };
  for (const [key, value] of Object.entries(damaged)) await level.put(`head/${key}`, value);
  await level.close();
  const catalogue = await Catalogue.open(folder);
  context.after(() => catalogue.close());
  for (const key of Object.keys(damaged)) {
    await assert.rejects(catalogue.heads.get(key), (error: Error) => {
      assert.match(error.message, new RegExp(`head/${key}`));
      return 'code' in error && error.code === 'ERR_FORMAT_MALFORMED';
    });
  }
});

test('a catalogue of another schema is refused', async (context) => {
  const folder = temporaryFolder(context);
  const level = new ClassicLevel(folder);
  await level.put('schema', '2');
  await level.close();
  await assert.rejects(Catalogue.open(folder), { code: 'ERR_HOME_INVALID' });
});

test('one process has the catalogue; kill -9 frees it and loses nothing', async (context) => {
  const folder = join(temporaryFolder(context), 'catalogue');
  const module = new URL('../../../src/store/catalogue.js', import.meta.url).href;
  // Writes rows as fast as it can and says each number once it is durable.
  const script = `
    import { Catalogue } from ${JSON.stringify(module)};
    const catalogue = await Catalogue.open(${JSON.stringify(folder)});
    for (let sequence = 0; ; sequence += 1) {
      await catalogue.write([
        catalogue.heads.putOp('a', { snapshotId: '${SNAPSHOT_ID}', epoch: 1, sequence }),
        catalogue.heads.putOp('b', { snapshotId: '${SNAPSHOT_ID}', epoch: 1, sequence }),
      ]);
      process.stdout.write(sequence + '\\n');
    }`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  context.after(() => child.kill('SIGKILL'));
  let output = '';
  child.stdout.setEncoding('utf8');
  for await (const text of child.stdout as AsyncIterable<string>) {
    if (output === '') {
      await assert.rejects(Catalogue.open(folder), { code: 'ERR_CATALOGUE_LOCKED' });
    }
    output += text;
    if (output.split('\n').length > 20) break;
  }
  const closed = once(child, 'close');
  child.kill('SIGKILL');
  await closed;
  const acknowledged = Number(output.trim().split('\n').at(-1));
  const catalogue = await Catalogue.open(folder);
  context.after(() => catalogue.close());
  const a = await catalogue.heads.get('a');
  const b = await catalogue.heads.get('b');
  assert.ok(a !== undefined && a.sequence >= acknowledged);
  assert.deepEqual(a, b, 'a batch is whole');
  await assert.rejects(Catalogue.open(folder), { code: 'ERR_CATALOGUE_LOCKED' });
});
