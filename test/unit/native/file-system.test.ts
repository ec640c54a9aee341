// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, open, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  allocate,
  removeTree,
  startWriteback,
  syncFileSystem,
} from '../../../src/native/file-system.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

test('space is reserved', async (t) => {
  const file = await open(join(temporaryFolder(t), 'file'), 'w+');
  try {
    await allocate(file.fd, 100_000);
    const { size, blocks } = await file.stat();
    assert.equal(size, 100_000);
    assert(blocks * 512 >= 100_000);
  } finally {
    await file.close();
  }
});

test('more space than the disk has is refused', async (t) => {
  const file = await open(join(temporaryFolder(t), 'file'), 'w+');
  try {
    await assert.rejects(allocate(file.fd, 2 ** 52), /^Error: (ENOSPC|EFBIG)/);
  } finally {
    await file.close();
  }
});

test('writeback is begun, and an error is left to the sync', async (t) => {
  const file = await open(join(temporaryFolder(t), 'file'), 'w+');
  await file.write(Buffer.alloc(100_000));
  await startWriteback(file.fd, 0, 100_000);
  const { fd } = file;
  await file.close();
  await startWriteback(fd, 0, 100_000);
});

test('a file system is flushed by any path in it', async (t) => {
  await syncFileSystem(Buffer.from(temporaryFolder(t)));
  await assert.rejects(syncFileSystem(Buffer.from('/absent')), { code: 'ENOENT' });
});

test('a tree is removed without following links', async (t) => {
  const folder = temporaryFolder(t);
  const tree = join(folder, 'tree');
  await mkdir(join(tree, 'a/b/c'), { recursive: true });
  await mkdir(join(folder, 'kept'));
  await writeFile(join(tree, 'a/b/file'), '');
  await symlink('../../kept', join(tree, 'a/link'));
  await assert.rejects(removeTree(Buffer.from(tree), AbortSignal.abort()), { name: 'AbortError' });
  await removeTree(Buffer.from(tree));
  await removeTree(Buffer.from(tree));
  assert(!existsSync(tree) && existsSync(join(folder, 'kept')));
});
