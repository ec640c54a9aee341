// SPDX-License-Identifier: GPL-2.0-or-later
// The end of a child process: awaited, brought about, and described.
import type { ChildProcess } from 'node:child_process';
import { ReplicationError } from '../base/errors.ts';
import { CORE_STOP_TIMEOUT_MS } from '../base/limits.ts';

export class ChildLife {
  /** Resolves when the process is gone, with how it ended. */
  readonly ended: Promise<string>;
  readonly #child: ChildProcess;

  /** Listens from now on, so the child must be new. */
  constructor(child: ChildProcess) {
    this.#child = child;
    this.ended = new Promise((resolve) => {
      // Also comes from a signal or message that cannot be sent, which ends nothing.
      child.on('error', (error) => {
        if (child.pid === undefined) resolve(error.message);
      });
      child.once('exit', (code, signal) => {
        resolve(signal === null ? `exit status ${code ?? 0}` : `killed by ${signal}`);
      });
    });
  }

  /** Rejects with ERR_CORE_DIED when the process ends. */
  async thrown(): Promise<never> {
    const how = await this.ended;
    throw new ReplicationError('ERR_CORE_DIED', `the core ended: ${how}`);
  }

  /** Asks it to end and kills it when it takes too long; resolves when it is gone. */
  async terminate(): Promise<void> {
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), CORE_STOP_TIMEOUT_MS);
    this.#child.kill('SIGTERM');
    await this.ended;
    clearTimeout(timer);
  }

  /** For one that does not react. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended;
  }
}
