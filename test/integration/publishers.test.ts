// SPDX-License-Identifier: GPL-2.0-or-later
// Several publishers at once, late peers, removed peers.
import assert from 'node:assert/strict';
import { appendFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'node:test';
import { differences } from '../../scripts/lab/compare.ts';
import { eventually, siteAt, startLab } from '../support/lab.ts';
import { makeBulk } from '../support/tree.ts';

it('two data sets published at once end equal everywhere', async (t) => {
  const lab = await startLab(t);
  const runs = [1, 2].map(async (number) => {
    const publisher = siteAt(lab, number);
    const dataset = `set-${number}`;
    const source = join(publisher.folder, 'source');
    await makeBulk(source, 80_000_000, 9_000_000);
    const others = lab.sites.filter((site) => site !== publisher);
    for (const site of others) {
      await site.succeed(['follow', dataset, '--to', join(site.folder, dataset)]);
    }
    await publisher.succeed([
      ...['publish', source, '--dataset', dataset, '--wait', 'all', '--timeout', '120'],
    ]);
    for (const site of others) {
      assert.deepEqual(await differences(source, join(site.folder, dataset, 'current')), []);
    }
  });
  await Promise.all(runs);
});

it('a peer that is down gets the snapshot when it is back, and is named until then', async (t) => {
  const lab = await startLab(t, { dataset: 'late' });
  const [publisher, late] = [siteAt(lab, 1), siteAt(lab, 3)];
  const source = join(publisher.folder, 'source');
  await makeBulk(source, 20_000_000, 5_000_000);
  await late.stop();
  const outcome = await publisher.run([
    ...['publish', source, '--dataset', 'late', '--wait', 'all', '--timeout', '8'],
  ]);
  assert.equal(outcome.exitCode, 124, outcome.stderr);
  const message = outcome.stderr.trimEnd().split('\n').at(-1) ?? '';
  assert.match(message, /site-3/);
  assert.doesNotMatch(message, /site-2/);
  await publisher.stop('SIGKILL');
  await publisher.start();
  await late.start();
  const current = join(late.folder, 'replica', 'current');
  await eventually('site 3 has it', () => readlink(current).catch(() => undefined));
  assert.deepEqual(await differences(source, current), []);
});

it('a removed peer gets nothing more', async (t) => {
  const lab = await startLab(t, { dataset: 'files' });
  const [publisher, kept, removed] = [siteAt(lab, 1), siteAt(lab, 2), siteAt(lab, 3)];
  const source = join(publisher.folder, 'source');
  await makeBulk(source, 5_000_000, 5_000_000);
  const publish = ['publish', source, '--dataset', 'files', '--wait', 'all', '--timeout', '60'];
  await publisher.succeed(publish);
  const before = await readlink(join(removed.folder, 'replica', 'current'));
  const { peers } = (await publisher.json(['peer', 'list'])) as {
    peers: { name: string; siteId: string }[];
  };
  const siteId = peers.find(({ name }) => name === removed.name)?.siteId ?? '';
  await publisher.succeed(['peer', 'remove', siteId]);
  await kept.succeed(['peer', 'remove', siteId]);
  await appendFile(join(source, 'bulk-0'), 'more');
  await publisher.succeed(publish);
  assert.deepEqual(await differences(source, join(kept.folder, 'replica', 'current')), []);
  assert.equal(await readlink(join(removed.folder, 'replica', 'current')), before);
});
