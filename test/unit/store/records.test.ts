// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ManifestStore } from '../../../src/store/manifest-store.ts';
import { SecretsStore } from '../../../src/store/secrets-store.ts';
import { failAtEachChange } from '../../support/failing-disk.ts';
import { MemoryDisk } from '../../support/memory-disk.ts';
import { DATASET_ID, SECRETS, SNAPSHOT_ID } from '../../support/samples.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

test('manifests come back as they were put', async (context) => {
  const folder = temporaryFolder(context);
  const store = new ManifestStore(folder);
  assert.equal(await store.header(SNAPSHOT_ID), undefined);
  assert.equal(await store.body(SNAPSHOT_ID), undefined);
  await store.putHeader(SNAPSHOT_ID, Buffer.from('header'));
  await store.putBody(SNAPSHOT_ID, Buffer.from('body'));
  const again = new ManifestStore(folder);
  assert.equal((await again.header(SNAPSHOT_ID))?.toString(), 'header');
  assert.equal((await again.body(SNAPSHOT_ID))?.toString(), 'body');
  writeFileSync(join(folder, `${SNAPSHOT_ID}.header`), Buffer.alloc(100_000));
  await assert.rejects(again.header(SNAPSHOT_ID), { code: 'ERR_LIMIT_EXCEEDED' });
});

test('a manifest survives a power cut once it is acknowledged', async () => {
  let disk = new MemoryDisk('/m');
  const header = Buffer.from('header');
  const body = Buffer.alloc(10_000, 7);
  await failAtEachChange(
    async (wrap) => {
      disk = new MemoryDisk('/m');
      const store = new ManifestStore('/m', wrap(disk));
      await store.putHeader(SNAPSHOT_ID, header);
      await store.putBody(SNAPSHOT_ID, body);
    },
    async (isDone) => {
      disk.cutPower();
      const store = new ManifestStore('/m', disk);
      await store.sweep();
      const left = [await store.header(SNAPSHOT_ID), await store.body(SNAPSHOT_ID)];
      if (isDone) assert.deepEqual(left, [header, body]);
      assert.ok(left[0] === undefined || left[0].equals(header));
      assert.ok(left[1] === undefined || left[1].equals(body));
    },
  );
});

test('secrets and genesis come back, for each data set by itself', async (context) => {
  const folder = temporaryFolder(context);
  const store = new SecretsStore(folder);
  assert.equal(await store.secrets(DATASET_ID), undefined);
  await store.putGenesis(DATASET_ID, Buffer.from('genesis'));
  await store.putSecrets(DATASET_ID, SECRETS);
  const again = new SecretsStore(folder);
  await again.sweep();
  assert.deepEqual(await again.secrets(DATASET_ID), SECRETS);
  assert.equal((await again.genesis(DATASET_ID))?.toString(), 'genesis');
  assert.deepEqual(await again.list(), [DATASET_ID]);
  writeFileSync(join(folder, DATASET_ID, 'secrets'), '{"domainSecret":"!"}');
  await assert.rejects(again.secrets(DATASET_ID), { code: 'ERR_HOME_INVALID' });
});

test('acknowledged secrets survive a power cut', async () => {
  let disk = new MemoryDisk('/s');
  await failAtEachChange(
    async (wrap) => {
      disk = new MemoryDisk('/s');
      await new SecretsStore('/s', wrap(disk)).putSecrets(DATASET_ID, SECRETS);
    },
    async (isDone) => {
      disk.cutPower();
      const left = await new SecretsStore('/s', disk).secrets(DATASET_ID);
      if (isDone) assert.deepEqual(left, SECRETS);
      else assert.ok(left === undefined || left.epochs.length === SECRETS.epochs.length);
    },
  );
});
