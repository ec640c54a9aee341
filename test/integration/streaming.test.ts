// SPDX-License-Identifier: GPL-2.0-or-later
// Packs on the wire before their manifest, with three real sites: followers have packs whole while
// the publish goes on, nothing comes twice, and a publish that ends early leaves nothing anywhere.
import assert from 'node:assert/strict';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'node:test';
import { differences } from '../../scripts/lab/compare.ts';
import type { Published, Transfers } from '../../scripts/lab/figures.ts';
import type { Outcome, Site } from '../../scripts/lab/site.ts';
import { eventually, replicaOf, siteAt, startLab } from '../support/lab.ts';
import { makeBulk } from '../support/tree.ts';

/** So much that no machine has read it before the first pack is at a follower. */
const SIZE = 1_000_000_000;
const FILE_SIZE = 50_000_000;
/** Protocol, and blocks that two sources sent. */
const OVERHEAD = 1.03;

/** Files beside packs, which are what they were before. */
async function indexFiles({ home }: Site): Promise<string[]> {
  return (await readdir(join(home, 'index'))).sort();
}

/** Packs that no manifest names and that are whole here. */
async function wholePacks(site: Site): Promise<string[]> {
  const { transfers } = (await site.ask('transfers')) as Transfers;
  return transfers
    .filter(({ snapshotId, state }) => snapshotId === '' && state === 'complete')
    .map(({ packId }) => packId);
}

async function packFiles({ home }: Site): Promise<string[]> {
  const names = await readdir(join(home, 'packs'));
  return names.filter((name) => name.endsWith('.pack')).sort();
}

async function snapshotCount(site: Site): Promise<number> {
  const { snapshots } = (await site.ask('snapshots')) as { snapshots: unknown[] };
  return snapshots.length;
}

async function bytesDown(site: Site): Promise<number> {
  const { clients } = (await site.ask('transfers')) as Transfers;
  return clients.reduce((sum, client) => sum + client.bytesDown, 0);
}

function send(site: Site, signal: 'SIGSTOP' | 'SIGCONT'): void {
  assert.ok(site.pid !== undefined);
  process.kill(site.pid, signal);
}

it('followers fetch packs while the publish goes on', async (t) => {
  const lab = await startLab(t, { dataset: 'files' });
  const writer = siteAt(lab, 1);
  const [first, second] = [siteAt(lab, 2), siteAt(lab, 3)];
  const source = join(writer.folder, 'source');
  await mkdir(source, { recursive: true });
  await writeFile(join(source, 'small'), 'small');
  const publish = ['publish', source, '--dataset', 'files', '--wait', 'all', '--timeout', '240'];
  await writer.succeed(publish);
  const bulk = join(source, 'bulk');

  const bothHavePacks = (): Promise<true> =>
    eventually('both followers have a whole pack', async () => {
      const counts = [(await wholePacks(first)).length, (await wholePacks(second)).length];
      return counts.every((count) => count > 0) ? true : undefined;
    });
  const leftAsBefore = (before: readonly string[][]): Promise<true> =>
    eventually('no site has a pack of the publish', async () => {
      const now = await Promise.all(lab.sites.map(packFiles));
      return JSON.stringify(now) === JSON.stringify(before) ? true : undefined;
    });
  /** Prune removes no more, and every site still has what the manifest names. */
  const prunes = async (before: readonly string[][]): Promise<void> => {
    await writer.succeed(['prune', 'files']);
    assert.deepEqual(await Promise.all(lab.sites.map(packFiles)), before);
    for (const site of lab.sites) {
      const left = await readdir(join(site.home, 'packs'));
      assert.deepEqual(left.sort(), await packFiles(site), `${site.name} has other files left`);
    }
  };

  await t.test('a cancelled publish leaves nothing anywhere', async () => {
    const before = await Promise.all(lab.sites.map(packFiles));
    const index = await indexFiles(writer);
    await makeBulk(bulk, SIZE, FILE_SIZE);
    const cancel = new AbortController();
    const running = writer.run(publish, cancel.signal);
    await bothHavePacks();
    cancel.abort();
    assert.equal((await running).exitCode, 130);
    await leftAsBefore(before);
    await prunes(before);
    assert.deepEqual(await indexFiles(writer), index);
  });

  await t.test('a writer that is killed drops its session when it is back', async () => {
    const before = await Promise.all(lab.sites.map(packFiles));
    const running = writer.run(publish);
    await bothHavePacks();
    await writer.stop('SIGKILL');
    assert.notEqual((await running).exitCode, 0);
    await writer.start();
    await leftAsBefore(before);
    await prunes(before);
  });

  await t.test('packs are whole before the manifest is signed, and come once', async () => {
    const before = await bytesDown(second);
    const snapshots = await snapshotCount(writer);
    const running: Promise<Outcome> = writer.run([...publish, '--json']);
    await bothHavePacks();
    // The writer's core goes on, its publish does not.
    send(writer, 'SIGSTOP');
    const whole = await Promise.all([first, second].map(wholePacks));
    for (const site of [first, second]) {
      assert.equal(await snapshotCount(site), snapshots, 'the manifest is not signed');
    }
    await first.stop('SIGKILL');
    await first.start();
    const kept = await wholePacks(first);
    for (const packId of whole[0] ?? []) assert.ok(kept.includes(packId), `${packId} is lost`);
    send(writer, 'SIGCONT');
    const { exitCode, stdout, stderr } = await running;
    assert.equal(exitCode, 0, stderr);
    const published = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as Published;
    assert.equal(await snapshotCount(writer), snapshots + 1);
    const fetched = (await bytesDown(second)) - before;
    assert.ok(fetched >= published.newPackBytes * 0.99, `${fetched} bytes`);
    assert.ok(fetched < published.newPackBytes * OVERHEAD, `${fetched} bytes`);
    for (const site of [first, second]) {
      assert.deepEqual(await differences(source, join(replicaOf(site), 'current')), []);
      assert.deepEqual(await packFiles(site), await packFiles(writer));
    }
    t.diagnostic(`first pack shared after ${published.firstPackMs ?? -1} ms`);
  });

  await rm(bulk, { recursive: true, force: true });
});
