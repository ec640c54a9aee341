// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { KeptFrames } from '../../../src/store/kept-frames.ts';

const SIZE = 100;

/** Reads frames named by one letter, whose bytes are that letter. */
class Reader {
  readonly #frames: KeptFrames;
  /** Names of the frames that were decoded, in order. */
  readonly decoded: string[] = [];

  constructor(frames: KeptFrames) {
    this.#frames = frames;
  }

  async read(name: string, during: () => Promise<unknown> = () => Promise.resolve()) {
    await this.#frames.use(
      name,
      SIZE,
      async (into) => {
        this.decoded.push(name);
        await setImmediate();
        into.fill(name);
      },
      async (raw) => {
        await during();
        assert.deepEqual(raw, Buffer.alloc(SIZE, name));
      },
    );
  }
}

test('frames that were used last are kept, as many as there is room for', async () => {
  const reader = new Reader(new KeptFrames(2 * SIZE));
  for (const name of ['a', 'b', 'a', 'c', 'a', 'b']) await reader.read(name);
  assert.equal(reader.decoded.join(''), 'abcb');
});

test('a frame in use is found by others and not overwritten', async () => {
  const reader = new Reader(new KeptFrames(SIZE));
  await reader.read('a', async () => {
    await Promise.all([reader.read('b'), reader.read('c'), reader.read('a')]);
    await reader.read('d');
    await reader.read('a');
  });
  assert.equal(reader.decoded.join(''), 'abcd');
  await reader.read('e');
  await reader.read('a');
  assert.equal(reader.decoded.join(''), 'abcdea');
});

test('a frame that could not be decoded is tried anew, and one that was refused is kept', async () => {
  const frames = new KeptFrames(SIZE);
  const failure = new Error('damaged');
  const damaged = (): Promise<never> => Promise.reject(failure);
  const both = [0, 1].map(() => frames.use('a', SIZE, damaged, () => Promise.resolve()));
  for (const { status } of await Promise.allSettled(both)) assert.equal(status, 'rejected');
  const reader = new Reader(frames);
  await reader.read('a');
  await assert.rejects(reader.read('a', damaged), failure);
  await reader.read('a');
  assert.equal(reader.decoded.join(''), 'a');
});
