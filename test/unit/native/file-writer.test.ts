// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { FileWriter } from '../../../src/native/file-writer.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

test('pieces come to where they belong, in memory or not', async (t) => {
  const path = join(temporaryFolder(t), 'file');
  const file = await open(path, 'wx');
  const [first, second, third] = [randomBytes(3_000_001), randomBytes(77), randomBytes(5_000)];
  try {
    const writer = new FileWriter(file.fd);
    await Promise.all([
      writer.write([
        { offset: 0, bytes: first },
        { offset: first.length, bytes: second },
      ]),
      writer.write([]),
      writer.write([{ offset: 5_000_000, bytes: third }]),
      writer.flush(),
    ]);
  } finally {
    await file.close();
  }
  const hole = Buffer.alloc(5_000_000 - first.length - second.length);
  assert.deepEqual(await readFile(path), Buffer.concat([first, second, hole, third]));
});

test('a write that fails says why', async () => {
  const file = await open('/dev/full', 'w');
  try {
    const writer = new FileWriter(file.fd);
    await writer.write([{ offset: 0, bytes: Buffer.alloc(100) }]);
    await assert.rejects(writer.flush(), { code: 'ENOSPC', syscall: 'write' });
    await assert.rejects(writer.write([]), { code: 'ENOSPC' });
    await assert.rejects(writer.write([{ offset: -1, bytes: Buffer.alloc(1) }]), {
      code: 'ERR_ARGUMENT_INVALID',
    });
    assert.throws(() => new FileWriter(-1), { code: 'ERR_ARGUMENT_INVALID' });
  } finally {
    await file.close();
  }
});
