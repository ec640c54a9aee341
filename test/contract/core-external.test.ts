// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { trustOf } from '../../scripts/lab/trust.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { FOREIGN_SHARE, loopbackAddress, startTestCore } from '../support/test-core.ts';
import { fetchOf, makeTestPack } from '../support/test-pack.ts';
import { coreSuite } from './core-suite.ts';

coreSuite('external');

describe('an amuled that somebody else runs', () => {
  it('keeps its own shares and downloads, whatever we do', async (test) => {
    const root = temporaryFolder(test);
    const { core, endPoint, folder, kill, stop, events } = await startTestCore(
      'external',
      root,
      loopbackAddress(60),
    );
    try {
      const download = 'cd'.repeat(16);
      await core.ec.addLink(`ed2k://|file|foreign.bin|20000000|${download}|/`);
      const pack = await makeTestPack(folder, 1000, 1);
      const wanted = await makeTestPack(folder, 2000, 2);
      await core.setTrust(trustOf(endPoint, [{ host: '127.0.0.1', port: 1 }], true));
      await core.share([pack]);
      await core.fetch(fetchOf(wanted, folder, []));
      await assert.rejects(core.cancel(download), { code: 'ERR_CORE_REFUSED' });
      assert.deepEqual(
        (await core.fetches()).map((fetch) => fetch.fileHash),
        [wanted.fileHash],
      );
      await core.cancel(wanted.fileHash);
      await core.unshare([pack.fileHash]);
      await core.setTrust(trustOf(endPoint, [], true));

      const check = async () => {
        const shared = await core.ec.sharedFiles();
        assert.deepEqual(shared.filter((file) => file.name === FOREIGN_SHARE).length, 1);
        const downloads = await core.ec.downloads();
        assert.deepEqual(
          downloads.map((one) => one.fileHash),
          [download],
        );
      };
      await check();
      await kill();
      await events.until('restart', () => events.restartCount === 1);
      await check();
    } finally {
      await stop();
    }
  });
});
