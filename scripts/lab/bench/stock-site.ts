// SPDX-License-Identifier: GPL-2.0-or-later
// Main file of a process inside a site's namespaces: one stock amuled, driven over EC. Arguments:
// the daemon's folder, its address, then `share SECONDS` (waits until it shares a file, prints
// "shared", ends with stdin) or `fetch SECONDS LINK` (prints the bytes it has after so long).
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../../../src/base/errors.ts';
import { amuleConf } from '../../../src/core/amule-conf.ts';
import { EcClient } from '../../../src/ec/client.ts';

const EC = { port: 4712, password: 'stock' };
const PORT = 4662;
const START_LIMIT_MS = 20_000;
const POLL_MS = 100;

async function startDaemon(folder: string, address: string): Promise<ChildProcess> {
  const [tempPath, incomingPath] = [join(folder, 'Temp'), join(folder, 'Incoming')];
  for (const path of [tempPath, incomingPath]) await mkdir(path, { recursive: true });
  const conf = amuleConf({ tempPath, incomingPath, address, port: PORT, ec: EC });
  // Stock amuled's "unlimited" ramps up for minutes; this is the most that it can be told.
  await writeFile(join(folder, 'amule.conf'), conf.replace('MaxUpload=0', 'MaxUpload=65535'));
  const args = ['--pdeathsig', 'KILL', '/usr/bin/amuled', '-c', folder, '-o'];
  return spawn('setpriv', args, {
    env: { PATH: process.env['PATH'], LC_ALL: 'C.UTF-8', HOME: folder },
    stdio: 'ignore',
  });
}

async function connect(): Promise<EcClient> {
  const deadline = Date.now() + START_LIMIT_MS;
  for (;;) {
    try {
      return await EcClient.connect({
        address: { host: '127.0.0.1', port: EC.port },
        ...{ password: EC.password, clientName: 'bench', clientVersion: '1' },
        ...{ zlib: false, utf8Numbers: false },
      });
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await delay(POLL_MS);
    }
  }
}

async function main(verb: string, seconds: number, link: string): Promise<void> {
  const client = await connect();
  const deadline = Date.now() + seconds * 1000;
  if (verb === 'share') {
    while ((await client.sharedFiles()).length === 0) {
      if (Date.now() > deadline) throw new Error('a stock amuled does not share its file');
      await delay(POLL_MS);
    }
    process.stdout.write('shared\n');
    process.stdin.resume();
    await once(process.stdin, 'end');
    return;
  }
  const began = Date.now();
  await client.addLink(link);
  let bytes = 0;
  let took = 0;
  while (Date.now() < deadline) {
    const [download] = await client.downloads();
    took = (Date.now() - began) / 1000;
    // A download that is no longer listed is complete.
    if (download === undefined) break;
    bytes = download.bytesDone;
    await delay(POLL_MS);
  }
  const isComplete = (await client.downloads()).length === 0;
  process.stdout.write(`${JSON.stringify({ bytes, seconds: took, isComplete })}\n`);
}

const [folder = '', address = '', verb = '', seconds = '', link = ''] = process.argv.slice(2);
process.on('SIGINT', () => undefined);
const daemon = await startDaemon(folder, address);
try {
  await main(verb, Number(seconds), link);
} catch (error) {
  process.stderr.write(`stock: ${messageOf(error)}\n`);
  process.exitCode = 1;
}
daemon.kill('SIGKILL');
process.exit();
