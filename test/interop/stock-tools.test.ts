// SPDX-License-Identifier: GPL-2.0-or-later
// Debian's amuleweb and amulegui 2.3.3 at a core of ours: they log in and show what it shares and
// fetches. (amulecmd: test/contract/core-amulecmd.test.ts.)
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { trustOf } from '../../scripts/lab/trust.ts';
import { storedPassword } from '../../src/ec/login.ts';
import { eventually } from '../support/amuled.ts';
import { freePort } from '../support/free-port.ts';
import { Screen } from '../support/screen.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { loopbackAddress, startTestCore } from '../support/test-core.ts';
import type { TestCore } from '../support/test-core.ts';
import { fetchOf, makeTestPack } from '../support/test-pack.ts';

const WEB_PASSWORD = 'a password for the web';
/** A window with its icons and letters has thousands, an empty screen one. */
const COLOURS_MIN = 200;

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  await exit;
}

describe('a program of an unmodified aMule 2.3.3', () => {
  let root: string;
  let site: TestCore;
  let ecPort: number;
  let password: string;
  let names: readonly [shared: string, fetched: string];

  before(async () => {
    ecPort = await freePort();
    root = await mkdtemp(join(tmpdir(), 'tools-'));
    site = await startTestCore('managed', root, loopbackAddress(0), ecPort);
    const { core, folder, endPoint } = site;
    const pack = await makeTestPack(folder, 3_000_000, 1);
    const wanted = await makeTestPack(folder, 2_000_000, 2);
    const fetch = fetchOf(wanted, folder, []);
    await core.setTrust(trustOf(endPoint, []));
    await core.share([pack]);
    await core.fetch(fetch);
    names = ['pack-1', fetch.name];
    password = (await readFile(join(root, 'core', 'ec-password'), 'utf8')).trim();
  });

  after(async () => {
    await site.stop();
    await rm(root, { recursive: true });
  });

  it('shows in a browser what the core fetches and shares', async (test) => {
    const home = temporaryFolder(test);
    const port = await freePort();
    const web = spawn(
      'amuleweb',
      [
        ...['-h', '127.0.0.1', '-p', String(ecPort), '-P', password],
        ...['-s', String(port), '-A', WEB_PASSWORD, '-q'],
      ],
      { env: { PATH: process.env['PATH'], HOME: home, LC_ALL: 'C.UTF-8' }, stdio: 'ignore' },
    );
    try {
      const url = `http://127.0.0.1:${port}`;
      let cookie = '';
      await eventually('amuleweb lets us in', async () => {
        const form = new URLSearchParams({ pass: WEB_PASSWORD });
        const answer = await fetch(`${url}/?${form.toString()}`).catch(() => undefined);
        cookie = answer?.headers.get('set-cookie')?.split(';')[0] ?? '';
        return cookie !== '';
      });
      const page = async (name: string): Promise<string> =>
        (await fetch(`${url}/amuleweb-main-${name}.php`, { headers: { cookie } })).text();
      await eventually('the fetch is shown', async () => (await page('dload')).includes(names[1]));
      await eventually('the pack is shown', async () => (await page('shared')).includes(names[0]));
    } finally {
      await end(web);
    }
  });

  it('shows in a window what the core fetches', async (test) => {
    const home = temporaryFolder(test);
    await mkdir(join(home, '.aMule'));
    await writeFile(
      join(home, '.aMule', 'remote.conf'),
      `[EC]\nHost=127.0.0.1\nPort=${ecPort}\nPassword=${storedPassword(password)}\n`,
    );
    const screen = await Screen.start(join(home, 'screen'));
    const gui = spawn('amulegui', ['-s'], {
      env: {
        ...{ PATH: process.env['PATH'], HOME: home, LC_ALL: 'C.UTF-8' },
        DISPLAY: screen.display,
      },
      stdio: 'ignore',
    });
    try {
      assert.equal(await screen.colourCount(), 1);
      await eventually('it is let in', async () =>
        (await site.core.ec.log()).some((line) => line.includes('amule-remote')),
      );
      await eventually(
        'its window is there',
        async () => (await screen.colourCount()) >= COLOURS_MIN,
      );
      assert.equal(gui.exitCode, null);
      assert.equal((await site.core.fetches()).length, 1);
    } finally {
      await end(gui);
      await screen.stop();
    }
  });
});
