// SPDX-License-Identifier: GPL-2.0-or-later
// The main job with three real sites, an embedded and two managed cores: every kind of file system
// entry arrives, changes arrive, nothing readable lies in packs.
import assert from 'node:assert/strict';
import { appendFile, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'node:test';
import { differences } from '../../scripts/lab/compare.ts';
import type { Published } from '../../scripts/lab/figures.ts';
import { run } from '../../scripts/lab/run.ts';
import { replicaOf, siteAt, startLab, type Lab } from '../support/lab.ts';
import { SECRET_NAME, SECRET_TEXT, makeBulk, makeOddities } from '../support/tree.ts';

const PUBLISH = ['--dataset', 'files', '--wait', 'all', '--timeout', '120'];

async function publish(lab: Lab, source: string): Promise<Published> {
  return (await siteAt(lab, 1).json(['publish', source, ...PUBLISH])) as Published;
}

async function assertEqual(lab: Lab, source: string): Promise<void> {
  for (const site of [siteAt(lab, 2), siteAt(lab, 3)]) {
    assert.deepEqual(await differences(source, join(replicaOf(site), 'current')), [], site.name);
  }
}

it('a folder with one of everything is equal at both followers, and stays so', async (t) => {
  const lab = await startLab(t, { dataset: 'files' });
  const source = join(siteAt(lab, 1).folder, 'source');

  await t.test('an empty folder', async () => {
    await mkdir(source, { recursive: true });
    await publish(lab, source);
    await assertEqual(lab, source);
  });

  await t.test('one of everything', async () => {
    await makeOddities(source);
    await makeBulk(join(source, 'bulk'), 30_000_000, 7_000_000);
    const published = await publish(lab, source);
    assert.ok(published.newPackBytes > 30_000_000);
    await assertEqual(lab, source);
  });

  await t.test('a change moves little more than itself, and leaves the rest alone', async () => {
    await appendFile(join(source, 'bulk/bulk-0'), 'more');
    await writeFile(join(source, 'new'), 'new');
    await rename(join(source, 'bulk/bulk-1'), join(source, 'renamed'));
    await rm(join(source, 'linked'));
    const published = await publish(lab, source);
    assert.ok(published.newPackBytes < 2_000_000, `${published.newPackBytes} bytes`);
    await assertEqual(lab, source);
  });

  await t.test('verify finds nothing, and then finds a changed byte', async () => {
    const follower = siteAt(lab, 2);
    assert.equal((await follower.run(['verify', 'files'])).exitCode, 0);
    await appendFile(join(replicaOf(follower), 'current/new'), '!');
    const outcome = await follower.run(['verify', 'files']);
    assert.equal(outcome.exitCode, 65, outcome.stderr);
    assert.match(outcome.stderr + outcome.stdout, /ERR_REPLICA_CORRUPT/);
  });

  await t.test('no content and no name can be read in packs or part files', async () => {
    for (const { home } of lab.sites) {
      for (const folder of ['packs', 'core']) {
        for (const text of [SECRET_NAME, SECRET_TEXT.slice(0, 37), 'bulk-0']) {
          const found = await run(['grep', '-rlaF', '--', text, join(home, folder)]).catch(
            () => '',
          );
          assert.equal(found, '');
        }
      }
    }
  });
});

it('what cannot be replicated is skipped, named, and has an exit code', async (t) => {
  const lab = await startLab(t, { dataset: 'files' });
  const source = join(siteAt(lab, 1).folder, 'source');
  await mkdir(source, { recursive: true });
  await writeFile(join(source, 'file'), 'content');
  await run(['mkfifo', join(source, 'pipe')]);
  const outcome = await siteAt(lab, 1).run(['publish', source, ...PUBLISH]);
  assert.equal(outcome.exitCode, 3, outcome.stderr);
  assert.match(outcome.stderr, /pipe/);
  const before = (await run(['stat', '-c', '%.9Y', source])).trim();
  await rm(join(source, 'pipe'));
  await run(['touch', '-d', `@${before}`, source]);
  await assertEqual(lab, source);
});
