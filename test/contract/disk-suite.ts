// SPDX-License-Identifier: GPL-2.0-or-later
// What every Disk must do; run on the real one and on the one in memory that other tests rely on.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { isAbsent } from '../../src/store/atomic-file.ts';
import type { Disk } from '../../src/store/disk.ts';

/** make gives a disk and an empty folder on it. */
export function diskSuite(
  name: string,
  make: (context: TestContext) => { disk: Disk; folder: string },
): void {
  test(`${name}: a file keeps what was written at each offset`, async (context) => {
    const { disk, folder } = make(context);
    const file = await disk.open(join(folder, 'a'), 'create');
    await file.write(Buffer.from('world'), 5);
    await file.write(Buffer.from('hello'), 0);
    await file.sync();
    assert.equal(await file.size(), 10);
    await file.truncate(7);
    await file.close();
    const again = await disk.open(join(folder, 'a'), 'read');
    assert.equal((await again.read(100, 0)).toString(), 'hellowo');
    assert.equal((await again.read(3, 4)).toString(), 'owo');
    await again.close();
  });

  test(`${name}: create refuses a taken name, read and write an absent one`, async (context) => {
    const { disk, folder } = make(context);
    const path = join(folder, 'a');
    for (const mode of ['read', 'write'] as const) {
      await assert.rejects(async () => disk.open(path, mode), isAbsent);
    }
    await (await disk.open(path, 'create')).close();
    await assert.rejects(async () => disk.open(path, 'create'), { code: 'ERR_STORAGE_FAILED' });
  });

  test(`${name}: rename replaces, remove takes anything and nothing`, async (context) => {
    const { disk, folder } = make(context);
    for (const name of ['a', 'b']) {
      const file = await disk.open(join(folder, name), 'create');
      await file.write(Buffer.from(name), 0);
      await file.close();
    }
    await disk.rename(join(folder, 'a'), join(folder, 'b'));
    assert.deepEqual(await disk.list(folder), ['b']);
    const file = await disk.open(join(folder, 'b'), 'read');
    assert.equal((await file.read(9, 0)).toString(), 'a');
    await file.close();
    await disk.makeFolder(join(folder, 'c'), 0o700);
    await disk.makeFolder(join(folder, 'c'), 0o700);
    await (await disk.open(join(folder, 'c', 'd'), 'create')).close();
    await disk.syncFolder(folder);
    assert.deepEqual(await disk.list(folder), ['b', 'c']);
    await disk.remove(join(folder, 'c'));
    await disk.remove(join(folder, 'c'));
    await disk.remove(join(folder, 'b'));
    assert.deepEqual(await disk.list(folder), []);
    assert.deepEqual(await disk.list(join(folder, 'absent')), []);
  });
}
