// SPDX-License-Identifier: GPL-2.0-or-later
// One site of the lab, driven the way an administrator does: by the command line, in the site's
// namespaces, with a daemon of its own.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ControlClient } from '../../src/control/client.ts';
import type { Network } from './network.ts';

/** The compiled command line beside the compiled lab. */
const CLI = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

export type CoreMode = 'embedded' | 'managed' | 'external';

export interface SiteInit {
  /** From 1. */
  readonly site: number;
  /** The site's own folder, site-<n> below the work folder of the network. */
  readonly folder: string;
  readonly core: CoreMode;
}

/** How a command ended. */
export interface Outcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

const CONTROL_PORT = 7660;
const ED2K_PORT = 4662;
const START_LIMIT_MS = 60_000;
/** Of the log of a daemon that does not start, these last characters are shown. */
const LOG_SHOWN = 2_000;
const STOP_LIMIT_MS = 20_000;

export class Site {
  readonly site: number;
  readonly name: string;
  readonly folder: string;
  readonly home: string;
  readonly core: CoreMode;
  readonly #network: Network;
  #daemon: ChildProcess | undefined;

  constructor(network: Network, init: SiteInit) {
    this.#network = network;
    this.site = init.site;
    this.name = `site-${init.site}`;
    this.folder = init.folder;
    this.home = join(init.folder, 'home');
    this.core = init.core;
  }

  /** eD2k address of this site, as its core reports it for others. */
  get address(): string {
    return this.#network.address(this.site);
  }

  /** Makes home and keys; returns the site card. */
  async init(): Promise<string> {
    await mkdir(this.folder, { recursive: true });
    await this.succeed([
      ...['init', '--name', this.name, '--core', this.core],
      ...['--listen', `${this.address}:${CONTROL_PORT}`, '--ed2k', `${this.address}:${ED2K_PORT}`],
    ]);
    const { card } = (await this.json(['id'])) as { card: string };
    return card;
  }

  /** Starts the daemon and returns when it answers. */
  async start(): Promise<void> {
    const log = await open(join(this.folder, 'daemon.log'), 'a');
    const [program, ...args] = this.#argv(['daemon']);
    this.#daemon = spawn(program ?? '', args, { stdio: ['ignore', log.fd, log.fd] });
    await log.close();
    const deadline = Date.now() + START_LIMIT_MS;
    for (;;) {
      if (isReady(await this.ask('status').catch(() => undefined))) return;
      if (this.#daemon.exitCode !== null || Date.now() > deadline) {
        const lines = await readFile(join(this.folder, 'daemon.log'), 'utf8');
        throw new Error(`${this.name}: the daemon does not answer:\n${lines.slice(-LOG_SHOWN)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  /** Process id of the daemon (of its wrapper's exec, which is the daemon itself). */
  get pid(): number | undefined {
    return this.#daemon?.pid;
  }

  /** Ends the daemon with a signal and waits for its end; SIGKILL when it takes too long. */
  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const daemon = this.#daemon;
    if (daemon?.exitCode !== null || daemon.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => daemon.once('exit', () => resolve()));
    daemon.kill(signal);
    const timer = setTimeout(() => daemon.kill('SIGKILL'), STOP_LIMIT_MS);
    await ended;
    clearTimeout(timer);
  }

  /** Asks the daemon what the reading command of that name shows, without starting a process. */
  async ask(what: 'status' | 'snapshots' | 'transfers'): Promise<unknown> {
    const client = new ControlClient({ socketPath: join(this.home, 'control.sock') });
    return client.call('GET', `/v1/${what}`);
  }

  /** Runs a muleplex command in the site; the signal interrupts it as Ctrl-C does. */
  async run(args: readonly string[], interrupt?: AbortSignal): Promise<Outcome> {
    const [program, ...rest] = this.#argv(args);
    const child = spawn(program ?? '', rest, { stdio: ['ignore', 'pipe', 'pipe'] });
    interrupt?.addEventListener('abort', () => child.kill('SIGINT'), { once: true });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    const exitCode = await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => resolve(code ?? -1));
    });
    return { exitCode, stdout, stderr };
  }

  /** Runs a command that must end with 0; returns its stdout. */
  async succeed(args: readonly string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await this.run(args);
    if (exitCode !== 0) {
      throw new Error(`${this.name}: muleplex ${args.join(' ')} ended with ${exitCode}: ${stderr}`);
    }
    return stdout;
  }

  /** Runs a reading command with --json; returns the object of its last line. */
  async json(args: readonly string[]): Promise<unknown> {
    const stdout = await this.succeed([...args, '--json']);
    return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '');
  }

  #argv(args: readonly string[]): readonly string[] {
    return this.#network.command(this.site, [
      process.execPath,
      ...['--enable-source-maps', CLI, '--home', this.home, ...args],
    ]);
  }
}

function isReady(status: unknown): boolean {
  return (status as { core?: { state?: string } } | undefined)?.core?.state === 'running';
}
