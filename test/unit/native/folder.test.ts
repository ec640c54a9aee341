// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  link,
  lstat,
  mkdir,
  readdir,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { comparePaths } from '../../../src/dataset/recipe-path.ts';
import { removeTree } from '../../../src/native/file-system.ts';
import { holesBetween, readTree, walkTree } from '../../../src/native/folder.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

test('entries have what lstat says of them, under their raw names', async (t) => {
  const folder = temporaryFolder(t);
  await writeFile(join(folder, 'file'), 'text', { mode: 0o640 });
  await utimes(join(folder, 'file'), 1, 1234567890.5);
  await link(join(folder, 'file'), join(folder, 'twin'));
  await symlink('../else\nwhere', join(folder, 'link'));
  await mkdir(join(folder, 'sub'));
  execFileSync('mkfifo', [join(folder, 'pipe')]);
  const odd = Buffer.from([0x61, 0xff, 0x0a, 0x62]);
  await writeFile(Buffer.concat([Buffer.from(`${folder}/`), odd]), '');
  const [, ...entries] = await readTree(Buffer.from(folder));
  assert.deepEqual(
    entries.map(({ path, stat }) => [path.toString('latin1'), stat?.type]),
    [
      ['a\xff\nb', 'file'],
      ['file', 'file'],
      ['link', 'symlink'],
      ['pipe', 'fifo'],
      ['sub', 'folder'],
      ['twin', 'file'],
    ],
  );
  const [, file, symbolicLink] = entries;
  const expected = await lstat(join(folder, 'file'), { bigint: true });
  assert.deepEqual(file?.stat, {
    type: 'file',
    mode: 0o640,
    uid: Number(expected.uid),
    gid: Number(expected.gid),
    size: 4,
    mtimeSeconds: 1234567890,
    mtimeNanoseconds: 500_000_000,
    ctimeSeconds: Number(expected.ctimeNs / 1_000_000_000n),
    ctimeNanoseconds: Number(expected.ctimeNs % 1_000_000_000n),
    inode: expected.ino,
    device: expected.dev,
    linkCount: 2,
    blockCount: Number(expected.blocks),
  });
  assert.equal(symbolicLink?.target?.toString(), '../else\nwhere');
  assert(entries.every(({ error, holes }) => error === undefined && holes.length === 0));
});

test('a whole tree is listed in the order of its paths, the root first', async (t) => {
  const folder = temporaryFolder(t);
  await mkdir(join(folder, 'a/x/y'), { recursive: true });
  await mkdir(join(folder, 'a-b'));
  await writeFile(join(folder, 'a/x/file'), 'text');
  await symlink('a', join(folder, 'link'));
  const entries = await readTree(Buffer.from(folder));
  const paths = entries.map(({ path }) => path.toString());
  assert.deepEqual(paths, ['', 'a', 'a-b', 'a/x', 'a/x/file', 'a/x/y', 'link']);
  assert.equal(entries[0]?.stat?.type, 'folder');
  await assert.rejects(readTree(Buffer.from(join(folder, 'absent'))), { code: 'ENOENT' });
  await assert.rejects(readTree(Buffer.from(folder), AbortSignal.abort()), { name: 'AbortError' });
});

test('a folder that cannot be read is listed with its error', async (t) => {
  const folder = temporaryFolder(t);
  const home = process.cwd();
  // Deeper than PATH_MAX, which only relative paths reach; removeTree() does too.
  process.chdir(folder);
  try {
    for (let depth = 0; depth < 25; depth++) {
      await mkdir('d'.repeat(200));
      process.chdir('d'.repeat(200));
    }
  } finally {
    process.chdir(home);
  }
  const entries = await readTree(Buffer.from(folder));
  await removeTree(Buffer.from(join(folder, 'd'.repeat(200))));
  const last = entries.pop();
  assert.equal(last?.error, 'ENAMETOOLONG');
  assert.equal(last.stat?.type, 'folder');
  assert(entries.every(({ error }) => error === undefined));
  assert.deepEqual(await readdir(folder), []);
});

test('holes are what lies between the data', () => {
  assert.deepEqual(holesBetween([{ start: 0, end: 10 }], 10), []);
  assert.deepEqual(holesBetween([{ start: 0, end: 0 }], 10), [{ offset: 0, length: 10 }]);
  assert.deepEqual(
    holesBetween(
      [
        { start: 4, end: 6 },
        { start: 8, end: 9 },
      ],
      10,
    ),
    [
      { offset: 0, length: 4 },
      { offset: 6, length: 2 },
      { offset: 9, length: 1 },
    ],
  );
});

test('a sparse file is listed with its holes', async (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'sparse');
  await writeFile(path, 'data');
  await truncate(path, 8 * 1024 * 1024);
  const [, entry] = await readTree(Buffer.from(folder));
  const [hole] = entry?.holes ?? [];
  assert(hole !== undefined && hole.offset > 0 && hole.offset % 4096 === 0);
  assert.equal(hole.offset + hole.length, 8 * 1024 * 1024);
});

test('a walk comes to wide and deep trees name by name, folder by folder', async (t) => {
  const folder = temporaryFolder(t);
  const expected: string[] = [''];
  // Names that sort otherwise as whole paths: '-' and '.' are below '/'.
  for (let wide = 0; wide < 150; wide += 1) {
    const outer = `${String(wide).padStart(3, '0')}${['', '-', '.'][wide % 3] ?? ''}`;
    await mkdir(join(folder, outer));
    expected.push(outer);
    for (const inner of ['a', 'a-b', 'b']) {
      const isFolder = wide % 2 === 0 && inner !== 'b';
      if (isFolder) await mkdir(join(folder, outer, inner, 'deep', 'deeper'), { recursive: true });
      else await writeFile(join(folder, outer, inner), '');
      expected.push(`${outer}/${inner}`);
      if (isFolder) expected.push(`${outer}/${inner}/deep`, `${outer}/${inner}/deep/deeper`);
    }
  }
  expected.sort((a, b) => comparePaths(Buffer.from(a), Buffer.from(b)));
  const found: string[] = [];
  for await (const batch of walkTree(Buffer.from(folder))) {
    found.push(...batch.map(({ path }) => path.toString()));
  }
  assert.deepEqual(found, expected);
  const whole = await readTree(Buffer.from(folder));
  assert.equal(whole.length, expected.length);
});
