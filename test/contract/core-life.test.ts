// SPDX-License-Identifier: GPL-2.0-or-later
// Cores of our own and the process that owns them: neither outlives the other unnoticed.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, it } from 'node:test';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { loopbackAddress, recordedPid, startTestCore } from '../support/test-core.ts';

const OWNER = fileURLToPath(new URL('../support/core-owner.js', import.meta.url));
const GONE_TIMEOUT_MS = 20_000;

/** False also for the remains of a process that nobody has waited for. */
async function isAlive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '');
  return stat !== '' && !/^\d+ \(.*\) [ZX]/.test(stat);
}

for (const [index, mode] of (['embedded', 'managed'] as const).entries()) {
  describe(`a core in ${mode} mode`, () => {
    it('ends by itself when its owner is killed, and the next owner has the folder', async (test) => {
      const root = temporaryFolder(test);
      const address = loopbackAddress(20 + index);
      const owner = spawn(process.execPath, [OWNER, mode, root, address], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await once(owner.stdout, 'data');
      const pid = await recordedPid(join(root, 'core'));
      assert.ok(await isAlive(pid));
      const exit = once(owner, 'exit');
      owner.kill('SIGKILL');
      await exit;
      const deadlineMs = Date.now() + GONE_TIMEOUT_MS;
      while ((await isAlive(pid)) && Date.now() < deadlineMs) await delay(20);
      assert.ok(!(await isAlive(pid)), 'the core is still there');
      const next = await startTestCore(mode, root, address);
      await next.stop();
    });

    it('is ended by the next owner when it hangs', async (test) => {
      const root = temporaryFolder(test);
      const address = loopbackAddress(24 + index);
      const owner = spawn(process.execPath, [OWNER, mode, root, address], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await once(owner.stdout, 'data');
      const pid = await recordedPid(join(root, 'core'));
      process.kill(pid, 'SIGSTOP');
      const exit = once(owner, 'exit');
      owner.kill('SIGKILL');
      await exit;
      const next = await startTestCore(mode, root, address);
      assert.ok(!(await isAlive(pid)));
      await next.stop();
    });

    it('leaves no process and no record when it is stopped', async (test) => {
      const root = temporaryFolder(test);
      const core = await startTestCore(mode, root, loopbackAddress(28 + index));
      const pid = await recordedPid(join(root, 'core'));
      await core.stop();
      await core.stop();
      assert.ok(!(await isAlive(pid)));
      await assert.rejects(recordedPid(join(root, 'core')));
      const log = await readFile(join(root, 'core.log'), 'utf8');
      assert.match(log, /aMule shutdown completed/);
    });
  });
}
