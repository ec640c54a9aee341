// SPDX-License-Identifier: GPL-2.0-or-later
// Live progress of all sites: one line a second, rewritten on a terminal.
import type { Site } from './site.ts';
import type { Transfers } from './figures.ts';

const TERMINAL_INTERVAL_MS = 1000;
const LOG_INTERVAL_MS = 5000;

/** Calls show with one line for all sites until the returned function is called. */
export function watchSites(
  sites: readonly Site[],
  onTransfers: (site: Site, transfers: Transfers) => void,
): () => Promise<void> {
  const terminal = process.stderr.isTTY;
  const stopped = new AbortController();
  let shownMs = 0;
  const loop = async (): Promise<void> => {
    while (!stopped.signal.aborted) {
      const parts = await Promise.all(sites.map((site) => describe(site, onTransfers)));
      const now = performance.now();
      if (terminal || now - shownMs >= LOG_INTERVAL_MS) {
        shownMs = now;
        const line = parts.join('   ');
        process.stderr.write(terminal ? `\r\x1b[K${line}` : `${line}\n`);
      }
      await new Promise((resolve) => setTimeout(resolve, TERMINAL_INTERVAL_MS));
    }
    if (terminal) process.stderr.write('\r\x1b[K');
  };
  const running = loop();
  return async () => {
    stopped.abort();
    await running;
  };
}

async function describe(
  site: Site,
  onTransfers: (site: Site, transfers: Transfers) => void,
): Promise<string> {
  const answer = await site.ask('transfers').catch(() => undefined);
  if (answer === undefined) return `${site.name}: no answer`;
  const transfers = answer as Transfers;
  onTransfers(site, transfers);
  const size = sum(transfers.transfers.map((transfer) => transfer.size));
  if (size === 0) return `${site.name}: idle`;
  const done = sum(transfers.transfers.map((transfer) => transfer.bytesDone));
  const rate = sum(transfers.transfers.map((transfer) => transfer.rate));
  return `${site.name}: ${Math.floor((100 * done) / size)} % of ${mb(size)} at ${mb(rate)}/s`;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function mb(bytes: number): string {
  return `${(bytes / 1e6).toFixed(0)} MB`;
}
