// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import {
  SourceSpoolWriter,
  entriesToRead,
  spooledEntries,
} from '../../../src/replication/source-spool.ts';
import type { SourceEntry } from '../../../src/replication/tree-scanner.ts';
import { Spool } from '../../../src/store/spool.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

function entry(index: number): SourceEntry {
  const type = (['file', 'folder', 'symlink', 'hardlink'] as const)[index % 4] ?? 'file';
  return {
    path: Buffer.from(`${'folder/'.repeat(index % 30)}entry \xff ${index}`, 'latin1'),
    type,
    stat: {
      type: type === 'hardlink' ? 'file' : type,
      mode: index & 0o7777,
      uid: 0xffff_ffff - index,
      gid: index,
      size: 2 ** 52 + index,
      mtimeSeconds: -index,
      mtimeNanoseconds: 999_999_999,
      ctimeSeconds: 2 ** 40 + index,
      ctimeNanoseconds: index,
      inode: 2n ** 64n - 1n - BigInt(index),
      device: BigInt(index),
      linkCount: index + 1,
      blockCount: index * 8,
    },
    xattrs:
      index % 7 === 0
        ? [{ name: Buffer.from('user.a'), value: Buffer.alloc(index * 100, index) }]
        : [],
    holes: index % 5 === 0 ? [{ offset: index, length: 2 ** 40 }] : [],
    ...(index % 4 < 2 ? {} : { target: Buffer.from(`target ${index}`) }),
  };
}

test('entries come back from memory and from a file that has no name', async (t) => {
  const folder = temporaryFolder(t);
  const spool = new Spool(folder);
  const writer = new SourceSpoolWriter(spool);
  const count = 40_000;
  for (let index = 0; index < count; index += 1) {
    await writer.add(entry(index % 500), index % 3 === 0);
  }
  await writer.finish();
  spool.end();
  assert.deepEqual(readdirSync(folder), []);
  // Two readers at once.
  const toRead = entriesToRead(spool);
  let read: readonly SourceEntry[] = [];
  let readIndex = 0;
  let index = 0;
  for await (const batch of spooledEntries(spool)) {
    for (const spooled of batch) {
      assert.equal(spooled.isToRead, index % 3 === 0);
      if (index < 600 || index > count - 600) assert.deepEqual(spooled.entry, entry(index % 500));
      if (spooled.isToRead) {
        if (readIndex === read.length) {
          read = ((await toRead.next()).value as readonly SourceEntry[] | undefined) ?? [];
          readIndex = 0;
        }
        assert.deepEqual(read[readIndex]?.path, spooled.entry.path);
        readIndex += 1;
      }
      index += 1;
    }
  }
  assert.equal(index, count);
  assert.equal(readIndex, read.length);
  assert.equal((await toRead.next()).done, true);
  await spool.close();
  await spool.close();
});
