// SPDX-License-Identifier: GPL-2.0-or-later
// Mark and sweep on pack sets made by hand, deltas included, and the marks of recipes beside those
// of a plain decoder.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test, type TestContext } from 'node:test';
import fc from 'fast-check';
import { hasCode } from '../../../src/base/errors.ts';
import { fileDigest, type ChunkRef } from '../../../src/dataset/chunk-list.ts';
import type { PackDescriptor } from '../../../src/dataset/descriptor.ts';
import type { PackId } from '../../../src/dataset/ids.ts';
import type { RecipeRoot } from '../../../src/dataset/manifest.ts';
import {
  FRAME_CODEC,
  PACK_HEADER_SIZE,
  encodeTrailer,
  type FrameEntry,
} from '../../../src/dataset/pack-layout.ts';
import { RECIPE_HEADER, encodeRecipeEntry } from '../../../src/dataset/recipe.ts';
import { LiveChunks } from '../../../src/replication/live-chunks.ts';
import { RecipeMarker } from '../../../src/replication/recipe-marker.ts';
import { IndexStore } from '../../../src/store/index-store.ts';
import { NumberBitmap } from '../../../src/store/number-bitmap.ts';
import { PackSet } from '../../../src/store/pack-set.ts';
import { PackStore } from '../../../src/store/pack-store.ts';
import { SECRETS } from '../../support/samples.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

function id(name: string): Buffer {
  return createHash('sha256').update(name).digest();
}

/** A frame of these chunks, as 'a', 'ab' (a group) or 'c:ab' (c against bases a and b). */
function frame(text: string): FrameEntry {
  const [chunks = [], bases = []] = text.split(':').map((names) => Array.from(names));
  const plain = chunks.length > 1 ? FRAME_CODEC.zstdGroup : FRAME_CODEC.zstd;
  const codec = bases.length === 0 ? plain : FRAME_CODEC.zstdPrefix;
  return {
    ...{ offset: 8, length: 100, codec, keyEpoch: 7, rawLength: chunks.length * 100 },
    baseIds: bases.map(id),
    chunks: chunks.map((name) => ({ id: id(name), rawLength: 100 })),
  };
}

const DESCRIPTOR = { size: 1000 } as PackDescriptor;

/** The id of a pack that is named by one letter, and back. */
function packOf(name: string): PackId {
  return Buffer.alloc(32, name).toString('hex') as PackId;
}

function nameOf(packId: PackId): string {
  return Buffer.from(packId, 'hex').toString('latin1', 0, 1);
}

/** Packs by name, each with its frames. */
async function live(
  t: TestContext,
  packs: Record<string, readonly string[]>,
  marked: string,
): Promise<LiveChunks> {
  const index = new IndexStore(temporaryFolder(t));
  const set = new PackSet({ packs: new PackStore('/nowhere'), index }, { secrets: SECRETS });
  for (const [name, frames] of Object.entries(packs)) {
    let offset = PACK_HEADER_SIZE;
    const entries = frames.map(frame).map((entry): FrameEntry => {
      const placed = { ...entry, offset };
      offset += entry.length;
      return placed;
    });
    await index.put(packOf(name), encodeTrailer(entries));
    await set.add(packOf(name), DESCRIPTOR);
  }
  const numbers = new NumberBitmap();
  for (const name of Array.from(marked)) numbers.add(set.find(id(name)));
  return new LiveChunks(set, numbers);
}

function mapOf(...names: string[]): Map<PackId, PackDescriptor> {
  return new Map(names.map((name) => [packOf(name), DESCRIPTOR]));
}

function copied(
  of: LiveChunks,
  all: readonly string[],
  removed: readonly string[],
): [string, string][] {
  return of
    .framesToCopy(mapOf(...all), new Set(removed.map(packOf)))
    .flatMap(({ packId, frames }) =>
      frames.map(({ chunks }): [string, string] => [
        nameOf(packId),
        Array.from('abcdefgh')
          .filter((name) => chunks.some((chunk) => chunk.id.equals(id(name))))
          .join(''),
      ]),
    );
}

test('packs with a chunk that is needed stay, others go', async (t) => {
  const found = (await live(t, { p: ['a', 'b'], q: ['c'], r: ['d'] }, 'bd')).neededPacks();
  assert.deepEqual(Array.from(found, nameOf).sort(), ['p', 'r']);
});

test('of a chunk in several packs one is enough', async (t) => {
  assert.deepEqual(Array.from((await live(t, { p: ['a'], q: ['a'] }, 'a')).neededPacks(), nameOf), [
    'p',
  ]);
});

test('the bases of what is needed stay', async (t) => {
  const found = (await live(t, { p: ['a'], q: ['b'], r: ['c:a'] }, 'c')).neededPacks();
  assert.deepEqual(Array.from(found, nameOf).sort(), ['p', 'r']);
});

test('the bases of every frame of a pack that stays stay, so that each can be read', async (t) => {
  const found = (await live(t, { p: ['a'], q: ['b:a', 'c'] }, 'c')).neededPacks();
  assert.deepEqual(Array.from(found, nameOf).sort(), ['p', 'q']);
});

test('only what is needed counts as used', async (t) => {
  const of = await live(t, { p: ['a', 'b', 'c'], q: ['d', 'a'] }, 'ad');
  const used = of.use(mapOf('p', 'q')).map(({ packId, liveBytes }) => [nameOf(packId), liveBytes]);
  assert.deepEqual(used, [
    ['p', 100],
    ['q', 100],
  ]);
});

