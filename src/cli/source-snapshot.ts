// SPDX-License-Identifier: GPL-2.0-or-later
// Hooks of `muleplex publish`: one command makes a snapshot of the source (LVM, btrfs, ZFS) and
// prints the folder to read, another one removes it. This process runs them, as its own user; the
// daemon runs no command that somebody gives it.
import { spawn } from 'node:child_process';
import { isAbsolute } from 'node:path';
import { ReplicationError, messageOf } from '../base/errors.ts';
import { PATH_LENGTH_MAX } from '../base/limits.ts';

interface Init {
  /** What `/bin/sh -c` runs; undefined: the folder itself is read. */
  readonly command: string | undefined;
  readonly cleanupCommand: string | undefined;
  /** Absolute. */
  readonly folder: string;
  readonly dataset: string;
}

export class SourceSnapshot {
  readonly #init: Init;
  /** What the first command printed; empty while it has not. */
  #made = '';
  #isBegun = false;
  #removal: Promise<void> | undefined;

  constructor(init: Init) {
    this.#init = init;
  }

  /** The folder to read. ERR_HOOK_FAILED, AbortError: remove() all the same. */
  async make(signal: AbortSignal): Promise<string> {
    const { command, folder } = this.#init;
    if (command === undefined) return folder;
    signal.throwIfAborted();
    this.#isBegun = true;
    const output = await this.#run(command, signal);
    signal.throwIfAborted();
    const path = output.toString('utf8').replace(/\n$/, '');
    if (!isAbsolute(path) || /[\n\0]/.test(path)) {
      throw failed(command, 'printed no absolute path in one line');
    }
    this.#made = path;
    return path;
  }

  /**
   * Runs the second command, once, whether the first one came to its end or not; nothing when that
   * was never begun. ERR_HOOK_FAILED.
   */
  remove(): Promise<void> {
    this.#removal ??= this.#remove();
    return this.#removal;
  }

  async #remove(): Promise<void> {
    const { cleanupCommand } = this.#init;
    if (!this.#isBegun || cleanupCommand === undefined) return;
    // Not cancelled: what it leaves would stay.
    await this.#run(cleanupCommand, undefined);
  }

  /** What the command wrote to its stdout; waits until nobody can write there any more. */
  async #run(command: string, signal: AbortSignal | undefined): Promise<Buffer> {
    const { folder, dataset } = this.#init;
    const child = spawn('/bin/sh', ['-c', command], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: {
        ...process.env,
        MULEPLEX_SOURCE: folder,
        MULEPLEX_DATASET: dataset,
        MULEPLEX_SNAPSHOT_FOLDER: this.#made,
      },
    });
    const onAbort = (): void => void child.kill('SIGTERM');
    signal?.addEventListener('abort', onAbort, { once: true });
    const pieces: Buffer[] = [];
    let size = 0;
    child.stdout.on('data', (piece: Buffer) => {
      size += piece.length;
      if (size <= PATH_LENGTH_MAX + 1) pieces.push(piece);
    });
    try {
      const end = await new Promise<string | undefined>((resolve, reject) => {
        child.once('error', reject);
        child.once('close', (code, killed) =>
          resolve(code === 0 ? undefined : `ended with ${killed ?? `exit code ${code ?? -1}`}`),
        );
      });
      signal?.throwIfAborted();
      if (end !== undefined) throw failed(command, end);
      if (size > PATH_LENGTH_MAX + 1) throw failed(command, 'printed more than a path');
      return Buffer.concat(pieces);
    } catch (error) {
      if (error instanceof ReplicationError || signal?.aborted === true) throw error;
      throw failed(command, messageOf(error));
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }
}

function failed(command: string, reason: string): ReplicationError {
  return new ReplicationError('ERR_HOOK_FAILED', `"${command}" ${reason}`, { command });
}
