// SPDX-License-Identifier: GPL-2.0-or-later
// Real cores for tests, in any of the three modes, each at its own loopback address.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../src/base/clock.ts';
import { createLogger } from '../../src/base/logger.ts';
import { amuleConf } from '../../src/core/amule-conf.ts';
import type { CoreLimits } from '../../src/core/amule-conf.ts';
import { ControlCore } from '../../src/core/control-core.ts';
import type { Core, CoreEvent, CoreMode, EndPoint } from '../../src/core/core.ts';
import { EmbeddedTransport } from '../../src/core/embedded.ts';
import { ExternalTransport } from '../../src/core/external.ts';
import { ManagedTransport } from '../../src/core/managed.ts';
import type { CoreTransport } from '../../src/core/transport.ts';
import { coreFile } from './core-build.ts';
import { Watchers } from './watchers.ts';

const PORT = 4662;
const EVENT_TIMEOUT_MS = 60_000;

export interface TestCore {
  readonly core: Core;
  readonly endPoint: EndPoint;
  /** For files of the test; on the file system of the core's part files. */
  readonly folder: string;
  readonly events: EventLog;
  /** kill -9 of the process that runs the core; in external mode the admin starts it again. */
  readonly kill: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** Loopback addresses that tests in other processes do not use. */
export function loopbackAddress(index: number): string {
  return `127.${100 + (process.pid % 100)}.${(process.pid >> 8) % 256}.${index + 1}`;
}

/** Everything a core reported since it was made. */
export class EventLog {
  readonly events: CoreEvent[] = [];
  restartCount = 0;
  readonly #watchers = new Watchers();

  constructor(core: Core) {
    core.onEvent((event) => {
      this.events.push(event);
      this.#watchers.notify();
    });
    core.onRestart(() => {
      this.restartCount += 1;
      this.#watchers.notify();
    });
  }

  /** Resolves when the condition holds, which is looked at after each event; `what` names it. */
  until(what: string, condition: () => boolean): Promise<void> {
    const message = `not within ${EVENT_TIMEOUT_MS} ms: ${what}`;
    return this.#watchers.until(condition, EVENT_TIMEOUT_MS, message);
  }

  /** Parts of the file that were reported as verified. */
  verifiedParts(fileHash: string): Set<number> {
    const parts = this.events.flatMap((event) =>
      event.kind === 'partVerified' && event.fileHash === fileHash ? [event.partIndex] : [],
    );
    return new Set(parts);
  }

  isComplete(fileHash: string): boolean {
    return this.events.some(
      (event) => event.kind === 'fileComplete' && event.fileHash === fileHash,
    );
  }

  /** True when every known source of the part is avoided. */
  isUnavailable(fileHash: string, partIndex: number): boolean {
    return this.events.some(
      (event) =>
        event.kind === 'partUnavailable' &&
        event.fileHash === fileHash &&
        event.partIndex === partIndex,
    );
  }

  corruptParts(fileHash: string): { partIndex: number; sources: readonly EndPoint[] }[] {
    return this.events.flatMap((event) =>
      event.kind === 'partCorrupt' && event.fileHash === fileHash ? [event] : [],
    );
  }
}

/**
 * Starts a core in that mode; `root` is a folder of its own. `ecPort` is for programs of aMule, its
 * password is in root/core/ec-password. `limits` hold for cores of our own.
 */
export async function startTestCore(
  mode: CoreMode,
  root: string,
  address: string,
  ecPort?: number,
  limits: CoreLimits = { upload: 0, download: 0 },
): Promise<TestCore> {
  const folder = join(root, 'files');
  const logPath = join(root, 'core.log');
  await mkdir(folder, { recursive: true });
  const admin = mode === 'external' ? await Admin.start(root, address, folder) : undefined;
  const log = createLogger({ level: 'debug', file: join(root, 'muleplexd.log') });
  const components = { clock: systemClock, log };
  const path = join(root, 'core');
  const coreFolder = { path, address, port: PORT, limits, storeRoot: folder };
  const transport = ((): CoreTransport => {
    if (admin !== undefined) return new ExternalTransport(components, admin);
    const own = { folder: coreFolder, logPath, ...(ecPort === undefined ? {} : { ecPort }) };
    if (mode === 'managed') {
      return new ManagedTransport(components, { ...own, program: coreFile('amuled') });
    }
    return new EmbeddedTransport(components, { ...own, library: coreFile('libmulecore.so') });
  })();
  const core = new ControlCore({ transport, ...components });
  await core.start(AbortSignal.timeout(EVENT_TIMEOUT_MS));
  return {
    core,
    endPoint: { host: address, port: PORT },
    folder,
    events: new EventLog(core),
    kill: async () => {
      if (admin !== undefined) await admin.restart();
      else process.kill(await recordedPid(coreFolder.path), 'SIGKILL');
    },
    stop: async () => {
      await core.stop();
      await admin?.stop();
    },
  };
}

/** Of the process that runs the core; rejects when none is recorded. */
export async function recordedPid(coreFolder: string): Promise<number> {
  return Number.parseInt(await readFile(join(coreFolder, 'process'), 'latin1'), 10);
}

/** Somebody who runs a patched amuled with a share of his own. */
class Admin {
  readonly socketPath: string;
  readonly #home: string;
  #child: ChildProcess | undefined;

  private constructor(home: string) {
    this.#home = home;
    this.socketPath = join(home, 'muleplex.sock');
  }

  static async start(root: string, address: string, storeRoot: string): Promise<Admin> {
    const home = join(root, 'admin');
    const [tempPath, incomingPath] = [join(home, 'Temp'), join(home, 'Incoming')];
    await mkdir(home, { mode: 0o700 });
    for (const folder of [tempPath, incomingPath]) await mkdir(folder);
    await writeFile(join(incomingPath, FOREIGN_SHARE), 'a share of the admin');
    const admin = new Admin(home);
    const conf = amuleConf({
      ...{ tempPath, incomingPath, address, port: PORT, ec: undefined },
      ...{ controlSocketPath: admin.socketPath, storeRoot },
    });
    await writeFile(join(home, 'amule.conf'), conf.replace('Nick=muleplex', 'Nick=admin'));
    admin.#spawn();
    return admin;
  }

  async restart(): Promise<void> {
    await this.#end('SIGKILL');
    this.#spawn();
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  #spawn(): void {
    const args = ['-c', this.#home, '-o'];
    this.#child = spawn('/usr/bin/setpriv', ['--pdeathsig', 'TERM', coreFile('amuled'), ...args], {
      env: { PATH: process.env['PATH'], LC_ALL: 'C.UTF-8', HOME: this.#home },
      stdio: 'ignore',
    });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child?.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill(signal);
    await exit;
  }
}

/** Name of the file that the admin of an external core shares. */
export const FOREIGN_SHARE = 'foreign share.txt';
