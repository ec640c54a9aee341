// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasCode } from '../../../src/base/errors.ts';
import { POOLED_GARBAGE_SIZE_MAX } from '../../../src/base/limits.ts';
import { BufferPool } from '../../../src/native/buffer-pool.ts';
import { copyBytes } from '../../../src/native/memory.ts';
import { testBytes } from '../../support/test-bytes.ts';

const MiB = 1024 * 1024;

test('bytes are copied to where they are to start, within one buffer too', () => {
  const bytes = testBytes(100, 1);
  const { bytes: pooled } = new BufferPool({ size: 200 }).take();
  copyBytes(bytes, pooled, 50);
  assert.deepEqual(pooled.subarray(50, 150), bytes);
  assert.deepEqual(pooled.subarray(150), Buffer.alloc(50));
  copyBytes(pooled.subarray(50, 150), pooled, 60);
  assert.deepEqual(pooled.subarray(60, 160), bytes);
  copyBytes(Buffer.alloc(0), pooled, 200);
});

test('what has no room is not copied', () => {
  for (const start of [1, -1, 0.5]) {
    assert.throws(
      () => copyBytes(Buffer.alloc(10), Buffer.alloc(10), start),
      (error) => hasCode(error, 'ERR_ARGUMENT_INVALID'),
    );
  }
  assert.throws(
    () => copyBytes(Buffer.alloc(11), Buffer.alloc(10)),
    (error) => hasCode(error, 'ERR_ARGUMENT_INVALID'),
  );
});

test('a pool gives a buffer again when its last holder has released it', () => {
  const pool = new BufferPool({ size: 10 });
  const first = pool.take();
  first.hold();
  first.release();
  assert.notEqual(pool.take().bytes, first.bytes);
  first.release();
  assert.equal(pool.take().bytes, first.bytes);
});

test('the collector does not count buffers of pools, but frees those of ended work', async () => {
  const before = process.memoryUsage();
  const size = 64 * MiB;
  for (let work = 0; work < 24; work += 1) {
    const { bytes } = new BufferPool({ size }).take();
    bytes.fill(1);
    assert(process.memoryUsage().external < before.external + size);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  // At most what may be there uncounted, twice: while it is collected more is made.
  assert(process.memoryUsage().rss < before.rss + 2 * POOLED_GARBAGE_SIZE_MAX + 2 * size);
});
