// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeChunkList, fileDigest } from '../../../src/dataset/chunk-list.ts';
import { RecipeDecoder, decodeEntry } from '../../../src/dataset/recipe-decoder.ts';
import { comparePaths, parentPath, pathProblem } from '../../../src/dataset/recipe-path.ts';
import { RecipeSplitter } from '../../../src/dataset/recipe-splitter.ts';
import { encodeRecipeEntry, RECIPE_HEADER, type RecipeEntry } from '../../../src/dataset/recipe.ts';
import { refuses } from '../../support/refuses.ts';
import { CHUNKS, ENTRIES } from '../../support/samples.ts';

const [ROOT, FOLDER, FILE, SYMLINK, HARDLINK] = ENTRIES as [
  RecipeEntry,
  RecipeEntry,
  RecipeEntry,
  RecipeEntry,
  RecipeEntry,
];

function recipeOf(entries: readonly RecipeEntry[]): Buffer {
  return Buffer.concat([RECIPE_HEADER, ...entries.map(encodeRecipeEntry)]);
}

function decodeAll(bytes: Buffer): RecipeEntry[] {
  const decoder = new RecipeDecoder();
  const entries = decoder.push(bytes);
  decoder.end();
  return entries;
}

function at(path: string, entry: RecipeEntry = FOLDER): RecipeEntry {
  return { ...entry, path: Buffer.from(path, 'latin1') };
}

test('a recipe decodes to its entries however it is cut into pieces', () => {
  const recipe = recipeOf(ENTRIES);
  for (let cut = 0; cut <= recipe.length; cut += 1) {
    const decoder = new RecipeDecoder();
    const entries = [
      ...decoder.push(recipe.subarray(0, cut)),
      ...decoder.push(recipe.subarray(cut)),
    ];
    decoder.end();
    assert.deepEqual(entries, ENTRIES);
  }
});

test('a recipe that is cut off is refused', () => {
  const recipe = recipeOf(ENTRIES.slice(0, 3));
  const whole = [recipeOf([ROOT]).length, recipeOf([ROOT, FOLDER]).length];
  for (let cut = 0; cut < recipe.length; cut += 1) {
    if (whole.includes(cut)) continue;
    refuses('ERR_RECIPE_MALFORMED', () => decodeAll(recipe.subarray(0, cut)));
  }
});

test('a file of many chunks spans records', () => {
  for (const count of [16_383, 16_384, 16_385, 40_000]) {
    const chunks = Array.from({ length: count }, (_, index) => {
      const id = Buffer.alloc(32);
      id.writeUInt32LE(index);
      return { id, length: 1 + (index % 3) };
    });
    const size = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    const file = { ...FILE, path: Buffer.from('f'), size, chunks };
    delete (file as { holes?: unknown }).holes;
    assert.deepEqual(decodeAll(recipeOf([ROOT, file])), [ROOT, file]);
  }
});

test('records that do not belong together are refused', () => {
  const chunks = Array.from({ length: 16_385 }, () => ({ id: Buffer.alloc(32), length: 1 }));
  const file = { ...at('f', FILE), size: 16_385, chunks, holes: [] };
  const bytes = encodeRecipeEntry(file);
  const first = bytes.subarray(0, 4 + bytes.readUInt32LE(0));
  const rest = bytes.subarray(first.length);
  const head = recipeOf([ROOT]);
  const entry = encodeRecipeEntry(at('g'));
  for (const parts of [[rest], [first], [first, entry], [first, rest, rest]]) {
    refuses('ERR_RECIPE_MALFORMED', () => decodeAll(Buffer.concat([head, ...parts])));
  }
});

test('entries are in order and in folders of the recipe, so no path leads through a link', () => {
  const bad: RecipeEntry[][] = [
    [],
    [FOLDER],
    [SYMLINK],
    [ROOT, ROOT],
    [ROOT, at('b'), at('a')],
    [ROOT, at('a'), at('a')],
    [ROOT, at('a/b')],
    [ROOT, at('a'), at('b'), at('a/c')],
    [ROOT, at('a', SYMLINK), at('a/b', { ...FILE })],
    [ROOT, at('a', { ...FILE }), at('a/b')],
    [ROOT, at('a'), at('a-b'), at('a/b')],
  ];
  for (const entries of bad) refuses('ERR_RECIPE_MALFORMED', () => decodeAll(recipeOf(entries)));
  decodeAll(recipeOf([ROOT, at('a'), at('a/b'), at('a/b/c'), at('a/d'), at('a-b'), at('b')]));
});

