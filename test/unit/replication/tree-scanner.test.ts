// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { link, mkdir, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { hasCode } from '../../../src/base/errors.ts';
import {
  scanTree,
  type SourceEntry,
  type SourceTree,
} from '../../../src/replication/tree-scanner.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

/** All entries at once. */
async function scanned(folder: string): Promise<{
  readonly entries: readonly SourceEntry[];
  readonly skipped: SourceTree['skipped'];
}> {
  const tree = await scanTree(folder, { scratchFolder: tmpdir(), stamps: undefined });
  const entries: SourceEntry[] = [];
  for await (const batch of tree.entries()) entries.push(...batch.map(({ entry }) => entry));
  await tree.scanned;
  assert.equal(tree.entryCount, entries.length);
  await tree.close();
  return { entries, skipped: tree.skipped };
}

test('entries come name by name, the root first', async (t) => {
  const folder = temporaryFolder(t);
  await mkdir(join(folder, 'a'));
  for (const name of ['a/z', 'a-b', 'a.b', 'b']) await writeFile(join(folder, name), '');
  const { entries } = await scanned(folder);
  const paths = entries.map(({ path }) => path.toString());
  assert.deepEqual(paths, ['', 'a', 'a/z', 'a-b', 'a.b', 'b']);
});

test('the second name of an inode is a hardlink to the first', async (t) => {
  const folder = temporaryFolder(t);
  await writeFile(join(folder, 'b'), 'x');
  await link(join(folder, 'b'), join(folder, 'a'));
  await symlink('b', join(folder, 'c'));
  const { entries } = await scanned(folder);
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
  const { entries, skipped } = await scanned(folder);
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
    await assert.rejects(scanned(join(folder, name)), (error) =>
      hasCode(error, 'ERR_FOLDER_INVALID'),
    );
  }
});

test('entries are read while the scan goes on, and closing ends it', async (t) => {
  const folder = temporaryFolder(t);
  const names = Array.from({ length: 30 }, (_, index) => `folder-${index}`);
  for (const name of names) {
    await mkdir(join(folder, name));
    for (let file = 0; file < 200; file += 1) await writeFile(join(folder, name, `${file}`), '');
  }
  const tree = await scanTree(folder, { scratchFolder: tmpdir(), stamps: undefined });
  const first = await tree.entries().next();
  assert.ok(first.done === false);
  assert.ok(tree.entryCount >= first.value.length);
  await tree.close();
  await assert.rejects(tree.scanned, { name: 'AbortError' });
  assert.ok(tree.entryCount < 6_000);
});
