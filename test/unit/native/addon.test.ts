// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';

const url = (name: string): string =>
  JSON.stringify(new URL(`../../../src/native/${name}.js`, import.meta.url).href);

/** Runs a module's text in a process of its own. */
function runModule(
  text: string,
  environment: NodeJS.ProcessEnv = {},
): ReturnType<typeof spawnSync> {
  return spawnSync(process.execPath, ['--input-type=module', '-e', text], {
    env: { ...process.env, ...environment },
    encoding: 'utf8',
  });
}

test('an addon that is absent or broken is named in one error', () => {
  const text = `
    import { nativeAddon } from ${url('addon')};
    try { nativeAddon(); } catch (error) { console.log(error.code); }`;
  for (const path of ['/absent.node', '/dev/null']) {
    const { stdout } = runModule(text, { MULEPLEX_ADDON: path });
    assert.equal(stdout, 'ERR_ADDON_MISSING\n');
  }
});

test('a process ends in order while work is queued', () => {
  const text = `
    import { PackHasher } from ${url('file-hasher')};
    import { encodeFrames } from ${url('frame')};
    const key = Buffer.alloc(32);
    const keys = { encKey: key, sivKey: key, keyEpoch: 0 };
    for (let i = 0; i < 16; i++) {
      void encodeFrames(keys, [Buffer.alloc(200_000)]);
      void new PackHasher().update(Buffer.alloc(20_000_000));
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
    process.exit(7);`;
  const { status, signal, stderr } = runModule(text);
  assert.deepEqual({ status, signal, stderr }, { status: 7, signal: null, stderr: '' });
});

test('worker threads use the addon at once, and may be ended at work', async () => {
  const text = `
    import { parentPort } from 'node:worker_threads';
    import { PackHasher } from ${url('file-hasher')};
    const hasher = new PackHasher();
    await hasher.update(Buffer.alloc(1_000_000));
    parentPort.postMessage((await hasher.finish()).fileHash);
    for (;;) await new PackHasher().update(Buffer.alloc(1_000_000));`;
  const source = new URL(`data:text/javascript,${encodeURIComponent(text)}`);
  const workers = Array.from({ length: 4 }, () => new Worker(source));
  const hashes = await Promise.all(
    workers.map(
      (worker) =>
        new Promise<string>((resolve, reject) => {
          worker.once('error', reject);
          worker.once('message', (hash: Uint8Array) => resolve(Buffer.from(hash).toString('hex')));
        }),
    ),
  );
  assert.equal(new Set(hashes).size, 1);
  for (const code of await Promise.all(workers.map((worker) => worker.terminate()))) {
    assert.equal(code, 1);
  }
});
