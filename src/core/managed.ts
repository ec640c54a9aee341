// SPDX-License-Identifier: GPL-2.0-or-later
// A core of our own in amuled, driven over EC on a Unix socket. It ends with us: the kernel ends it
// when this process is killed, and the next start ends what is left all the same.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import type { Clock } from '../base/clock.ts';
import { ReplicationError } from '../base/errors.ts';
import { CORE_START_TIMEOUT_MS } from '../base/limits.ts';
import type { Logger } from '../base/logger.ts';
import type { EcPacket } from '../ec/tag.ts';
import { ChildLife } from './child-life.ts';
import { CoreFolder, openLog } from './core-folder.ts';
import type { CoreFolderInit } from './core-folder.ts';
import { EcLink, coreConnection } from './ec-link.ts';
import { forgetProcess, recordProcess, stopRecorded } from './process-record.ts';
import { Supervisor } from './supervisor.ts';
import type { Incarnation } from './supervisor.ts';
import type { CoreTransport, TransportHooks } from './transport.ts';

export interface ManagedComponents {
  readonly clock: Clock;
  readonly log: Logger;
}

export interface ManagedInit {
  readonly folder: CoreFolderInit;
  /** Absolute path of the patched amuled. */
  readonly program: string;
  /** What the core prints is appended here. */
  readonly logPath: string;
  /** External connections on 127.0.0.1, for amulecmd and its like; undefined: none. */
  readonly ecPort?: number;
  /** Default: one of our own, in the file ec-password of the folder. */
  readonly ecPassword?: string;
}

/** Ends the core when this process ends, also by kill -9; a part of util-linux. */
const SETPRIV = '/usr/bin/setpriv';

export class ManagedTransport implements CoreTransport {
  readonly mode = 'managed';
  readonly pushesEvents = false;

  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #init: ManagedInit;
  readonly #folder: CoreFolder;
  readonly #supervisor: Supervisor;
  #hooks: TransportHooks | undefined;
  #link: EcLink | undefined;

  constructor(components: ManagedComponents, init: ManagedInit) {
    this.#clock = components.clock;
    this.#log = components.log;
    this.#init = init;
    this.#folder = new CoreFolder(init.folder);
    this.#supervisor = new Supervisor(components, (signal) => this.#launch(signal));
  }

  async start(hooks: TransportHooks, signal?: AbortSignal): Promise<void> {
    this.#hooks = hooks;
    for (const path of [this.#init.program, SETPRIV]) {
      await access(path, constants.X_OK).catch((error: unknown) => {
        throw new ReplicationError('ERR_CORE_MISSING', `no program ${path}`, { path }, error);
      });
    }
    await this.#supervisor.start(signal);
  }

  exchange(request: EcPacket): Promise<EcPacket> {
    if (this.#link !== undefined) return this.#link.exchange(request);
    return Promise.reject(new ReplicationError('ERR_CORE_DIED', 'the core does not run'));
  }

  async stop(): Promise<void> {
    await this.#supervisor.stop();
  }

  async #launch(signal: AbortSignal): Promise<Incarnation> {
    await stopRecorded(this.#folder.processRecordPath, { clock: this.#clock, log: this.#log });
    signal.throwIfAborted();
    await this.#folder.prepare({ ...this.#init, hasControlSocket: true });
    const child = await this.#spawn();
    const life = new ChildLife(child);
    const link = this.#openLink();
    try {
      if (child.pid !== undefined) await recordProcess(this.#folder.processRecordPath, child.pid);
      await Promise.race([link.open(signal), life.thrown()]);
    } catch (error) {
      await this.#end(link, () => life.terminate());
      throw error;
    }
    return this.#incarnation(link, life);
  }

  async #spawn(): Promise<ChildProcess> {
    const log = await openLog(this.#init.logPath);
    try {
      const { path } = this.#folder;
      const core = [this.#init.program, '-c', path, '-o'];
      return spawn(SETPRIV, ['--pdeathsig', 'TERM', '--', ...core], {
        cwd: path,
        // UTF-8, so that names of files are what they are; a home, so that none of the user's is
        // touched.
        env: { PATH: process.env['PATH'], LC_ALL: 'C.UTF-8', HOME: path },
        stdio: ['ignore', log.fd, log.fd],
      });
    } finally {
      await log.close();
    }
  }

  #openLink(): EcLink {
    const hooks = this.#hooks;
    if (hooks === undefined) throw new Error('start() comes first');
    const connection = coreConnection(this.#folder.controlSocketPath);
    const components = { clock: this.#clock, log: this.#log, hooks };
    this.#link = new EcLink(components, { connection, patienceMs: CORE_START_TIMEOUT_MS });
    return this.#link;
  }

  /** Ends with the process, or with a process that no longer answers. */
  #incarnation(link: EcLink, life: ChildLife): Incarnation {
    const ended = (async () => {
      const reason = await Promise.race([
        life.ended,
        link.ended.then((error) => error?.message ?? 'stopped'),
      ]);
      await this.#end(link, () => life.kill());
      return reason;
    })();
    return {
      ended,
      stop: async () => {
        await life.terminate();
        await ended;
      },
    };
  }

  async #end(link: EcLink, endProcess: () => Promise<void>): Promise<void> {
    await link.close();
    await endProcess();
    if (this.#link === link) this.#link = undefined;
    await forgetProcess(this.#folder.processRecordPath);
  }
}
