// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readBounded, sweepTemporary, writeAtomic } from '../../../src/store/atomic-file.ts';
import { failAtEachChange } from '../../support/failing-disk.ts';
import { MemoryDisk } from '../../support/memory-disk.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const OLD = Buffer.from('the old content');
const NEW = Buffer.from('the new content, which is longer');

test('a write that fails at any step leaves the old or the new content', async () => {
  for (const losesPower of [false, true]) {
    let disk = new MemoryDisk('/d');
    const steps = await failAtEachChange(
      async (wrap) => {
        disk = new MemoryDisk('/d');
        await writeAtomic('/d/file', OLD, { disk });
        await writeAtomic('/d/file', NEW, { disk: wrap(disk) });
      },
      async (isDone) => {
        if (losesPower) disk.cutPower();
        const content = await readBounded('/d/file', 1_000, disk);
        assert.ok(content !== undefined);
        if (isDone) assert.deepEqual(content, NEW);
        else assert.ok(content.equals(OLD) || content.equals(NEW));
        await sweepTemporary('/d', disk);
        assert.deepEqual(await disk.list('/d'), ['file']);
      },
    );
    // open, write, sync, rename, folder sync, and once without a failure.
    assert.equal(steps, 6);
  }
});

test('a failed write removes its temporary file when it still can', async (context) => {
  const folder = temporaryFolder(context);
  mkdirSync(join(folder, 'target'));
  writeFileSync(join(folder, 'target', 'inside'), '');
  await assert.rejects(writeAtomic(join(folder, 'target'), NEW), { code: 'ERR_STORAGE_FAILED' });
  await sweepTemporary(folder);
  await assert.rejects(writeAtomic(join(folder, 'absent', 'file'), NEW), {
    code: 'ERR_STORAGE_FAILED',
  });
});

test('a file is written with the permissions that were asked for', async (context) => {
  const path = join(temporaryFolder(context), 'file');
  await writeAtomic(path, NEW);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  await writeAtomic(path, NEW, { mode: 0o640 });
  assert.equal(statSync(path).mode & 0o777, 0o640);
});

test('reading is bounded, knows absent files and follows no link', async (context) => {
  const folder = temporaryFolder(context);
  const path = join(folder, 'file');
  await writeAtomic(path, NEW);
  assert.deepEqual(await readBounded(path, NEW.length), NEW);
  await assert.rejects(readBounded(path, NEW.length - 1), { code: 'ERR_LIMIT_EXCEEDED' });
  assert.equal(await readBounded(join(folder, 'absent'), 10), undefined);
  symlinkSync(path, join(folder, 'link'));
  await assert.rejects(readBounded(join(folder, 'link'), 1_000), { code: 'ERR_STORAGE_FAILED' });
});
