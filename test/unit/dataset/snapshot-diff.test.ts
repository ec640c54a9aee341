// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changeOf } from '../../../src/dataset/snapshot-diff.ts';
import type { RecipeEntry } from '../../../src/dataset/recipe.ts';
import { ENTRIES } from '../../support/samples.ts';

const [, FOLDER, FILE, SYMLINK, HARDLINK] = ENTRIES as [
  RecipeEntry,
  RecipeEntry,
  RecipeEntry,
  RecipeEntry,
  RecipeEntry,
];

test('an entry that is as before is unchanged', () => {
  for (const entry of ENTRIES) assert.equal(changeOf(entry, { ...entry }), 'unchanged');
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
  for (const change of changes) assert.equal(changeOf(FILE, { ...FILE, ...change }), 'metadata');
  assert.equal(changeOf(FOLDER, { ...FOLDER, mode: 0 }), 'metadata');
});

test('other content, holes, types and targets are new', () => {
  const pairs: [RecipeEntry, RecipeEntry][] = [
    [FILE, { ...FILE, chunks: [...FILE.chunks].reverse() }],
    [FILE, { ...FILE, holes: [{ offset: 0, length: 1_048_576 }] }],
    [FILE, { ...FILE, size: FILE.size + 1 }],
    [FILE, { ...FOLDER, path: FILE.path }],
    [SYMLINK, { ...SYMLINK, target: Buffer.from('x') }],
    [HARDLINK, { ...HARDLINK, target: Buffer.from('a') }],
  ];
  for (const [before, entry] of pairs) assert.equal(changeOf(before, entry), 'new');
});

test('where nothing was, everything is new', () => {
  for (const entry of ENTRIES) assert.equal(changeOf(undefined, entry), 'new');
});
