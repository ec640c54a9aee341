// SPDX-License-Identifier: GPL-2.0-or-later
// Rate limits of the patched core with real transfers: what arrives over seconds, with margins that
// a busy machine does not reach.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { trustOf } from '../../scripts/lab/trust.ts';
import type { CoreLimits } from '../../src/core/amule-conf.ts';
import { loopbackAddress, startTestCore } from '../support/test-core.ts';
import type { TestCore } from '../support/test-core.ts';
import { fetchOf, makeTestPack } from '../support/test-pack.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const NO_LIMITS: CoreLimits = { upload: 0, download: 0 };
const LIMIT_KIB = 4096;
const FILE_SIZE = 32 * 1024 * 1024;
/** Seconds of the limit that may come at once after a rest. */
const BURST_S = 1;
/** Enough of the file that the limit held for it, not what lay in buffers. */
const MEASURED_SIZE = 20 * 1024 * 1024;
const LOW = 0.75;
const HIGH = 1.1;
const POLL_MS = 20;

async function receivedBytes(core: TestCore): Promise<number> {
  const fetches = await core.core.fetches();
  return fetches.reduce((sum, { bytesDone }) => sum + bytesDone, 0);
}

interface Measured {
  /** Of the limit, after the burst of the beginning. */
  readonly rate: number;
  /** The most that had come at any time, of what the limit and the burst allow. */
  readonly most: number;
}

async function measure(from: TestCore, to: TestCore): Promise<Measured> {
  const limit = LIMIT_KIB * 1024;
  const pack = await makeTestPack(from.folder, FILE_SIZE, 1);
  await from.core.share([pack]);
  const orderedMs = performance.now();
  await to.core.fetch(fetchOf(pack, to.folder, [from.endPoint]));
  let start = { bytes: 0, atMs: orderedMs };
  let most = 0;
  for (;;) {
    await delay(POLL_MS);
    const now = { bytes: await receivedBytes(to), atMs: performance.now() };
    most = Math.max(most, now.bytes / (limit * ((now.atMs - orderedMs) / 1000 + BURST_S)));
    if (start.bytes < BURST_S * limit) start = now;
    const bytes = now.bytes - start.bytes;
    if (bytes < MEASURED_SIZE) continue;
    return { rate: bytes / (limit * ((now.atMs - start.atMs) / 1000)), most };
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
      const { rate, most } = await measure(from, to);
      assert.ok(rate > LOW && rate < HIGH, `${rate.toFixed(2)} of the limit`);
      assert.ok(most < HIGH, `${most.toFixed(2)} of the limit and the burst`);
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
