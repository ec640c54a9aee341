// SPDX-License-Identifier: GPL-2.0-or-later
// What two stock amuled (Debian's amule-daemon) move between the same two sites, capped in time.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { link, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { formatEd2kLink } from '../../../src/ed2k/link.ts';
import type { Network } from '../network.ts';
import type { Cleanup } from './cleanup.ts';
import type { Payload } from './payload.ts';

const MAIN = fileURLToPath(new URL('./stock-site.js', import.meta.url));
/** Where Debian's package puts it. */
const PROGRAM = '/usr/bin/amuled';
const PORT = 4662;
/** It hashes what it shares first, on its main thread. */
const SHARE_SECONDS_MAX = 120;
const FETCH_SECONDS = 30;

export interface StockFigures {
  readonly bytes: number;
  readonly seconds: number;
}

export interface StockInit {
  readonly network: Network;
  readonly work: string;
  readonly payload: Payload;
  readonly cleanup: Cleanup;
}

/** Undefined when there is no stock amuled on this machine. */
export async function stockTransfer(init: StockInit): Promise<StockFigures | undefined> {
  if (!existsSync(PROGRAM)) return undefined;
  const folders = [1, 2].map((site) => join(init.work, `site-${site}`, 'stock'));
  const [sender = '', receiver = ''] = folders;
  const children: ChildProcess[] = [];
  const end = init.cleanup.add(async () => {
    for (const child of children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    }
    for (const folder of folders) await rm(folder, { recursive: true, force: true });
  });
  try {
    await mkdir(join(sender, 'Incoming'), { recursive: true });
    await mkdir(receiver, { recursive: true });
    await link(init.payload.path, join(sender, 'Incoming', 'payload'));
    const sharing = start(init.network, 1, [sender, 'share', String(SHARE_SECONDS_MAX)]);
    children.push(sharing);
    await firstLine(sharing);
    const fetching = start(init.network, 2, [
      ...[receiver, 'fetch', String(FETCH_SECONDS), linkTo(init)],
    ]);
    children.push(fetching);
    return figures(await firstLine(fetching), init.payload.size);
  } finally {
    await end();
  }
}

function start(network: Network, site: number, args: readonly string[]): ChildProcess {
  const [folder = '', ...rest] = args;
  const [program = '', ...argv] = network.command(site, [
    ...[process.execPath, '--enable-source-maps', MAIN, folder, network.address(site), ...rest],
  ]);
  return spawn(program, argv, { stdio: ['pipe', 'pipe', 'inherit'] });
}

function linkTo({ network, payload }: StockInit): string {
  const { size, fileHash, aichRoot, partHashes } = payload;
  const sources = [{ host: network.address(1), port: PORT }];
  return formatEd2kLink({ name: 'payload', size, fileHash, aichRoot, partHashes, sources });
}

function figures(line: string, size: number): StockFigures {
  const { bytes, seconds, isComplete } = JSON.parse(line) as {
    bytes: number;
    seconds: number;
    isComplete: boolean;
  };
  return { bytes: isComplete ? size : bytes, seconds };
}

function firstLine(child: ChildProcess): Promise<string> {
  let text = '';
  return new Promise((resolve, reject) => {
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      const end = text.indexOf('\n');
      if (end >= 0) resolve(text.slice(0, end));
    });
    child.once('error', reject);
    child.once('exit', () => reject(new Error('a stock amuled could not be driven')));
  });
}
