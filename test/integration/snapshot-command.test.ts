// SPDX-License-Identifier: GPL-2.0-or-later
// `publish --snapshot-cmd` from the command line: the copy is what is published, and it is gone
// after every end of the publish.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'node:test';
import { eventually, siteAt, startLab } from '../support/lab.ts';
import { makeBulk } from '../support/tree.ts';

it('a publish reads what the snapshot command prints, and removes it', async (t) => {
  const lab = await startLab(t, { modes: ['embedded'] });
  const site = siteAt(lab, 1);
  const source = join(site.folder, 'source');
  const copy = join(site.folder, 'copy');
  await mkdir(source, { recursive: true });
  await writeFile(join(source, 'file'), 'before');
  const publish = (command: string, cleanup = `rm -rf '${copy}'`): string[] => [
    ...['publish', source, '--dataset', 'files', '--snapshot-cmd', command],
    ...['--snapshot-cleanup-cmd', cleanup],
  ];
  const take = `cp -a "$MULEPLEX_SOURCE" '${copy}'`;

  await t.test('the copy is read, not the folder', async () => {
    await site.succeed(publish(`${take} && echo after >"$MULEPLEX_SOURCE/file" && echo '${copy}'`));
    assert.equal(existsSync(copy), false);
    const restored = join(site.folder, 'restored');
    await site.succeed(['restore', 'files', restored]);
    assert.equal(await readFile(join(restored, 'file'), 'utf8'), 'before');
  });

  await t.test('it is gone when the publish fails', async () => {
    const outcome = await site.run(publish(`${take} && echo '${copy}/nowhere'`));
    assert.notEqual(outcome.exitCode, 0);
    assert.doesNotMatch(outcome.stderr, /ERR_HOOK_FAILED/);
    assert.equal(existsSync(copy), false);
  });

  await t.test('it is gone when the command itself fails', async () => {
    const outcome = await site.run(publish(`${take}; exit 1`));
    assert.equal(outcome.exitCode, 2, outcome.stderr);
    assert.match(outcome.stderr, /ERR_HOOK_FAILED/);
    assert.equal(existsSync(copy), false);
  });

  await t.test('it is gone when the publish is cancelled', async () => {
    await makeBulk(join(source, 'bulk'), 600_000_000, 50_000_000);
    const cancel = new AbortController();
    const running = site.run(publish(`${take} && echo '${copy}'`), cancel.signal);
    await eventually('the publish has written a pack', async () => {
      const log = await readFile(join(site.home, 'log/muleplexd.log'), 'utf8');
      return (log.match(/pack shared/g)?.length ?? 0) > 1 ? true : undefined;
    });
    cancel.abort();
    assert.equal((await running).exitCode, 130);
    assert.equal(existsSync(copy), false);
  });

  await t.test('a cleanup that fails is an error, and the snapshot counts', async () => {
    const outcome = await site.run([...publish(`echo '${source}'`, 'exit 5'), '--json']);
    assert.equal(outcome.exitCode, 2);
    assert.match(outcome.stderr, /ended with exit code 5 \(ERR_HOOK_FAILED\)/);
    const { snapshots } = (await site.ask('snapshots')) as { snapshots: unknown[] };
    assert.equal(snapshots.length, 2);
  });
});
