// SPDX-License-Identifier: GPL-2.0-or-later
// aMule's own command line against cores of ours. Debian's amulecmd 2.3.3 where it is installed.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { coreFile } from '../support/core-build.ts';
import { freePort } from '../support/free-port.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { loopbackAddress, startTestCore } from '../support/test-core.ts';
import { fetchOf, makeTestPack } from '../support/test-pack.ts';

const DEBIAN = '/usr/bin/amulecmd';
const run = promisify(execFile);

async function amulecmd(home: string, port: number, command: string): Promise<string> {
  const password = (await readFile(join(home, 'core', 'ec-password'), 'utf8')).trim();
  const program = existsSync(DEBIAN) ? DEBIAN : coreFile('amulecmd');
  const args = ['-h', '127.0.0.1', '-p', String(port), '-P', password, '-c', command];
  const env = { HOME: home, LC_ALL: 'C.UTF-8' };
  return (await run(program, args, { env, timeout: 20_000 })).stdout;
}

for (const [index, mode] of (['embedded', 'managed'] as const).entries()) {
  describe(`amulecmd and a core in ${mode} mode`, () => {
    it('work together', async (test) => {
      const root = temporaryFolder(test);
      const port = await freePort();
      const { core, folder, stop } = await startTestCore(
        mode,
        root,
        loopbackAddress(40 + index),
        port,
      );
      try {
        assert.match(await amulecmd(root, port, 'status'), /eD2k:/);
        const shared = await makeTestPack(folder, 1000, 1);
        await core.share([shared]);
        assert.match(await amulecmd(root, port, 'show shared'), /pack-1/);
        const wanted = await makeTestPack(folder, 2000, 2);
        const { fileHash } = wanted;
        await core.fetch(fetchOf(wanted, folder, []));
        assert.match(await amulecmd(root, port, 'show dl'), /fetched-/);
        await amulecmd(root, port, `pause ${fileHash}`);
        assert.equal((await core.fetches([fileHash]))[0]?.state, 'paused');
        await amulecmd(root, port, `resume ${fileHash}`);
        assert.notEqual((await core.fetches([fileHash]))[0]?.state, 'paused');
      } finally {
        await stop();
      }
    });
  });
}

describe('an embedded core', () => {
  it('offers no external connections unless it is told to', async (test) => {
    const root = temporaryFolder(test);
    const { stop } = await startTestCore('embedded', root, loopbackAddress(44));
    await stop();
    const log = await readFile(join(root, 'core.log'), 'utf8');
    assert.match(log, /External connections disabled/);
  });
});
