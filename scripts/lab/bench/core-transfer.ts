// SPDX-License-Identifier: GPL-2.0-or-later
// One measured transfer between two fresh cores: from the command to fetch until every pack is
// complete, verified and shared.
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { run } from '../run.ts';
import { allComplete, type CoreGroupInit, withCores } from './core-group.ts';
import type { CoreProcess } from './core-process.ts';
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

export interface CoreTransfer extends CoreGroupInit {
  readonly payloads: readonly Payload[];
  readonly limitMs: number;
}

export async function coreTransfer(init: CoreTransfer): Promise<CoreFigures> {
  const roles = { count: 2, sharing: 1, payloads: init.payloads };
  return withCores(init, roles, async ([sender, receiver]) => {
    if (sender === undefined || receiver === undefined) throw new Error('two sites are needed');
    return measure(init, sender, receiver);
  });
}

async function measure(
  init: CoreTransfer,
  sender: CoreProcess,
  receiver: CoreProcess,
): Promise<CoreFigures> {
  const { payloads } = init;
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
