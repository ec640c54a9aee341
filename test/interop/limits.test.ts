// SPDX-License-Identifier: GPL-2.0-or-later
// Rate limits of the patched core with real transfers: what arrives over seconds, with margins that
// a busy machine does not reach.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { CoreLimits } from '../../src/core/amule-conf.ts';
import { loopbackAddress, startTestCore } from '../support/test-core.ts';
import type { TestCore } from '../support/test-core.ts';
import { fetchOf, makeTestPack } from '../support/test-pack.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { trustOf } from '../../scripts/lab/trust.ts';

const NO_LIMITS: CoreLimits = { upload: 0, download: 0 };
const LIMIT_KIB = 4096;
const FILE_SIZE = 40 * 1024 * 1024;
/** A session may begin with a burst of a few seconds' worth. */
const BURST_SIZE = 12 * 1024 * 1024;
/** Enough of the file that the limit held for it, not what lay in buffers. */
const MEASURED_SIZE = 20 * 1024 * 1024;
const LOW = 0.75;
const HIGH = 1.1;
const POLL_MS = 20;

async function receivedBytes(core: TestCore): Promise<number> {
  const fetches = await core.core.fetches();
  return fetches.reduce((sum, { bytesDone }) => sum + bytesDone, 0);
}

/** Bytes per second once the burst of the beginning is over. */
async function measure(from: TestCore, to: TestCore): Promise<number> {
  const pack = await makeTestPack(from.folder, FILE_SIZE, 1);
  await from.core.share([pack]);
  await to.core.fetch(fetchOf(pack, to.folder, [from.endPoint]));
  let start = { bytes: 0, atMs: performance.now() };
  for (;;) {
    await delay(POLL_MS);
    const now = { bytes: await receivedBytes(to), atMs: performance.now() };
    if (start.bytes < BURST_SIZE) start = now;
    const bytes = now.bytes - start.bytes;
    if (bytes >= MEASURED_SIZE) return (bytes * 1000) / (now.atMs - start.atMs);
  }
}

for (const [index, limited] of (['upload', 'download'] as const).entries()) {
  test(`a limit of the ${limited} to trusted clients is kept, and used`, async (context) => {
    const root = temporaryFolder(context);
    const limits: CoreLimits = { ...NO_LIMITS, [limited]: LIMIT_KIB };
    const start = (name: string, own: CoreLimits, at: number): Promise<TestCore> =>
      startTestCore('managed', join(root, name), loopbackAddress(40 + at), undefined, own);
    const [from, to] = await Promise.all([
      start('from', limited === 'upload' ? limits : NO_LIMITS, 2 * index),
      start('to', limited === 'download' ? limits : NO_LIMITS, 2 * index + 1),
    ]);
    try {
      await from.core.setTrust(trustOf(from.endPoint, [to.endPoint]));
      await to.core.setTrust(trustOf(to.endPoint, [from.endPoint]));
      const ratio = (await measure(from, to)) / (LIMIT_KIB * 1024);
      assert.ok(ratio > LOW && ratio < HIGH, `${ratio.toFixed(2)} of the limit`);
    } finally {
      await Promise.all([from.stop(), to.stop()]);
    }
  });
}

test('limits of other clients may be above 65,535 KiB/s', async (context) => {
  const core = await startTestCore('managed', temporaryFolder(context), loopbackAddress(45));
  try {
    await core.core.ec.setPreferences({ uploadMax: 120_000, downloadMax: 250_000 });
    const { uploadMax, downloadMax } = await core.core.ec.preferences();
    assert.deepEqual({ uploadMax, downloadMax }, { uploadMax: 120_000, downloadMax: 250_000 });
  } finally {
    await core.stop();
  }
});
