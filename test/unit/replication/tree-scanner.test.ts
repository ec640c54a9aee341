// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { link, mkdir, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { hasCode } from '../../../src/base/errors.ts';
import { scanTree } from '../../../src/replication/tree-scanner.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

test('entries come name by name, the root first', async (t) => {
  const folder = temporaryFolder(t);
  await mkdir(join(folder, 'a'));
  for (const name of ['a/z', 'a-b', 'a.b', 'b']) await writeFile(join(folder, name), '');
  const { entries } = await scanTree(folder);
  const paths = entries.map(({ path }) => path.toString());
  assert.deepEqual(paths, ['', 'a', 'a/z', 'a-b', 'a.b', 'b']);
});

test('the second name of an inode is a hardlink to the first', async (t) => {
  const folder = temporaryFolder(t);
  await writeFile(join(folder, 'b'), 'x');
  await link(join(folder, 'b'), join(folder, 'a'));
  await symlink('b', join(folder, 'c'));
  const { entries } = await scanTree(folder);
  const shown = entries.map(({ path, type, target }) => [
    path.toString(),
    type,
    target?.toString(),
  ]);
  assert.deepEqual(shown, [
    ['', 'folder', undefined],
    ['a', 'file', undefined],
    ['b', 'hardlink', 'a'],
    ['c', 'symlink', 'b'],
  ]);
});

test('what cannot be replicated is skipped and named', async (t) => {
  const folder = temporaryFolder(t);
  execFileSync('mkfifo', [join(folder, 'pipe\n')]);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(join(folder, 'socket'), resolve));
  t.after(() => server.close());
  const { entries, skipped } = await scanTree(folder);
  assert.equal(entries.length, 1);
  assert.deepEqual(skipped, [
    { path: 'pipe\\x0a', reason: 'fifo' },
    { path: 'socket', reason: 'socket' },
  ]);
});

test('only a folder is scanned, and no link to one', async (t) => {
  const folder = temporaryFolder(t);
  await writeFile(join(folder, 'file'), '');
  await symlink('.', join(folder, 'link'));
  for (const name of ['file', 'link', 'absent']) {
    await assert.rejects(scanTree(join(folder, name)), (error) =>
      hasCode(error, 'ERR_FOLDER_INVALID'),
    );
  }
});