test('frames are copied once, in the order of packs, unless a pack that stays has them', async (t) => {
  const packs = { p: ['a', 'b'], q: ['b', 'c'], r: ['d', 'b'], s: ['a'] };
  const of = await live(t, packs, 'abcd');
  const all = ['p', 'q', 'r', 's'];
  assert.deepEqual(copied(of, all, ['p', 'q']), [['q', 'c']]);
  assert.deepEqual(copied(of, all, ['p', 'r']), [['r', 'd']]);
  assert.deepEqual(copied(of, all, ['p', 'q', 'r']), [
    ['p', 'b'],
    ['q', 'c'],
    ['r', 'd'],
  ]);
  assert.deepEqual(copied(await live(t, packs, 'b'), all, all), [['p', 'b']]);
});

test('bases are copied with what needs them, and for frames that stay', async (t) => {
  const packs = { p: ['a', 'b', 'e'], q: ['c:a', 'd:b'], r: ['f:e'] };
  const all = ['p', 'q', 'r'];
  assert.deepEqual(copied(await live(t, packs, 'c'), all, ['p', 'q', 'r']), [
    ['p', 'a'],
    ['q', 'c'],
  ]);
  assert.deepEqual(copied(await live(t, packs, 'c'), all, ['p', 'q']), [
    ['p', 'a'],
    ['p', 'e'],
    ['q', 'c'],
  ]);
});

test('a group is copied as a whole', async (t) => {
  assert.deepEqual(copied(await live(t, { p: ['abc', 'd'] }, 'b'), ['p'], ['p']), [['p', 'abc']]);
});

/** Chunks by name of their bytes. */
class Memory {
  readonly chunks = new Map<string, Buffer>();
  reads = 0;

  /** Stores the bytes in chunks of these sizes, over and over. */
  store(bytes: Buffer, sizes: readonly number[]): ChunkRef[] {
    const refs: ChunkRef[] = [];
    for (let offset = 0, index = 0; offset < bytes.length; index += 1) {
      const chunk = bytes.subarray(offset, offset + (sizes[index % sizes.length] ?? 1));
      const chunkId = createHash('sha256').update(chunk).digest();
      this.chunks.set(chunkId.toString('hex'), chunk);
      refs.push({ id: chunkId, length: chunk.length });
      offset += chunk.length;
    }
    return refs;
  }

  readChunks(ids: readonly Buffer[]): Promise<Buffer[]> {
    this.reads += ids.length;
    return Promise.resolve(ids.map((each) => this.chunks.get(each.toString('hex')) ?? Buffer.of()));
  }
}

function recipeOf(
  memory: Memory,
  files: readonly string[][],
  sizes: readonly number[],
): RecipeRoot {
  const none = { mode: 0o644, uid: 0, gid: 0, mtimeSec: 0, mtimeNsec: 0, xattrs: [] };
  const folder = encodeRecipeEntry({
    ...{ path: Buffer.alloc(0), type: 'folder', ...none, size: 0, chunks: [] },
  });
  const entries = files.map((chunks, index) =>
    encodeRecipeEntry({
      ...{ path: Buffer.from(`f${index}`), type: 'file', ...none, size: chunks.length },
      chunks: chunks.map((name) => ({ id: id(name), length: 1 })),
    }),
  );
  const bytes = Buffer.concat([RECIPE_HEADER, folder, ...entries]);
  const chunks = memory.store(bytes, sizes);
  return { levels: 0, chunks, length: bytes.length, digest: fileDigest(chunks) };
}

const SIGNAL = new AbortController().signal;

test('every chunk that some recipe names is marked, however recipes and their chunks overlap', async () => {
  const file = fc.array(fc.constantFrom(...Array.from('abcdefghijklmnop')), { maxLength: 5 });
  const recipe = fc.tuple(
    fc.array(file, { maxLength: 12 }),
    fc.array(fc.integer({ min: 9, max: 400 }), { minLength: 1, maxLength: 3 }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(recipe, { minLength: 1, maxLength: 4 }), async (recipes) => {
      const memory = new Memory();
      const marked = new Set<string>();
      const marker = new RecipeMarker(memory, (each) => void marked.add(each.toString('hex')));
      const expected = new Set<string>();
      for (const [files, sizes] of recipes) {
        const root = recipeOf(memory, files, sizes);
        for (const name of files.flat()) expected.add(id(name).toString('hex'));
        for (const ref of root.chunks) expected.add(ref.id.toString('hex'));
        await marker.add(root, SIGNAL);
      }
      assert.deepEqual([...marked].sort(), [...expected].sort());
    }),
    { numRuns: 200 },
  );
});

test('of a recipe that differs little, little is read', async () => {
  const memory = new Memory();
  const files = Array.from({ length: 500 }, (_, index) => [`chunk ${index}`]);
  const marker = new RecipeMarker(memory, () => undefined);
  await marker.add(recipeOf(memory, files, [300]), SIGNAL);
  const before = memory.reads;
  assert.ok(before > 50);
  files[250] = ['another chunk'];
  await marker.add(recipeOf(memory, files, [300]), SIGNAL);
  assert.ok(memory.reads - before < 5, `${memory.reads - before} chunks read`);
});

test('a recipe that is cut off is refused', async () => {
  const memory = new Memory();
  const root = recipeOf(memory, [['a', 'b']], [64]);
  const chunks = root.chunks.slice(0, -1);
  const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  const cut = { ...root, chunks, length, digest: fileDigest(chunks) };
  const marker = new RecipeMarker(memory, () => undefined);
  await assert.rejects(marker.add(cut, SIGNAL), (error) => hasCode(error, 'ERR_RECIPE_MALFORMED'));
});
