// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SnapshotDiff } from '../../../src/dataset/snapshot-diff.ts';
import type { RecipeEntry } from '../../../src/dataset/recipe.ts';
import { ENTRIES, fixedBytes } from '../../support/samples.ts';

const [, FOLDER, FILE, SYMLINK, HARDLINK, EMPTY] = ENTRIES as [
  RecipeEntry,
  RecipeEntry,
  RecipeEntry,
  RecipeEntry,
  RecipeEntry,
  RecipeEntry,
];
const DIFF = new SnapshotDiff(ENTRIES);
const ELSEWHERE = Buffer.from('z/elsewhere');

test('entries of the parent are unchanged', () => {
  for (const entry of ENTRIES) assert.equal(DIFF.classify(entry).kind, 'unchanged');
});

test('a change of mode, owner, time or attributes is one of metadata only', () => {
  const changes: Partial<RecipeEntry>[] = [
    { mode: 0o600 },
    { uid: 1 },
    { gid: 1 },
    { mtimeSec: 1 },
    { mtimeNsec: 1 },
    { xattrs: [] },
  ];
  for (const change of changes)
    assert.equal(DIFF.classify({ ...FILE, ...change }).kind, 'metadata');
  assert.equal(DIFF.classify({ ...FOLDER, mode: 0 }).kind, 'metadata');
});

test('a file whose content is at another path in the parent has moved', () => {
  const moved = { ...FILE, path: ELSEWHERE, mode: 0 };
  assert.deepEqual(DIFF.classify(moved), { kind: 'moved', from: FILE.path });
  const swapped = { ...FILE, path: EMPTY.path };
  assert.deepEqual(DIFF.classify(swapped), { kind: 'moved', from: FILE.path });
});

test('other content, other holes, other types and other targets are new', () => {
  const holes = [{ offset: 0, length: 1_048_576 }];
  const changes: RecipeEntry[] = [
    { ...FILE, digest: fixedBytes('other') },
    { ...FILE, holes },
    { ...FILE, path: ELSEWHERE, holes },
    { ...FOLDER, path: FILE.path },
    { ...FOLDER, path: ELSEWHERE },
    { ...SYMLINK, target: Buffer.from('x') },
    { ...HARDLINK, target: Buffer.from('a') },
    { ...EMPTY, path: ELSEWHERE },
  ];
  for (const entry of changes) assert.deepEqual(DIFF.classify(entry), { kind: 'new' });
});

test('without a parent everything is new', () => {
  const first = new SnapshotDiff([]);
  for (const entry of ENTRIES) assert.equal(first.classify(entry).kind, 'new');
});
