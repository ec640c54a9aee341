// SPDX-License-Identifier: GPL-2.0-or-later
// The control socket of a real amuled is for the user that runs it; over TCP, whoever has the
// password may look at trust, shares and fetches, and change nothing.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import * as codec from '../../src/core/control-codec.ts';
import { trustOf } from '../../scripts/lab/trust.ts';
import { EcConnection } from '../../src/ec/connection.ts';
import type { EcAddress, EcConnectionInit } from '../../src/ec/connection.ts';
import { encodeFrame } from '../../src/ec/framing.ts';
import { EC_OP, MULEPLEX_OP as OP } from '../../src/ec/opcodes.ts';
import { expectReply } from '../../src/ec/reply.ts';
import { intTag, textTag } from '../../src/ec/tag.ts';
import type { EcPacket } from '../../src/ec/tag.ts';
import { EC_TAG } from '../../src/ec/tags.ts';
import { freePort } from '../support/free-port.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { loopbackAddress, startTestCore } from '../support/test-core.ts';
import { fetchOf, makeTestPack } from '../support/test-pack.ts';

const run = promisify(execFile);
/** Somebody who is neither root nor the user that runs the core. */
const NOBODY = 65_534;

function connect(address: EcAddress, login: Partial<EcConnectionInit>): Promise<EcConnection> {
  return EcConnection.open({
    ...{ address, clientName: 'test', clientVersion: '1', zlib: false, utf8Numbers: false },
    ...login,
  });
}

async function ask(connection: EcConnection, request: EcPacket, answer: number): Promise<void> {
  expectReply(request, await connection.exchange(request), answer);
}

/** What the socket answers to a login by that user. */
async function loginAs(uid: number, path: string): Promise<string> {
  const hello = encodeFrame({ opcode: EC_OP.AUTH_REQ, tags: [] }, { utf8Numbers: false });
  const script = `const s = require('net').connect(${JSON.stringify(path)});
    s.on('error', (error) => { console.log(error.code); process.exit(); });
    s.write(Buffer.from('${hello.toString('hex')}', 'hex'));
    s.once('data', (data) => { console.log(data[8] === ${EC_OP.AUTH_OK} ? 'granted' : 'refused'); s.end(); });`;
  const ids = ['--reuid', String(uid), '--regid', String(uid), '--clear-groups', '--'];
  return (await run('setpriv', [...ids, process.execPath, '-e', script])).stdout.trim();
}

