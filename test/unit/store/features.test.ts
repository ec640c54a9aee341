// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { PackId } from '../../../src/dataset/ids.ts';
import { FeatureStore } from '../../../src/store/feature-store.ts';
import { SimilarityIndex } from '../../../src/store/similarity-index.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const PACK = 'a'.repeat(64) as PackId;
const OTHER = 'b'.repeat(64) as PackId;

test('super-features come back; a changed byte anywhere is named', async (t) => {
  const folder = temporaryFolder(t);
  const store = new FeatureStore(folder);
  const features = Uint32Array.of(1, 2, 3, 0xffff_ffff, 0, 0, 0, 0);
  await store.put(PACK, features);
  assert.deepEqual(await store.get(PACK), features);
  assert.equal(await store.get(OTHER), undefined);
  const path = join(folder, `${PACK}.features`);
  const whole = await readFile(path);
  for (let at = 0; at < whole.length; at += 1) {
    const changed = Buffer.from(whole);
    changed[at] = (changed[at] ?? 0) ^ 4;
    await writeFile(path, changed);
    await assert.rejects(store.get(PACK), {
      code: 'ERR_INDEX_CORRUPT',
      details: { path, packId: PACK },
    });
  }
  await writeFile(path, whole.subarray(0, 20));
  await assert.rejects(store.get(PACK), { code: 'ERR_INDEX_CORRUPT' });
});

test('files of packs that are gone are swept, and what was never finished', async (t) => {
  const folder = temporaryFolder(t);
  const store = new FeatureStore(folder);
  await store.put(PACK, new Uint32Array(4));
  await store.put(OTHER, new Uint32Array(4));
  await writeFile(join(folder, `${OTHER}.features.0.tmp`), '');
  await store.sweep(new Set([PACK]));
  assert.deepEqual(await readdir(folder), [`${PACK}.features`]);
});

test('the chunk with most super-features in common is found, the newest of equals', () => {
  const index = new SimilarityIndex({ chunkCount: 20 });
  const add = (number: number, ...features: number[]): void =>
    index.add(number, Uint32Array.from(features), 0);
  const find = (...features: number[]): number => index.find(Uint32Array.from(features), 0);
  assert.equal(find(1, 2, 3, 4), -1);
  add(10, 1, 2, 3, 4);
  add(11, 1, 2, 30, 40);
  add(12, 100, 0, 0, 0);
  assert.equal(find(1, 2, 3, 4), 11);
  assert.equal(find(9, 9, 3, 4), 10);
  assert.equal(find(9, 9, 9, 9), -1);
  assert.equal(find(0, 0, 0, 0), -1);
  assert.equal(find(100, 0, 0, 0), 12);
});

test('of ten thousand chunks nearly all are found again, and no other', () => {
  const index = new SimilarityIndex({ chunkCount: 10_000 });
  const feature = (number: number, place: number): number =>
    Math.imul(number * 4 + place + 1, 0x9e37_79b1) >>> 0;
  const of = (number: number): Uint32Array =>
    Uint32Array.from({ length: 4 }, (_, place) => feature(number, place));
  for (let number = 0; number < 10_000; number += 1) index.add(number, of(number), 0);
  let lost = 0;
  let wrong = 0;
  for (let number = 0; number < 20_000; number += 1) {
    const found = index.find(of(number), 0);
    if (number < 10_000 && found === -1) lost += 1;
    else if (found !== (number < 10_000 ? number : -1)) wrong += 1;
  }
  // There is room for three of four super-features, and 16 bits tell them apart.
  assert.ok(lost < 500, `${lost} lost`);
  assert.ok(wrong < 50, `${wrong} wrong`);
  assert.ok(index.byteLength <= 10_000 * 15.1);
});
