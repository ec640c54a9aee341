// SPDX-License-Identifier: GPL-2.0-or-later
// The hooks of publish, with real commands.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { hasCode } from '../../../src/base/errors.ts';
import { SourceSnapshot } from '../../../src/cli/source-snapshot.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const { signal } = new AbortController();

interface At {
  readonly folder: string;
  readonly copy: string;
  /** What the cleanup wrote of its environment. */
  readonly trace: string;
  readonly snapshot: (command: string | undefined, cleanup?: string) => SourceSnapshot;
}

async function at(t: TestContext): Promise<At> {
  const root = temporaryFolder(t);
  const folder = join(root, "source with ' and $x");
  await mkdir(folder);
  await writeFile(join(folder, 'file'), 'content');
  const copy = join(root, 'copy');
  const trace = join(root, 'trace');
  const note = `echo "[$MULEPLEX_SNAPSHOT_FOLDER]" >>'${trace}'`;
  const snapshot: At['snapshot'] = (command, cleanupCommand = note) =>
    new SourceSnapshot({ command, cleanupCommand, folder, dataset: 'files' });
  return { folder, copy, trace, snapshot };
}

async function fails(promise: Promise<unknown>, reason: RegExp): Promise<void> {
  await assert.rejects(promise, (error: unknown) => {
    assert.ok(hasCode(error, 'ERR_HOOK_FAILED'), String(error));
    assert.match(error.message, reason);
    return true;
  });
}

test('without a command the folder is read, and nothing is cleaned up', async (t) => {
  const { folder, trace, snapshot } = await at(t);
  const plain = snapshot(undefined);
  assert.equal(await plain.make(signal), folder);
  await plain.remove();
  assert.equal(existsSync(trace), false);
});

test('the folder that the command prints is read, and cleaned up once', async (t) => {
  const { copy, trace, snapshot } = await at(t);
  const made = snapshot(
    `cp -a "$MULEPLEX_SOURCE" '${copy}' && [ "$MULEPLEX_DATASET" = files ] && echo '${copy}'`,
  );
  assert.equal(await made.make(signal), copy);
  assert.equal(await readFile(join(copy, 'file'), 'utf8'), 'content');
  await Promise.all([made.remove(), made.remove()]);
  assert.equal(await readFile(trace, 'utf8'), `[${copy}]\n`);
});

test('a command that fails or prints no path is named, and cleaned up after', async (t) => {
  const { trace, snapshot } = await at(t);
  const cases: [string, RegExp][] = [
    ['echo /somewhere; exit 3', /ended with exit code 3/],
    ['true', /printed no absolute path/],
    ['echo somewhere', /printed no absolute path/],
    ['echo /one; echo /two', /printed no absolute path/],
    ['head -c 100000 /dev/zero | tr "\\0" /', /printed more than a path/],
    ['kill -KILL $$', /ended with SIGKILL/],
    ['no-such-command-here 2>/dev/null', /ended with exit code 127/],
  ];
  for (const [command, reason] of cases) {
    const made = snapshot(command);
    await fails(made.make(signal), reason);
    await made.remove();
  }
  assert.equal(await readFile(trace, 'utf8'), '[]\n'.repeat(cases.length));
});

test('a cancelled command is ended, waited for and cleaned up after', async (t) => {
  const { copy, trace, snapshot } = await at(t);
  const cancel = new AbortController();
  const made = snapshot(`mkdir '${copy}'; trap "echo ended >'${copy}/end'; exit 1" TERM
    while :; do sleep 0.02; done`);
  const making = made.make(cancel.signal);
  while (!existsSync(copy)) await delay(10);
  cancel.abort();
  await assert.rejects(making, { name: 'AbortError' });
  assert.equal(await readFile(join(copy, 'end'), 'utf8'), 'ended\n');
  await made.remove();
  assert.equal(await readFile(trace, 'utf8'), '[]\n');
});

test('a cancelled publish begins no command', async (t) => {
  const { copy, trace, snapshot } = await at(t);
  const made = snapshot(`mkdir '${copy}'`);
  await assert.rejects(made.make(AbortSignal.abort()), { name: 'AbortError' });
  await made.remove();
  assert.equal(existsSync(copy) || existsSync(trace), false);
});

test('a cleanup that fails is told each time it is asked for', async (t) => {
  const { snapshot } = await at(t);
  const made = snapshot('echo /somewhere', 'exit 4');
  await made.make(signal);
  await fails(made.remove(), /ended with exit code 4/);
  await fails(made.remove(), /ended with exit code 4/);
});
