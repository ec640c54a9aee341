// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Spool } from '../../../src/store/spool.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

/** What a reader has, and how it ended. */
function follow(spool: Spool): { readonly texts: string[]; readonly ended: Promise<void> } {
  const texts: string[] = [];
  const read = async (): Promise<void> => {
    for await (const block of spool.blocks()) texts.push(block.toString());
  };
  return { texts, ended: read() };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('readers get blocks while more are appended', async (t) => {
  const spool = new Spool(temporaryFolder(t));
  await spool.append(Buffer.from('a'));
  const early = follow(spool);
  await settled();
  assert.deepEqual(early.texts, ['a']);
  await spool.append(Buffer.from('b'));
  await settled();
  assert.deepEqual(early.texts, ['a', 'b']);
  const late = follow(spool);
  spool.end();
  await Promise.all([early.ended, late.ended]);
  assert.deepEqual(late.texts, ['a', 'b']);
  await spool.close();
});

test('a failure comes to readers after the blocks before it', async (t) => {
  const spool = new Spool(temporaryFolder(t));
  const reader = follow(spool);
  await spool.append(Buffer.from('a'));
  spool.end(new Error('no more'));
  await assert.rejects(reader.ended, /no more/);
  assert.deepEqual(reader.texts, ['a']);
  await spool.close();
});

test('closing ends readers that wait', async (t) => {
  const spool = new Spool(temporaryFolder(t));
  const reader = follow(spool);
  await spool.close();
  await reader.ended;
  assert.deepEqual(reader.texts, []);
});
