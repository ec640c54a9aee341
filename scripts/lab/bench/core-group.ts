// SPDX-License-Identifier: GPL-2.0-or-later
// Fresh cores, one a site, that all trust each other; gone when what they are for is done.
import { rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Network } from '../network.ts';
import { trustOf } from '../trust.ts';
import type { Cleanup } from './cleanup.ts';
import { CoreProcess } from './core-process.ts';
import type { Payload } from './payload.ts';

export interface CoreGroupInit {
  readonly network: Network;
  /** Folder with a folder site-<n> for each site. */
  readonly work: string;
  /** Absolute path of libmulecore.so. */
  readonly library: string;
  readonly cleanup: Cleanup;
}

/** After the start of the cores: their own beginnings are not part of what is measured. */
const SETTLE_MS = 1000;

/** Calls use with cores of the sites 1 to count, of which the sharing ones share the payloads. */
export async function withCores<Result>(
  init: CoreGroupInit,
  roles: {
    readonly count: number;
    readonly sharing: number;
    readonly payloads: readonly Payload[];
  },
  use: (sites: readonly CoreProcess[]) => Promise<Result>,
): Promise<Result> {
  const sites: CoreProcess[] = [];
  const numbers = Array.from({ length: roles.count }, (_, index) => index + 1);
  const folderOf = (site: number): string => join(init.work, `site-${site}`, 'run');
  const end = init.cleanup.add(async () => {
    await Promise.all(sites.map((site) => site.stop()));
    for (const site of numbers) await rm(folderOf(site), { recursive: true, force: true });
  });
  try {
    for (const site of numbers) {
      sites.push(new CoreProcess(init.network, { ...init, site, folder: folderOf(site) }));
    }
    await Promise.all(sites.map(({ ready }) => ready));
    for (const site of sites) {
      const others = sites.filter((other) => other !== site).map(({ endPoint }) => endPoint);
      await site.call('setTrust', trustOf(site.endPoint, others));
    }
    for (const [index, site] of sites.slice(0, roles.sharing).entries()) {
      const placed = (payload: Payload): Payload => payloadAt(init.work, payload, index + 1);
      await site.call('share', roles.payloads.map(placed));
    }
    await delay(SETTLE_MS);
    return await use(sites);
  } finally {
    await end();
  }
}

/** The payload of site 1 at the same place in another site, which sees only its own folder. */
export function payloadAt(work: string, payload: Payload, site: number): Payload {
  const place = relative(join(work, 'site-1'), payload.path);
  return { ...payload, path: join(work, `site-${site}`, place) };
}

/** When the receiver has reported each payload as complete, in monotonic milliseconds. */
export function allComplete(
  receiver: CoreProcess,
  payloads: readonly Payload[],
  limitMs: number,
): Promise<number> {
  const missing = new Set(payloads.map(({ fileHash }) => fileHash));
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Error(`${missing.size} packs are not complete after ${limitMs / 1000} s`));
    }, limitMs);
    receiver.onEvent(({ event, atMs }) => {
      if (event.kind === 'fileError') reject(new Error(event.text));
      if (event.kind !== 'fileComplete') return;
      missing.delete(event.fileHash);
      if (missing.size > 0) return;
      clearTimeout(timer);
      resolve(atMs);
    });
  });
}
