// SPDX-License-Identifier: GPL-2.0-or-later
// The plain reference beside the demo's figures: rsync pushes the same tree to each follower at
// once, over the same shaped links.
import { spawn } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Network } from './network.ts';

const PORT = 8730;
const START_LIMIT_MS = 5000;

/** Seconds until the last of the receiving sites has all of source; their copies are removed. */
export async function rsyncSeconds(
  network: Network,
  source: string,
  receivers: readonly { readonly site: number; readonly folder: string }[],
): Promise<number> {
  const servers = await Promise.all(
    receivers.map(async ({ site, folder }) => {
      const target = join(folder, 'rsync');
      await mkdir(target, { recursive: true });
      const config = join(folder, 'rsyncd.conf');
      const text = `use chroot = no\nuid = 0\ngid = 0\n[copy]\npath = ${target}\nread only = no\n`;
      await writeFile(config, text);
      const [program, ...args] = network.command(site, [
        ...['rsync', '--daemon', '--no-detach', `--config=${config}`],
        ...[`--address=${network.address(site)}`, `--port=${PORT}`],
      ]);
      return { target, config, child: spawn(program ?? '', args, { stdio: 'ignore' }) };
    }),
  );
  try {
    const began = performance.now();
    await Promise.all(receivers.map(({ site }) => push(network, source, network.address(site))));
    return (performance.now() - began) / 1000;
  } finally {
    for (const { child, target, config } of servers) {
      child.kill('SIGTERM');
      await rm(target, { recursive: true, force: true });
      await rm(config, { force: true });
    }
  }
}

async function push(network: Network, source: string, address: string): Promise<void> {
  const [program, ...args] = network.command(1, [
    ...['rsync', '-aHAX', `${source}/`, `rsync://${address}:${PORT}/copy/`],
  ]);
  const deadline = performance.now() + START_LIMIT_MS;
  for (;;) {
    const code = await new Promise<number | null>((resolve, reject) => {
      const child = spawn(program ?? '', args, { stdio: 'ignore' });
      child.once('error', reject);
      child.once('close', resolve);
    });
    if (code === 0) return;
    // 10: the daemon does not listen yet.
    if (code !== 10 || performance.now() > deadline) throw new Error(`rsync ended with ${code}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
