#!/usr/bin/env node
// SPDX-License-Identifier: GPL-2.0-or-later
// muleplex: the command line. Reads options, runs one verb, ends with a documented exit code.
import { realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import yargs from 'yargs';
import { systemClock } from '../base/clock.ts';
import { ReplicationError, hasCode, messageOf } from '../base/errors.ts';
import { HOME_LOCK_RETRY_MS, HOME_LOCK_WAIT_MS } from '../base/limits.ts';
import { ControlClient } from '../control/client.ts';
import { EXIT_CANCELLED, type Command, type Context } from './command.ts';
import { add } from './commands/add.ts';
import { daemon } from './commands/daemon.ts';
import { exportLinks } from './commands/export.ts';
import { follow } from './commands/follow.ts';
import { id } from './commands/id.ts';
import { indexRebuild } from './commands/index-rebuild.ts';
import { init } from './commands/init.ts';
import { peer } from './commands/peer.ts';
import { pin, unpin } from './commands/pin.ts';
import { prune } from './commands/prune.ts';
import { publish } from './commands/publish.ts';
import { restore } from './commands/restore.ts';
import { retention } from './commands/retention.ts';
import { snapshots } from './commands/snapshots.ts';
import { status } from './commands/status.ts';
import { transfers } from './commands/transfers.ts';
import { verify } from './commands/verify.ts';
import { Output } from './output.ts';

const EXIT_USAGE = 2;
const EXIT_BUG = 1;

/** Where a home is when neither --home nor MULEPLEX_HOME says. */
const DEFAULT_HOME = join(homedir(), '.muleplex');

interface GlobalOptions {
  readonly home: string;
  readonly json: boolean;
}

/** Runs one command line; resolves with its exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const cancelled = cancelOnSignals();
  let exitCode = EXIT_USAGE;
  const parser = yargs(args)
    .scriptName('muleplex')
    .usage('$0 <command>\n\nReplicates data sets between known sites over eD2k.')
    .option('home', {
      type: 'string',
      default: process.env['MULEPLEX_HOME'] ?? DEFAULT_HOME,
      describe: 'home of the site (or MULEPLEX_HOME)',
    })
    .option('json', { type: 'boolean', default: false, describe: 'print one JSON object' });
  const register = <T>(command: Command<T>): void => {
    parser.command<T>(command.usage, command.summary, command.options, async (argv) => {
      exitCode = await run(command, argv as unknown as T & GlobalOptions, cancelled);
    });
  };
  registerAll(register);
  try {
    const argv = await parser
      .demandCommand(1, 'muleplex needs a command; --help lists them')
      .strict()
      .version(false)
      .exitProcess(false)
      .fail((message, error: Error | undefined) => {
        throw error ?? new ReplicationError('ERR_ARGUMENT_INVALID', message);
      })
      .completion('completion', 'Print a completion script for bash or zsh')
      .help()
      .parseAsync();
    // Help was printed, or the completion script: no command ran.
    if (argv._[0] === 'completion' || argv['help'] === true) exitCode = 0;
  } catch (error) {
    exitCode = report(error, newOutput(args.includes('--json')));
  }
  return exitCode;
}

function registerAll(register: <T>(command: Command<T>) => void): void {
  register(init);
  register(id);
  register(peer);
  register(daemon);
  register(publish);
  register(follow);
  register(status);
  register(snapshots);
  register(transfers);
  register(verify);
  register(indexRebuild);
  register(restore);
  register(retention);
  register(pin);
  register(unpin);
  register(prune);
  register(add);
  register(exportLinks);
}

async function run<T>(
  command: Command<T>,
  argv: T & GlobalOptions,
  signal: AbortSignal,
): Promise<number> {
  const output = newOutput(argv.json);
  const homePath = resolve(argv.home);
  const context: Context = {
    homePath,
    output,
    signal,
    call: (method, path, options = {}) => callSite(homePath, method, path, { ...options, signal }),
  };
  try {
    return await command.run(argv, context);
  } catch (error) {
    if (signal.aborted && isAbort(error)) return EXIT_CANCELLED;
    return report(error, output);
  }
}

/** The daemon's answer; without a daemon that of the home itself, opened for this one call. */
async function callSite(
  homePath: string,
  method: string,
  path: string,
  options: Parameters<Context['call']>[2] & { readonly signal: AbortSignal },
): Promise<unknown> {
  const client = new ControlClient({ socketPath: join(homePath, 'control.sock') });
  const deadlineMs = systemClock.monotonicMs() + HOME_LOCK_WAIT_MS;
  for (;;) {
    try {
      return await client.call(method, path, options);
    } catch (error) {
      if (!hasCode(error, 'ERR_DAEMON_ABSENT')) throw error;
    }
    try {
      return await callHome(homePath, method, path, options);
    } catch (error) {
      // A daemon that starts has the home before it answers.
      const isLocked = hasCode(error, 'ERR_CATALOGUE_LOCKED');
      if (!isLocked || systemClock.monotonicMs() > deadlineMs) throw error;
    }
    await systemClock.sleep(HOME_LOCK_RETRY_MS, options.signal);
  }
}

async function callHome(
  homePath: string,
  method: string,
  path: string,
  options: Parameters<Context['call']>[2] & { readonly signal: AbortSignal },
): Promise<unknown> {
  const url = new URL(path, 'http://muleplexd');
  // Loads all services, which takes longer than most commands that a daemon answers.
  const { withOfflineRoutes } = await import('./assemble.ts');
  return withOfflineRoutes(homePath, async (routes) => {
    const route = routes.find((each) => each.method === method && each.path === url.pathname);
    if (route === undefined) throw new Error(`no route ${method} ${url.pathname}`);
    return route.handle({
      query: url.searchParams,
      body: options.body,
      signal: options.signal,
      progress: (event) => options.onProgress?.(event),
    });
  });
}

/** Tells of an error where its reader looks for it; gives the exit code of its class. */
function report(error: unknown, output: Output): number {
  if (error instanceof ReplicationError) {
    output.failure(error);
    return error.exitCode;
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : messageOf(error);
  output.note(`muleplex: ${text}`);
  return EXIT_BUG;
}

function newOutput(json: boolean): Output {
  return new Output({ out: process.stdout, err: process.stderr, clock: systemClock }, { json });
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}

/** The first signal cancels in order, the second one ends the process. */
function cancelOnSignals(): AbortSignal {
  const controller = new AbortController();
  const onSignal = (): void => {
    if (controller.signal.aborted) process.exit(EXIT_CANCELLED);
    controller.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return controller.signal;
}

const isProgram = realpathSync(process.argv[1] ?? '') === fileURLToPath(import.meta.url);
if (isProgram) process.exitCode = await main(process.argv.slice(2));
