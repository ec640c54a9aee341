// SPDX-License-Identifier: GPL-2.0-or-later
// A core of our own in libmulecore.so, loaded by a child process: packets and events pass through
// its C interface, no EC connection is opened. A crash of the core costs the child, not muleplexd.
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Clock } from '../base/clock.ts';
import { ReplicationError, hasCode } from '../base/errors.ts';
import { CORE_START_TIMEOUT_MS } from '../base/limits.ts';
import type { Logger } from '../base/logger.ts';
import type { EcPacket } from '../ec/tag.ts';
import { CoreFolder, openLog } from './core-folder.ts';
import type { CoreFolderInit } from './core-folder.ts';
import { HostLink } from './host-link.ts';
import { forgetProcess, recordProcess, stopRecorded } from './process-record.ts';
import { Supervisor } from './supervisor.ts';
import type { Incarnation } from './supervisor.ts';
import type { CoreTransport, TransportHooks } from './transport.ts';

export interface EmbeddedComponents {
  readonly clock: Clock;
  readonly log: Logger;
}

export interface EmbeddedInit {
  readonly folder: CoreFolderInit;
  /** Absolute path of libmulecore.so. */
  readonly library: string;
  /** What the core prints is appended here. */
  readonly logPath: string;
  /** External connections on 127.0.0.1, for amulecmd and its like; undefined: none. */
  readonly ecPort?: number;
  /** Default: one of our own, in the file ec-password of the folder. */
  readonly ecPassword?: string;
}

const HOST_PATH = fileURLToPath(new URL('./core-host.js', import.meta.url));
/** Between two tries to get a first answer. */
const START_INTERVAL_MS = 50;

export class EmbeddedTransport implements CoreTransport {
  readonly mode = 'embedded';
  readonly pushesEvents = true;

  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #init: EmbeddedInit;
  readonly #folder: CoreFolder;
  readonly #supervisor: Supervisor;
  #hooks: TransportHooks | undefined;
  #host: HostLink | undefined;

  constructor(components: EmbeddedComponents, init: EmbeddedInit) {
    this.#clock = components.clock;
    this.#log = components.log;
    this.#init = init;
    this.#folder = new CoreFolder(init.folder);
    this.#supervisor = new Supervisor(components, (signal) => this.#launch(signal));
  }

  async start(hooks: TransportHooks, signal?: AbortSignal): Promise<void> {
    this.#hooks = hooks;
    const path = this.#init.library;
    await access(path, constants.R_OK).catch((error: unknown) => {
      throw new ReplicationError('ERR_CORE_MISSING', `no library ${path}`, { path }, error);
    });
    await this.#supervisor.start(signal);
  }

  exchange(request: EcPacket): Promise<EcPacket> {
    if (this.#host !== undefined) return this.#host.exchange(request);
    return Promise.reject(new ReplicationError('ERR_CORE_DIED', 'the core does not run'));
  }

  async stop(): Promise<void> {
    await this.#supervisor.stop();
  }

  async #launch(signal: AbortSignal): Promise<Incarnation> {
    const hooks = this.#hooks;
    if (hooks === undefined) throw new Error('start() comes first');
    await stopRecorded(this.#folder.processRecordPath, { clock: this.#clock, log: this.#log });
    signal.throwIfAborted();
    await this.#folder.prepare({ ...this.#init, hasControlSocket: false });
    const child = await this.#fork();
    const host = new HostLink(child, (packet) => hooks.push(packet));
    try {
      if (child.pid !== undefined) await recordProcess(this.#folder.processRecordPath, child.pid);
      const greeting = await Promise.race([this.#greet(host, hooks, signal), host.thrown()]);
      this.#host = host;
      hooks.ready(greeting);
    } catch (error) {
      await host.stop();
      await forgetProcess(this.#folder.processRecordPath);
      throw error;
    }
    return { ended: this.#ended(host), stop: () => host.stop() };
  }

  async #fork(): Promise<ChildProcess> {
    const log = await openLog(this.#init.logPath);
    try {
      const { path } = this.#folder;
      return fork(HOST_PATH, [this.#init.library, path], {
        cwd: path,
        // As for a managed core.
        env: { PATH: process.env['PATH'], LC_ALL: 'C.UTF-8', HOME: path },
        execArgv: [],
        serialization: 'advanced',
        stdio: ['ignore', log.fd, log.fd, 'ipc'],
      });
    } finally {
      await log.close();
    }
  }

  /** Asks until the core answers: it refuses requests while it reads its lists. */
  async #greet(
    host: HostLink,
    hooks: TransportHooks,
    signal: AbortSignal,
  ): ReturnType<TransportHooks['greet']> {
    const deadlineMs = this.#clock.monotonicMs() + CORE_START_TIMEOUT_MS;
    for (;;) {
      try {
        return await hooks.greet((request) => host.exchange(request));
      } catch (error) {
        const isEarly = hasCode(error, 'ERR_CORE_DIED');
        if (!isEarly || this.#clock.monotonicMs() >= deadlineMs) throw error;
      }
      await this.#clock.sleep(START_INTERVAL_MS, signal);
    }
  }

  async #ended(host: HostLink): Promise<string> {
    const reason = await host.ended;
    if (this.#host === host) this.#host = undefined;
    await forgetProcess(this.#folder.processRecordPath);
    return reason;
  }
}
