// SPDX-License-Identifier: GPL-2.0-or-later
// What a verb of the command line is: how it is written, its options, and what it does.
import type { Argv } from 'yargs';
import type { Output } from './output.ts';

/** Exit codes beside those of the error classes (docs/errors.md). */
export const EXIT_DONE = 0;
/** All done but some paths were skipped: FIFOs, sockets, devices, unreadable files. */
export const EXIT_SKIPPED = 3;
export const EXIT_CANCELLED = 130;

export interface Context {
  readonly homePath: string;
  readonly output: Output;
  /** Fires on Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal;
  /**
   * Calls the local API: of the daemon, or when none runs and the call allows it, the same routes
   * on the home opened by this process.
   */
  readonly call: (
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    options?: { readonly body?: object; readonly onProgress?: (event: unknown) => void },
  ) => Promise<unknown>;
}

export interface Command<T> {
  /** As yargs wants it: `publish <dir>`. */
  readonly usage: string;
  readonly summary: string;
  readonly options: (yargs: Argv) => Argv<T>;
  /** Resolves with the exit code. */
  readonly run: (argv: T, context: Context) => Promise<number>;
}