test('an entry that breaks a rule of its fields is refused', () => {
  const id = Buffer.alloc(32);
  const name = Buffer.from('user.x');
  const value = Buffer.alloc(0);
  const bad: RecipeEntry[] = [
    at('.'),
    at('a/..'),
    at('/a'),
    at('a/'),
    at('a//b'),
    at('a\0b'),
    at('x'.repeat(256)),
    { ...FOLDER, mode: 0o10000 },
    { ...FOLDER, mtimeNsec: 1_000_000_000 },
    { ...FOLDER, xattrs: [{ name: Buffer.alloc(0), value }] },
    {
      ...FOLDER,
      xattrs: [
        { name, value },
        { name, value },
      ],
    },
    { ...FOLDER, xattrs: [{ name, value: Buffer.alloc(65_537) }] },
    { ...at('f', FILE), size: 1 },
    { ...at('f', FILE), holes: [{ offset: 65_536, length: 0 }] },
    { ...at('f', FILE), holes: [{ offset: 65_536, length: 1_048_577 }] },
    {
      ...at('f', FILE),
      holes: [
        { offset: 0, length: 1 },
        { offset: 1, length: 1_048_575 },
      ],
    },
    {
      ...at('f', FILE),
      holes: [
        { offset: 5, length: 1 },
        { offset: 0, length: 1_048_575 },
      ],
    },
    at('s', { ...SYMLINK, target: Buffer.alloc(0) }),
    at('s', { ...SYMLINK, target: Buffer.from('a\0b') }),
    at('s', { ...SYMLINK, target: Buffer.alloc(4_096, 0x61) }),
    at('a', { ...HARDLINK, target: Buffer.from('b') }),
    at('a', { ...HARDLINK, target: Buffer.from('a') }),
    at('b', { ...HARDLINK, target: Buffer.from('../a') }),
    at('b', { ...HARDLINK, target: Buffer.alloc(0) }),
  ];
  for (const entry of bad) {
    refuses('ERR_RECIPE_MALFORMED', () => decodeAll(recipeOf([ROOT, entry])));
  }
  assert.throws(() => encodeChunkList([{ id, length: 0 }]), assert.AssertionError);
  assert.throws(() => encodeChunkList([{ id, length: 2 ** 22 + 1 }]), assert.AssertionError);
});

test('lengths and counts that the input names are bounded before they are believed', () => {
  const longRecord = Buffer.concat([RECIPE_HEADER, Buffer.from('ffffffff', 'hex')]);
  refuses('ERR_RECIPE_MALFORMED', () => new RecipeDecoder().push(longRecord), /has 4294967295/);
  const recipe = recipeOf([ROOT, at('f', { ...FILE, xattrs: [] })]);
  const holeCountAt = recipe.indexOf(Buffer.from('0100000000000100', 'hex'));
  recipe.writeUInt32LE(0xffff_ffff, holeCountAt);
  refuses('ERR_RECIPE_MALFORMED', () => decodeAll(recipe), /holes are 4294967295/);
});

test('paths sort name by name, so a folder is followed by what is in it', () => {
  const paths = ['', 'a', 'a/b', 'a/b/c', 'a/d', 'a b', 'a-b', 'a0', 'b', 'ÿ'];
  const buffers = paths.map((path) => Buffer.from(path, 'latin1'));
  assert.deepEqual([...buffers].reverse().sort(comparePaths), buffers);
  for (const path of buffers) assert.equal(comparePaths(path, path), 0);
  assert.equal(parentPath(Buffer.from('a/b/c')).toString(), 'a/b');
  assert.equal(parentPath(Buffer.from('a')).toString(), '');
});

test('a path stays within its root', () => {
  for (const path of ['', 'a', '...', '.a', 'a..', 'a/.b/c', '\x01\xff', 'x'.repeat(255)]) {
    assert.equal(pathProblem(Buffer.from(path, 'latin1')), undefined);
  }
  for (const path of ['.', '..', '/', 'a/', '/a', 'a//b', 'a/./b', '../a', 'a/..', 'a\0']) {
    assert.notEqual(pathProblem(Buffer.from(path, 'latin1')), undefined, path);
  }
  assert.match(pathProblem(Buffer.alloc(4_096, 0x61)) ?? '', /4096/);
});

test('the file digest depends on ids, lengths and their order', () => {
  const [first, second] = CHUNKS as [(typeof CHUNKS)[0], (typeof CHUNKS)[0]];
  const digests = [
    fileDigest([]),
    fileDigest([first]),
    fileDigest([first, second]),
    fileDigest([second, first]),
    fileDigest([{ ...first, length: 65_535 }]),
  ];
  assert.equal(new Set(digests.map((digest) => digest.toString('hex'))).size, 5);
});

test('a recipe splits into the bytes of its entries, of which each decodes by itself', () => {
  const recipe = recipeOf(ENTRIES);
  for (let cut = 0; cut <= recipe.length; cut += 7) {
    const splitter = new RecipeSplitter();
    const encoded = [
      ...splitter.push(recipe.subarray(0, cut)),
      ...splitter.push(recipe.subarray(cut)),
    ];
    splitter.end();
    assert.deepEqual(encoded.map(decodeEntry), ENTRIES);
    assert.deepEqual(Buffer.concat([RECIPE_HEADER, ...encoded.map(({ bytes }) => bytes)]), recipe);
  }
});