describe('the control socket', () => {
  it('takes over TCP what only looks, and denies what changes', async (test) => {
    const root = temporaryFolder(test);
    const port = await freePort();
    const site = await startTestCore('managed', root, loopbackAddress(70), port);
    const { core, folder, endPoint } = site;
    try {
      const pack = await makeTestPack(folder, 1000, 1);
      const other = await makeTestPack(folder, 2000, 2);
      await core.setTrust(trustOf(endPoint, []));
      await core.share([pack]);
      await core.fetch(fetchOf(other, folder, []));
      const password = (await readFile(join(root, 'core', 'ec-password'), 'utf8')).trim();
      const tcp = await connect({ host: '127.0.0.1', port }, { password });
      await ask(tcp, codec.infoRequest(), OP.INFO);
      await ask(tcp, codec.clientsRequest(), OP.CLIENTS);
      await ask(tcp, codec.filesRequest(OP.PARTS, [other.fileHash]), OP.PARTS);
      await ask(tcp, codec.fileRequest(OP.SOURCES, other.fileHash), OP.SOURCES);
      await ask(tcp, codec.eventsRequest(0, 0n), OP.EVENTS);
      const changes: Record<string, EcPacket> = {
        TRUST_SET: codec.trustRequest(trustOf(endPoint, [], true)),
        SHARE: codec.shareRequest([{ ...pack, path: '/etc/passwd' }]),
        UNSHARE: codec.filesRequest(OP.UNSHARE, [pack.fileHash]),
        FETCH: codec.fetchRequest(fetchOf(pack, '/etc', [])),
        ADD_SOURCES: codec.addSourcesRequest(other.fileHash, []),
        ASK_NOW: codec.fileRequest(OP.ASK_NOW, other.fileHash),
        INVALIDATE: codec.invalidateRequest(other.fileHash, 0),
        AVOID: codec.avoidRequest(other.fileHash, endPoint, 0),
        CANCEL: codec.fileRequest(OP.CANCEL, other.fileHash),
      };
      for (const [what, request] of Object.entries(changes)) {
        await assert.rejects(
          ask(tcp, request, EC_OP.NOOP),
          (error: Error & { details?: Record<string, unknown> }) =>
            error.details?.['reason'] === 'DENIED',
          what,
        );
      }
      await tcp.close();
      const shared = await core.ec.sharedFiles();
      assert.deepEqual(
        shared.map((file) => file.fileHash),
        [pack.fileHash],
      );
      assert.equal((await core.fetches()).length, 1);
    } finally {
      await site.stop();
    }
  });

  it('asks the kernel who is at the other end', async (test) => {
    const root = temporaryFolder(test);
    const site = await startTestCore('managed', root, loopbackAddress(71));
    try {
      const folder = join(root, 'core');
      const socketPath = join(folder, 'control.sock');
      assert.equal((await stat(folder)).mode & 0o777, 0o700);
      assert.equal((await stat(socketPath)).mode & 0o777, 0o600);
      const own = await connect({ socketPath }, {});
      assert.equal(own.serverVersion, '2.3.3');
      await own.close();
      if (process.getuid?.() !== 0) return;
      assert.equal(await loginAs(0, socketPath), 'granted');
      assert.equal(await loginAs(NOBODY, socketPath), 'EACCES');
      // Even where the folder lets others in.
      for (const path of [root, folder]) await chmod(path, 0o711);
      await chmod(socketPath, 0o666);
      assert.equal(await loginAs(NOBODY, socketPath), 'refused');
      assert.equal((await site.core.info()).version, '2.3.3');
      const refused = (await site.core.ec.log()).filter((line) =>
        line.includes('refused user 65534'),
      );
      assert.equal(refused.length, 1);
    } finally {
      await site.stop();
    }
  });

  it('stays, whatever a request holds', async (test) => {
    const root = temporaryFolder(test);
    const site = await startTestCore('managed', root, loopbackAddress(74));
    try {
      const { boot } = await site.core.info();
      const { exchange } = site.core.ec;
      await exchange({ opcode: EC_OP.RESET_LOG, tags: [] });
      await exchange({ opcode: EC_OP.GET_LAST_LOG_ENTRY, tags: [] });
      for (const tag of [textTag(EC_TAG.PARTFILE, 'no hash'), intTag(EC_TAG.PARTFILE, 7)]) {
        await exchange({ opcode: EC_OP.PARTFILE_PAUSE, tags: [tag] });
        await exchange({ opcode: EC_OP.PARTFILE_DELETE, tags: [tag] });
      }
      assert.equal((await site.core.info()).boot, boot);
    } finally {
      await site.stop();
    }
  });

  it('is not opened in a folder that others can enter', async (test) => {
    const root = temporaryFolder(test);
    await mkdir(join(root, 'core'));
    await chmod(join(root, 'core'), 0o755);
    const starting = startTestCore('managed', root, loopbackAddress(72));
    await assert.rejects(starting, { code: 'ERR_CORE_DIED' });
    assert.match(await readFile(join(root, 'core.log'), 'utf8'), /with mode 0700/);
  });

  it('is not opened over a file that is none of the core', async (test) => {
    const root = temporaryFolder(test);
    await mkdir(join(root, 'core'), { mode: 0o700 });
    await writeFile(join(root, 'core', 'control.sock'), 'a file of somebody');
    const starting = startTestCore('managed', root, loopbackAddress(73));
    await assert.rejects(starting, { code: 'ERR_CORE_DIED' });
    assert.equal(await readFile(join(root, 'core', 'control.sock'), 'utf8'), 'a file of somebody');
  });
});
