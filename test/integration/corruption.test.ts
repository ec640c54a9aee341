// SPDX-License-Identifier: GPL-2.0-or-later
// One flipped byte, in a pack on the publisher's disk or in a follower's part file: it is named, it
// is not exposed, and the data is completed from another site, or there is a clear error.
import assert from 'node:assert/strict';
import { open, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'node:test';
import { differences } from '../../scripts/lab/compare.ts';
import type { Published, SnapshotRow, Transfers } from '../../scripts/lab/figures.ts';
import type { Site } from '../../scripts/lab/site.ts';
import { eventually, replicaOf, siteAt, startLab } from '../support/lab.ts';
import { makeBulk } from '../support/tree.ts';

const PART_SIZE = 9_728_000;
const PUBLISH = ['--dataset', 'bulk', '--timeout', '120'];

async function flipByte(path: string, offset: number): Promise<void> {
  const file = await open(path, 'r+');
  try {
    const byte = Buffer.alloc(1);
    await file.read(byte, 0, 1, offset);
    byte[0] = (byte[0] ?? 0) ^ 0x40;
    await file.write(byte, 0, 1, offset);
  } finally {
    await file.close();
  }
}

async function largestFile(folder: string, suffix: string): Promise<string> {
  let largest = { path: '', size: -1 };
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !entry.name.endsWith(suffix)) continue;
    const path = join(entry.parentPath, entry.name);
    const { size } = await stat(path);
    if (size > largest.size) largest = { path, size };
  }
  if (largest.size < 0) throw new Error(`no ${suffix} below ${folder}`);
  return largest.path;
}

async function logOf(site: Site): Promise<string> {
  return readFile(join(site.folder, 'daemon.log'), 'utf8');
}

it('a byte that flips in a pack of the publisher is fetched from another site', async (t) => {
  const lab = await startLab(t, { dataset: 'bulk' });
  const [publisher, first, second] = [siteAt(lab, 1), siteAt(lab, 2), siteAt(lab, 3)];
  const source = join(publisher.folder, 'source');
  await makeBulk(source, 60_000_000, 20_000_000);
  await second.stop();
  await publisher.succeed(['publish', source, ...PUBLISH, '--wait', '1']);
  const pack = await largestFile(join(publisher.home, 'packs'), '.pack');
  await flipByte(pack, PART_SIZE + 1000);
  await second.start();
  await eventually('site 3 is visible', async () => {
    const { snapshots } = (await second.ask('snapshots')) as { snapshots: SnapshotRow[] };
    return snapshots.some(({ state }) => state === 'visible') ? true : undefined;
  });
  assert.deepEqual(await differences(source, join(replicaOf(second), 'current')), []);
  assert.deepEqual(await differences(source, join(replicaOf(first), 'current')), []);
});

it('without another copy there is a clear error, and nothing is exposed', async (t) => {
  const lab = await startLab(t, { dataset: 'bulk', modes: ['embedded', 'managed'] });
  const [publisher, follower] = [siteAt(lab, 1), siteAt(lab, 2)];
  const source = join(publisher.folder, 'source');
  await makeBulk(source, 60_000_000, 20_000_000);
  await follower.stop();
  const published = (await publisher.json([
    ...['publish', source, ...PUBLISH, '--wait', 'none'],
  ])) as Published;
  await flipByte(await largestFile(join(publisher.home, 'packs'), '.pack'), PART_SIZE + 1000);
  await follower.start();
  const row = await eventually('site 2 names the error', async () => {
    const { snapshots } = (await follower.ask('snapshots')) as { snapshots: SnapshotRow[] };
    return snapshots.find(({ error }) => error?.code === 'ERR_PART_UNAVAILABLE');
  });
  assert.equal(row.snapshotId, published.snapshotId);
  assert.match(row.error?.message ?? '', /part 1\b/);
  await assert.rejects(stat(join(replicaOf(follower), 'current')), /ENOENT/);
});

it('a byte that flips in a part file after its check never becomes visible', async (t) => {
  const lab = await startLab(t, { dataset: 'bulk', rateMbit: 100 });
  const [publisher, follower] = [siteAt(lab, 1), siteAt(lab, 3)];
  const source = join(publisher.folder, 'source');
  await makeBulk(source, 150_000_000, 50_000_000);
  await publisher.succeed(['publish', source, ...PUBLISH, '--wait', 'none']);
  const flipped = await eventually(
    'a part is verified',
    async () => {
      const { transfers } = (await follower.ask('transfers')) as Transfers;
      const row = transfers.find(
        ({ verifiedParts, partCount }) => verifiedParts > 0 && verifiedParts < partCount - 1,
      );
      if (row === undefined) return undefined;
      const byte = Buffer.from(row.verified, 'hex').findIndex((bits) => bits !== 0);
      const bits = Buffer.from(row.verified, 'hex')[byte] ?? 0;
      return { row, partIndex: byte * 8 + Math.log2(bits & -bits) };
    },
    60_000,
    50,
  );
  const partFiles = await readdir(join(follower.home, 'core'), { recursive: true });
  let found = false;
  for (const name of partFiles.filter((file) => file.endsWith('.part'))) {
    const path = join(follower.home, 'core', name);
    const { size } = await stat(path);
    if (size < flipped.partIndex * PART_SIZE + 5000) continue;
    await flipByte(path, flipped.partIndex * PART_SIZE + 5000);
    found = true;
  }
  assert.ok(found, 'no part file was found');
  await eventually(
    'site 3 is visible',
    async () => {
      const { snapshots } = (await follower.ask('snapshots')) as { snapshots: SnapshotRow[] };
      return snapshots.some(({ state }) => state === 'visible') ? true : undefined;
    },
    120_000,
  );
  assert.deepEqual(await differences(source, join(replicaOf(follower), 'current')), []);
  assert.match(await logOf(follower), new RegExp(`ERR_PACK_CORRUPT|part.*${flipped.partIndex}`));
});
