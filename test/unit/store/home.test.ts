// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Home } from '../../../src/store/home.ts';
import { PrivateFolder } from '../../../src/store/private-folder.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

test('a new home is for its owner only and opens again', async (context) => {
  const path = join(temporaryFolder(context), 'deep', 'home');
  const made = await Home.create(path);
  const opened = await Home.open(path);
  assert.deepEqual(opened, made);
  for (const folder of [made.root, made.identityFolder, made.packsFolder]) {
    assert.equal(statSync(folder).mode & 0o777, 0o700, folder);
  }
  await assert.rejects(Home.create(path), { code: 'ERR_HOME_EXISTS' });
});

test('an empty folder becomes a home, a used one does not', async (context) => {
  const folder = temporaryFolder(context);
  mkdirSync(join(folder, 'empty'), { mode: 0o755 });
  const home = await Home.create(join(folder, 'empty'));
  assert.equal(statSync(home.root).mode & 0o777, 0o700);
  mkdirSync(join(folder, 'used'));
  writeFileSync(join(folder, 'used', 'letter'), '');
  await assert.rejects(Home.create(join(folder, 'used')), { code: 'ERR_HOME_EXISTS' });
});

test('an interrupted create can be repeated', async (context) => {
  const path = join(temporaryFolder(context), 'home');
  const home = await Home.create(path);
  rmSync(join(home.root, 'version'));
  await assert.rejects(Home.open(path), { code: 'ERR_HOME_INVALID' });
  await Home.create(path);
  await Home.open(path);
});

test('an absent, foreign, open, linked or newer home is refused', async (context) => {
  const folder = temporaryFolder(context);
  const path = join(folder, 'home');
  const isRefused = (): Promise<void> =>
    assert.rejects(Home.open(path), { code: 'ERR_HOME_INVALID' });
  await isRefused();
  await Home.create(path);
  chmodSync(path, 0o750);
  await isRefused();
  chmodSync(path, 0o700);
  if (process.getuid?.() === 0) {
    chownSync(path, 12_345, 12_345);
    await isRefused();
    chownSync(path, 0, 0);
  }
  symlinkSync(path, join(folder, 'link'));
  await assert.rejects(Home.open(join(folder, 'link')), { code: 'ERR_HOME_INVALID' });
  writeFileSync(join(path, 'version'), 'muleplex-home 2\n');
  await isRefused();
});

test('private files are 0600, replaced as a whole, and named without paths', async (context) => {
  const folder = join(temporaryFolder(context), 'private');
  const files = new PrivateFolder(folder);
  assert.equal(await files.read('key'), undefined);
  await files.write('key', Buffer.from('one'));
  await files.write('key', Buffer.from('two'));
  assert.equal((await files.read('key'))?.toString(), 'two');
  assert.equal(statSync(join(folder, 'key')).mode & 0o777, 0o600);
  assert.equal(statSync(folder).mode & 0o777, 0o700);
  for (const name of ['', '..', 'a/b', '../key', '.hidden', 'x\0']) {
    await assert.rejects(async () => files.write(name, Buffer.alloc(1)), {
      code: 'ERR_ARGUMENT_INVALID',
    });
  }
});
