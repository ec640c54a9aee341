// SPDX-License-Identifier: GPL-2.0-or-later
// Any snapshot that is retained comes back, at any site, as a whole or in part.
import assert from 'node:assert/strict';
import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { differences } from '../../../scripts/lab/compare.ts';
import { run } from '../../../scripts/lab/run.ts';
import { hasCode } from '../../../src/base/errors.ts';
import type { SnapshotId } from '../../../src/dataset/ids.ts';
import { restoreKey } from '../../../src/replication/restorer.ts';
import {
  assertRestores,
  keep,
  newestId,
  restoreTo,
  writeVersion,
} from '../../support/kept-snapshots.ts';
import { pair, replicate } from '../../support/site-pair.ts';
import { makeOddities } from '../../support/tree.ts';

const { signal } = new AbortController();

test('any snapshot is restored with its metadata, at the site that wrote it and at one that follows', async (t) => {
  const at = await pair(t);
  await makeOddities(at.source);
  const kept = [await keep(at, await replicate(at))];
  await writeVersion(at.source, 1, [0, 1, 2]);
  kept.push(await keep(at, await replicate(at)));
  await rm(join(at.source, 'deep'), { recursive: true });
  await writeVersion(at.source, 2, [1]);
  kept.push(await keep(at, await replicate(at)));
  await assertRestores(at.writer, kept);
  await assertRestores(at.reader, kept);
});

test('some paths are restored with what leads to them', async (t) => {
  const at = await pair(t);
  await makeOddities(at.source);
  await replicate(at);
  const folder = await restoreTo(at.writer, '1', ['deep/', 'script']);
  assert.deepEqual((await readdir(folder)).sort(), ['deep', 'script']);
  // Its first name is not among the paths.
  const { nlink, size } = await stat(join(folder, 'deep/also linked'));
  assert.deepEqual({ nlink, size }, { nlink: 1, size: 'one content, two names'.length });
  assert.deepEqual(await differences(join(at.source, 'deep/er'), join(folder, 'deep/er')), []);
  for (const path of ['absent', '../etc', '/deep']) {
    await assert.rejects(restoreTo(at.writer, '1', [path]), (error) =>
      hasCode(error, 'ERR_ARGUMENT_INVALID'),
    );
  }
});

test('a restore fills empty folders only, and leaves them empty when it is cancelled', async (t) => {
  const at = await pair(t);
  await writeVersion(at.source, 1, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  const { row } = await replicate(at);
  const folder = at.writer.newFolder('filled');
  await writeFile(join(folder, 'mine'), 'mine');
  const restore = (until: AbortSignal): Promise<unknown> =>
    at.writer.restorer.restore({
      ...{ dataset: 'files', snapshot: undefined, paths: [], folder, signal: until },
      onProgress: () => controller.abort(),
    });
  const controller = new AbortController();
  await assert.rejects(restore(signal), (error) => hasCode(error, 'ERR_FOLDER_INVALID'));
  assert.deepEqual(await readdir(folder), ['mine']);
  await rm(join(folder, 'mine'));
  await assert.rejects(restore(controller.signal), { name: 'AbortError' });
  assert.deepEqual(await readdir(folder), []);
  await restore(signal);
  assert.deepEqual(await differences(at.source, folder), []);
  await assert.rejects(restoreTo(at.writer, '7'), (error) =>
    hasCode(error, 'ERR_SNAPSHOT_UNKNOWN'),
  );
  await restoreTo(at.writer, row.snapshotId.slice(0, 12));
});

test('a restore that was killed is begun anew, or goes on where files were being moved', async (t) => {
  const at = await pair(t);
  await makeOddities(at.source);
  await replicate(at);
  const folder = at.writer.newFolder('killed');
  const restore = (): Promise<unknown> =>
    at.writer.restorer.restore({
      ...{ dataset: 'files', snapshot: '1', paths: [], folder, signal },
      onProgress: () => undefined,
    });
  // While the tree was made.
  const partial = join(folder, `.muleplex-restore-${'0'.repeat(32)}.partial`);
  await run(['rsync', '-aHAX', `${at.source}/deep/`, `${partial}/`]);
  await writeFile(join(folder, '.muleplex-reserve-0123'), '');
  await restore();
  assert.deepEqual(await differences(at.source, folder), []);
  // While its entries were moved up: as if one had been.
  const names = await readdir(folder);
  const key = restoreKey((await newestId(at)) ?? ('' as SnapshotId), []);
  await mkdir(join(folder, `.muleplex-restore-${key}`));
  for (const name of names.filter((each) => each.startsWith('s'))) {
    await rename(join(folder, name), join(folder, `.muleplex-restore-${key}`, name));
  }
  await restore();
  assert.deepEqual(await differences(at.source, folder), []);
});
