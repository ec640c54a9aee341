// SPDX-License-Identifier: GPL-2.0-or-later
// Real sites for integration tests: namespaces, daemons, patched cores, all gone when a test ends.
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createNetwork, type Network } from '../../scripts/lab/network.ts';
import { Site, type CoreMode } from '../../scripts/lab/site.ts';

export interface Lab {
  readonly network: Network;
  readonly sites: readonly Site[];
  /** Folder with a folder site-<n> for each site. */
  readonly work: string;
}

export interface LabInit {
  readonly modes?: readonly CoreMode[];
  readonly rateMbit?: number;
  /** Data set that all sites but the first follow, to replica. */
  readonly dataset?: string;
  /** Called with each site after init and before its daemon starts. */
  readonly prepare?: (site: Site, network: Network) => Promise<void>;
}

/** Starts sites that all know each other; those after the first follow the data set. */
export async function startLab(t: TestContext, init: LabInit = {}): Promise<Lab> {
  const modes = init.modes ?? ['embedded', 'managed', 'managed'];
  const work = await mkdtemp('/var/tmp/muleplex-test-');
  const network = await createNetwork({
    sites: modes.length,
    work,
    inputs: [],
    rateMbit: init.rateMbit ?? 1000,
  });
  const sites = modes.map(
    (core, index) =>
      new Site(network, { site: index + 1, folder: join(work, `site-${index + 1}`), core }),
  );
  t.after(async () => {
    await Promise.allSettled(sites.map((site) => site.stop()));
    await network.destroy();
    if (process.env['KEEP_LAB'] === undefined) await rm(work, { recursive: true, force: true });
  });
  const cards = await Promise.all(sites.map((site) => site.init()));
  await Promise.all(
    sites.map(async (site, own) => {
      for (const [other, card] of cards.entries()) {
        if (other !== own) await site.succeed(['peer', 'add', card]);
      }
      await init.prepare?.(site, network);
      await site.start();
      if (init.dataset !== undefined && own > 0) {
        await site.succeed(['follow', init.dataset, '--to', replicaOf(site)]);
      }
    }),
  );
  return { network, sites, work };
}

/** The site with that number, from 1. */
export function siteAt(lab: Lab, site: number): Site {
  const found = lab.sites[site - 1];
  if (found === undefined) throw new Error(`there is no site ${site}`);
  return found;
}

export function replicaOf(site: Site): string {
  return join(site.folder, 'replica');
}

/** Process id of the core that the site's daemon runs now, once there is one. */
export async function corePid(site: Site): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const children = await childrenOf(site.pid);
    const [child] = children;
    if (child !== undefined) return child;
    await delay(100);
  }
  throw new Error(`${site.name} has no core process`);
}

async function childrenOf(pid: number | undefined): Promise<readonly number[]> {
  if (pid === undefined) return [];
  const tasks = await readdir(`/proc/${pid}/task`).catch(() => []);
  const lists = await Promise.all(
    tasks.map((task) => readFile(`/proc/${pid}/task/${task}/children`, 'utf8').catch(() => '')),
  );
  return lists.join(' ').split(' ').filter(Boolean).map(Number);
}

/** Waits until condition returns a value other than undefined; fails after limitMs. */
export async function eventually<T>(
  what: string,
  condition: () => Promise<T | undefined>,
  limitMs = 60_000,
  intervalMs = 200,
): Promise<T> {
  const deadline = Date.now() + limitMs;
  for (;;) {
    const value = await condition();
    if (value !== undefined) return value;
    if (Date.now() > deadline) throw new Error(`${what}: not within ${limitMs} ms`);
    await delay(intervalMs);
  }
}
