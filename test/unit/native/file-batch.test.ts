// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { close, constants } from 'node:fs';
import { lstat, mkdir, readFile, readlink, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { hasCode } from '../../../src/base/errors.ts';
import { errnoName } from '../../../src/native/entry.ts';
import { openBeneath, runFileBatch, type FileOperation } from '../../../src/native/file-batch.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const bytes = (text: string): Buffer => Buffer.from(text);

test('a tree is made, with everything that a recipe has', async (t) => {
  const folder = temporaryFolder(t);
  const operations: FileOperation[] = [
    { operation: 'makeFolder', path: bytes('a'), mode: 0o700 },
    {
      operation: 'makeFile',
      path: bytes('a/file'),
      mode: 0o600,
      pieces: [bytes('one '), bytes('two')],
    },
    {
      operation: 'makeFile',
      path: bytes('sparse'),
      mode: 0o600,
      pieces: [bytes('x'), bytes('y')],
      offsets: [1_000_000, 0],
      size: 3_000_000,
    },
    { operation: 'hardLink', path: bytes('copy'), from: bytes('sparse') },
    { operation: 'unshareFile', path: bytes('copy'), mode: 0o640 },
    { operation: 'hardLink', path: bytes('twin'), from: bytes('a/file') },
    { operation: 'symbolicLink', path: bytes('link'), target: bytes('/nowhere') },
    { operation: 'changeMode', path: bytes('a/file'), mode: 0o4755 },
    {
      operation: 'setTime',
      path: bytes('link'),
      mtimeSeconds: -86_400,
      mtimeNanoseconds: 123_456_789,
    },
    { operation: 'makeFolder', path: bytes('gone'), mode: 0o700 },
    { operation: 'removeFolder', path: bytes('gone') },
    { operation: 'removeFile', path: bytes('never was') },
  ];
  const errors = await runFileBatch(operations, { root: bytes(folder) });
  assert.deepEqual([...errors].map(errnoName), [...Array<undefined>(11).fill(undefined), 'ENOENT']);
  assert.equal(await readFile(join(folder, 'twin'), 'utf8'), 'one two');
  assert.equal((await lstat(join(folder, 'a/file'))).mode & 0o7777, 0o4755);
  assert.equal(await readlink(join(folder, 'link')), '/nowhere');
  const { mtimeNs } = await lstat(join(folder, 'link'), { bigint: true });
  assert.equal(mtimeNs, -86_400_000_000_000n + 123_456_789n);
  const content = await readFile(join(folder, 'sparse'));
  assert.deepEqual([content.length, content[0], content[1_000_000]], [3_000_000, 0x79, 0x78]);
  assert.deepEqual(await readFile(join(folder, 'copy')), content);
  assert((await lstat(join(folder, 'copy'))).blocks * 512 < 1_000_000);
});

test('owners and extended attributes are set, as far as the user may', async (t) => {
  const folder = temporaryFolder(t);
  await writeFile(join(folder, 'file'), '');
  const errors = await runFileBatch(
    [
      { operation: 'changeOwner', path: bytes('file'), uid: 12345, gid: 54321 },
      {
        operation: 'setAttribute',
        path: bytes('file'),
        name: bytes('user.muleplex'),
        value: Buffer.from([0, 255]),
      },
    ],
    { root: bytes(folder) },
  );
  const [owner, attribute] = [...errors].map(errnoName);
  assert.equal(owner, process.getuid?.() === 0 ? undefined : 'EPERM');
  assert([undefined, 'EOPNOTSUPP', 'ENOTSUP'].includes(attribute), attribute);
});

test('nothing is written or opened outside the root', async (t) => {
  const folder = temporaryFolder(t);
  const root = bytes(join(folder, 'root'));
  await mkdir(root);
  await symlink(folder, join(folder, 'root/link'));
  await writeFile(join(folder, 'secret'), 'text');
  for (const path of ['../x', 'link/x', '/x', 'a/../../x', './x', 'a//x', '.', '..']) {
    const operation = { path: bytes(path), mode: 0o600 };
    const [error = 0] = await runFileBatch(
      [{ operation: 'makeFile', ...operation, pieces: [bytes('x')] }],
      { root },
    );
    assert.notEqual(error, 0, path);
    const opening = openBeneath(root, bytes(path), constants.O_WRONLY | constants.O_CREAT);
    await assert.rejects(opening, /^Error: (EINVAL|ELOOP|ENOTDIR|ENOENT)/, path);
  }
  await assert.rejects(openBeneath(root, bytes('link/secret'), constants.O_RDONLY), {
    code: 'ENOTDIR',
  });
  await assert.rejects(openBeneath(root, bytes('link'), constants.O_RDONLY), { code: 'ELOOP' });
  const fd = await openBeneath(root, bytes('file'), constants.O_WRONLY | constants.O_CREAT);
  await new Promise((resolve) => {
    close(fd, resolve);
  });
  assert.equal((await lstat(join(folder, 'root/file'))).size, 0);
});

test('arguments are checked before the addon sees them', async () => {
  const refused = (error: unknown): boolean => hasCode(error, 'ERR_ARGUMENT_INVALID');
  const path = bytes('x');
  const invalid: unknown[] = [
    { operation: 'unknown', path },
    { operation: 'makeFolder', path, mode: 0o10000 },
    { operation: 'makeFolder', path: Buffer.alloc(0), mode: 0 },
    { operation: 'makeFolder', path: Buffer.from('a\0b'), mode: 0 },
    { operation: 'makeFile', path, mode: 0, pieces: ['text'] },
    { operation: 'makeFile', path, mode: 0, pieces: [path], offsets: [] },
    { operation: 'makeFile', path, mode: 0, pieces: [path], offsets: [-1] },
    { operation: 'hardLink', path },
    { operation: 'changeOwner', path, uid: -1, gid: 0 },
    { operation: 'setTime', path, mtimeSeconds: 0, mtimeNanoseconds: 1e9 },
    { operation: 'setAttribute', path, name: path, value: null },
  ];
  for (const operation of invalid) {
    await assert.rejects(runFileBatch([operation as FileOperation]), refused);
  }
  await assert.rejects(runFileBatch([], { root: bytes('/absent') }), { code: 'ENOENT' });
});
