// SPDX-License-Identifier: GPL-2.0-or-later
// One measured transfer between two fresh cores: from the command to fetch until every pack is
// complete, verified and shared.
import { open, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Network } from '../network.ts';
import { run } from '../run.ts';
import type { Cleanup } from './cleanup.ts';
import { CoreProcess } from './core-process.ts';
import { fetchRequest, type Payload } from './payload.ts';
import { cpuSeconds, peakBytes } from './process-figures.ts';
import { monotonicMs } from './site-messages.ts';

export interface CoreFigures {
  readonly seconds: number;
  /** Until the files and their folder are fsynced once more by us, which finds nothing to do. */
  readonly durableSeconds: number;
  readonly firstByteMs: number;
  readonly cpuSenderSeconds: number;
  readonly cpuReceiverSeconds: number;
  /** Peak of the resident set of the larger of both core processes. */
  readonly peakBytes: number;
}

export interface CoreTransfer {
  readonly network: Network;
  /** Folder with a folder site-<n> for each site. */
  readonly work: string;
  readonly library: string;
  readonly payloads: readonly Payload[];
  readonly limitMs: number;
  readonly cleanup: Cleanup;
}

/** After the start of both cores: their own beginnings are not part of the transfer. */
const SETTLE_MS = 1000;

export async function coreTransfer(init: CoreTransfer): Promise<CoreFigures> {
  const sites: CoreProcess[] = [];
  const folders = [1, 2].map((site) => join(init.work, `site-${site}`, 'run'));
  const end = init.cleanup.add(async () => {
    await Promise.all(sites.map((site) => site.stop()));
    for (const folder of folders) await rm(folder, { recursive: true, force: true });
  });
  try {
    for (const [index, folder] of folders.entries()) {
      const site = new CoreProcess(init.network, { ...init, site: index + 1, folder });
      sites.push(site);
      await site.ready;
    }
    const [sender, receiver] = sites;
    if (sender === undefined || receiver === undefined) throw new Error('two sites are needed');
    return await measure(init, sender, receiver);
  } finally {
    await end();
  }
}

async function measure(
  init: CoreTransfer,
  sender: CoreProcess,
  receiver: CoreProcess,
): Promise<CoreFigures> {
  const { payloads } = init;
  await sender.call('setTrust', [receiver.endPoint]);
  await receiver.call('setTrust', [sender.endPoint]);
  await sender.call('share', payloads);
  await delay(SETTLE_MS);
  const requests = payloads.map((payload) =>
    fetchRequest(payload, receiver.filesFolder, [sender.endPoint]),
  );
  const completed = allComplete(receiver, payloads, init.limitMs);
  const cpuBefore = await bothCpu(sender, receiver);
  const firstByte = receiver.call('firstByte');
  const [orderedMs] = await Promise.all([receiver.call('fetch', requests), completed]);
  const states = await receiver.call('fetches');
  const endedMs = monotonicMs();
  const open = states.filter(({ state }) => state !== 'complete');
  if (open.length > 0) throw new Error(`${open.length} packs are not complete and shared`);
  const cpuAfter = await bothCpu(sender, receiver);
  const peaks = await Promise.all([peakBytes(sender.corePid), peakBytes(receiver.corePid)]);
  const syncMs = await syncAll(requests.map(({ path }) => path));
  for (const [index, { path }] of requests.entries()) {
    await run(['cmp', payloads[index]?.path ?? '', path]);
  }
  return {
    seconds: (endedMs - orderedMs) / 1000,
    durableSeconds: (endedMs - orderedMs + syncMs) / 1000,
    firstByteMs: (await firstByte) - orderedMs,
    cpuSenderSeconds: cpuAfter[0] - cpuBefore[0],
    cpuReceiverSeconds: cpuAfter[1] - cpuBefore[1],
    peakBytes: Math.max(...peaks),
  };
}

/** Resolves when the receiver has reported each pack as complete. */
function allComplete(
  receiver: CoreProcess,
  payloads: readonly Payload[],
  limitMs: number,
): Promise<void> {
  const missing = new Set(payloads.map(({ fileHash }) => fileHash));
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Error(`${missing.size} packs are not complete after ${limitMs / 1000} s`));
    }, limitMs);
    receiver.onEvent(({ event }) => {
      if (event.kind === 'fileError') reject(new Error(event.text));
      if (event.kind !== 'fileComplete') return;
      missing.delete(event.fileHash);
      if (missing.size > 0) return;
      clearTimeout(timer);
      resolve();
    });
  });
}

async function bothCpu(sender: CoreProcess, receiver: CoreProcess): Promise<[number, number]> {
  return [await cpuSeconds(sender.corePid), await cpuSeconds(receiver.corePid)];
}

/** Milliseconds that it takes to fsync the files and their folders. */
async function syncAll(paths: readonly string[]): Promise<number> {
  const began = monotonicMs();
  for (const path of [...paths, ...new Set(paths.map((file) => dirname(file)))]) {
    const handle = await open(path, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }
  return monotonicMs() - began;
}
