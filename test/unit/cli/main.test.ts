// SPDX-License-Identifier: GPL-2.0-or-later
// The command line without a daemon, as a user runs it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const MAIN = fileURLToPath(new URL('../../../src/cli/main.js', import.meta.url));

function muleplex(
  home: string,
  ...args: string[]
): { code: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, '--home', home, ...args], {
    encoding: 'utf8',
  });
  return { code: status, out: stdout, err: stderr };
}

test('two homes come to know each other by their cards', (t) => {
  const folder = temporaryFolder(t);
  const [berlin, paris] = [join(folder, 'berlin'), join(folder, 'paris')];
  const made = muleplex(berlin, 'init', '--name', 'berlin', '--listen', '192.0.2.1:7000', '--json');
  assert.equal(made.code, 0, made.err);
  const site = JSON.parse(made.out) as { card: string; siteId: string; ed2kHost: string };
  assert.equal(site.ed2kHost, '192.0.2.1');
  assert.equal(statSync(berlin).mode & 0o777, 0o700);
  assert.match(readFileSync(join(berlin, 'config.toml'), 'utf8'), /^port = 7000$/m);
  assert.equal(muleplex(berlin, 'id').out.trim(), site.card);

  assert.equal(muleplex(paris, 'init', '--name', 'paris', '--ed2k', '192.0.2.2:5000').code, 0);
  const added = muleplex(paris, 'peer', 'add', site.card, '--rights', 'read', '--dataset', 'a');
  assert.equal(added.code, 0, added.err);
  const { peers } = JSON.parse(muleplex(paris, 'peer', 'list', '--json').out) as {
    peers: { name: string; rights: object[]; connected: boolean }[];
  };
  assert.equal(peers.length, 1);
  assert.deepEqual(peers[0]?.rights, [{ dataset: 'a', rights: ['read'] }]);
  const status = muleplex(paris, 'status');
  assert.equal(status.code, 0, status.err);
  assert.match(status.out, /daemon {3}not running/);
  assert.equal(muleplex(paris, 'peer', 'remove', 'berlin').code, 0);
  assert.equal(muleplex(paris, 'peer', 'remove', 'berlin').code, 77);
});

test('wrong use ends with 2 and one sentence', (t) => {
  const folder = temporaryFolder(t);
  const home = join(folder, 'home');
  assert.equal(muleplex(home, 'init', '--name', 'x').code, 0);
  const cases: [string[], RegExp][] = [
    [[], /needs a command/],
    [['frobnicate'], /Unknown argument/],
    [['init', '--name', 'x'], /ERR_HOME_EXISTS/],
    [['init'], /name/],
    [['peer', 'add'], /needs a site card/],
    [['peer', 'add', 'muleplex-site:x'], /ERR_ARGUMENT_INVALID/],
    [['publish', folder, '--dataset', 'x', '--wait', 'some'], /--wait some/],
    [['publish', folder, '--dataset', 'x', '--timeout', 'soon'], /--timeout soon/],
    [['publish', folder, '--dataset', 'x'], /ERR_DAEMON_ABSENT/],
    [['follow', 'x', '--to', folder], /ERR_DAEMON_ABSENT/],
    [['verify', 'x'], /ERR_DATASET_UNKNOWN/],
  ];
  for (const [args, message] of cases) {
    const { code, err } = muleplex(home, ...args);
    assert.equal(code, 2, `${args.join(' ')}: ${err}`);
    assert.match(err, message);
    assert.doesNotMatch(err, /\n\s+at /, 'no stack');
  }
});

test('a folder that is no home, and a damaged config, are named', (t) => {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, 'empty'), { mode: 0o700 });
  assert.match(muleplex(join(folder, 'empty'), 'status').err, /ERR_HOME_INVALID/);
  assert.match(muleplex(join(folder, 'absent'), 'id').err, /ERR_HOME_INVALID/);
  const home = join(folder, 'home');
  muleplex(home, 'init', '--name', 'x');
  writeFileSync(join(home, 'config.toml'), '[site]\nname = "x"\nsize = 1\n');
  const { code, out, err } = muleplex(home, 'status', '--json');
  assert.equal(code, 2);
  assert.match(err, /site\.size is not a key/);
  const { error } = JSON.parse(out) as { error: { code: string } };
  assert.equal(error.code, 'ERR_CONFIG_INVALID');
});

test('help names every command and ends with 0', () => {
  const { code, out } = muleplex('/nowhere', '--help');
  assert.equal(code, 0);
  const commands =
    'init id peer daemon publish follow status snapshots transfers verify add export completion';
  for (const command of commands.split(' '))
    assert.match(out, new RegExp(`muleplex ${command}\\b`));
});
