// SPDX-License-Identifier: GPL-2.0-or-later
// Main file of a process inside a site's namespaces: runs one embedded core the way muleplexd does,
// and does what the benchmark asks. Arguments: folder, address, port, library of the core.
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../../../src/base/clock.ts';
import { messageOf } from '../../../src/base/errors.ts';
import { createLogger } from '../../../src/base/logger.ts';
import { ControlCore } from '../../../src/core/control-core.ts';
import type { Core, FetchRequest, FetchState, SourceState } from '../../../src/core/core.ts';
import { EmbeddedTransport } from '../../../src/core/embedded.ts';
import { monotonicMs } from './site-messages.ts';
import type {
  FetchFigures,
  SiteCalls,
  SiteMessage,
  SiteRequest,
  SourceFigures,
} from './site-messages.ts';

const FIRST_BYTE_INTERVAL_MS = 5;

type Handlers = {
  readonly [Method in keyof SiteCalls]: (
    ...args: Parameters<SiteCalls[Method]>
  ) => Promise<ReturnType<SiteCalls[Method]>>;
};

function tell(message: SiteMessage): void {
  if (process.connected) process.send?.(message);
}

function handlersOf(core: Core): Handlers {
  const done = async (work: Promise<void>): Promise<null> => {
    await work;
    return null;
  };
  return {
    setTrust: (trust) => done(core.setTrust(trust)),
    share: (packs) => done(core.share(packs)),
    fetch: (requests) => fetchAll(core, requests),
    fetches: async () => (await core.fetches()).map(fetchFigures),
    sources: async (fileHash) => (await core.sources(fileHash)).map(sourceFigures),
    clients: () => core.clients(),
    firstByte: () => firstByte(core),
    stop: () => done(core.stop()),
  };
}

function fetchFigures({ fileHash, state, size, bytesDone }: FetchState): FetchFigures {
  return { fileHash, state, size, bytesDone };
}

function sourceFigures({ source, state, bytesDown, rate }: SourceState): SourceFigures {
  return { source, state, bytesDown, rate };
}

async function fetchAll(core: Core, requests: readonly FetchRequest[]): Promise<number> {
  const orderedMs = monotonicMs();
  for (const request of requests) await core.fetch(request);
  return orderedMs;
}

async function firstByte(core: Core): Promise<number> {
  for (;;) {
    const clients = await core.clients();
    if (clients.some(({ bytesDown }) => bytesDown > 0)) return monotonicMs();
    await delay(FIRST_BYTE_INTERVAL_MS);
  }
}

async function answer(handlers: Handlers, request: SiteRequest): Promise<void> {
  const { id, method, argument } = request;
  const handler = handlers[method] as (argument: unknown) => Promise<unknown>;
  try {
    tell({ kind: 'answer', id, value: await handler(argument) });
  } catch (error) {
    tell({ kind: 'failed', id, text: messageOf(error) });
  }
}

async function main(folder: string, address: string, port: number, library: string): Promise<void> {
  await mkdir(join(folder, 'files'), { recursive: true });
  const log = createLogger({ level: 'info', file: join(folder, 'site.log') });
  const components = { clock: systemClock, log };
  const coreFolder = { path: join(folder, 'core'), address, port };
  const logPath = join(folder, 'core.log');
  const transport = new EmbeddedTransport(components, { folder: coreFolder, library, logPath });
  const core = new ControlCore({ transport, ...components });
  // A terminal sends it to the whole group: the benchmark decides in which order things end.
  process.on('SIGINT', () => undefined);
  process.once('SIGTERM', () => process.disconnect());
  process.once('disconnect', () => void core.stop().finally(() => process.exit()));
  await core.start();
  core.onEvent((event) => tell({ kind: 'event', atMs: monotonicMs(), event }));
  const handlers = handlersOf(core);
  process.on('message', (request) => void answer(handlers, request as SiteRequest));
  const corePid = Number.parseInt(await readFile(join(coreFolder.path, 'process'), 'latin1'), 10);
  tell({ kind: 'ready', corePid });
}

const [folder = '', address = '', port = '', library = ''] = process.argv.slice(2);
try {
  await main(folder, address, Number(port), library);
} catch (error) {
  tell({ kind: 'failed', id: null, text: messageOf(error) });
  process.exitCode = 1;
  process.disconnect();
}
