// SPDX-License-Identifier: GPL-2.0-or-later
// Sites in namespaces on a switch of our own (native/lab/switch.cc), which delays, loses, shapes
// and cuts, for kernels that cannot.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { LineInit, Network, NetworkInit, PairCount } from './network.ts';
import { run } from './run.ts';
import { macOf, payloadOf, SiteNamespaces, UPLINK } from './site-namespaces.ts';

const PROGRAM = fileURLToPath(new URL('../../../build/lab/lab/lab_switch', import.meta.url));
/** Nothing in the lab takes longer; a switch that was forgotten ends by itself. */
const SECONDS_MAX = 7200;
const STOP_LIMIT_MS = 2000;
/** Frames that wait for the switch in a device's own queue: bursts of a whole TCP window. */
const DEVICE_QUEUE_FRAMES = 10_000;
/** Bytes that one connection may have on the way: more than any line of the lab holds. */
const TCP_BUFFER_MAX = 64 * 1024 * 1024;

export class SwitchNetwork implements Network {
  readonly description: string;
  readonly isolated = true;
  readonly #init: NetworkInit;
  readonly #line: LineInit;
  readonly #spaces: SiteNamespaces;
  #switch: SwitchProcess | undefined;

  constructor(init: NetworkInit, line: LineInit) {
    this.#init = init;
    this.#line = line;
    this.#spaces = new SiteNamespaces(init);
    const rate = init.rateMbit === undefined ? 'no rate limit' : `${init.rateMbit} Mbit/s`;
    this.description =
      `${init.sites} network and mount namespaces on a switch, ${rate} each way, ` +
      `RTT ${line.rttMs} ms, ${line.lossPct} % loss, queues of ${line.queueBytes} bytes`;
  }

  address(site: number): string {
    return this.#spaces.address(site);
  }

  command(site: number, argv: readonly string[]): readonly string[] {
    return this.#spaces.command(site, argv);
  }

  async create(): Promise<void> {
    const { sites } = this.#spaces;
    for (const site of sites) await this.#spaces.add(site);
    const ports = sites.map((site) => `${this.#spaces.name(site)}=${macOf(site)}`);
    this.#switch = new SwitchProcess([
      String(SECONDS_MAX),
      String(this.#line.seed),
      UPLINK,
      ...ports,
    ]);
    await this.#switch.ready;
    for (const site of sites) await this.#createSite(site);
    const { rttMs, lossPct, queueBytes } = this.#line;
    await this.#switch.order(`queue ${queueBytes}`);
    await this.#switch.order(`loss ${Math.round(lossPct * 10_000)}`);
    for (const site of sites) {
      const rate = Math.round((this.#init.rateMbit ?? 0) * 1e6);
      await this.#switch.order(`rate ${site} ${rate} ${rate}`);
      for (const other of sites) {
        const micros = Math.round((rttMs * 1000) / 2);
        if (other > site) await this.#switch.order(`delay ${site} ${other} ${micros}`);
      }
    }
  }

  async cut(siteA: number, siteB: number): Promise<void> {
    await this.#running().order(`cut ${siteA} ${siteB}`);
  }

  async mend(siteA: number, siteB: number): Promise<void> {
    await this.#running().order(`mend ${siteA} ${siteB}`);
  }

  async pairCounts(): Promise<readonly PairCount[]> {
    return parseCounts(await this.#running().order('counts'));
  }

  async destroy(): Promise<void> {
    await this.#switch?.stop();
    await this.#spaces.destroy();
  }

  #running(): SwitchProcess {
    if (this.#switch === undefined) throw new Error('the network is not there');
    return this.#switch;
  }

  async #createSite(site: number): Promise<void> {
    const name = this.#spaces.name(site);
    const device = `link set ${UPLINK} address ${macOf(site)} txqueuelen ${DEVICE_QUEUE_FRAMES}`;
    await run(['ip', '-n', name, ...device.split(' ')]);
    await this.#spaces.configure(site, this.#init.congestion);
    // As an administrator of long fast lines would set it: the least and the first size stay.
    for (const file of ['tcp_rmem', 'tcp_wmem']) {
      const path = `/proc/sys/net/ipv4/${file}`;
      const sizes = await run(this.#spaces.inside(site, ['cat', path]));
      const [least, first] = sizes.trim().split(/\s+/);
      const script = `echo ${least ?? ''} ${first ?? ''} ${TCP_BUFFER_MAX} >${path}`;
      await run(this.#spaces.inside(site, ['sh', '-c', script]));
    }
  }
}

/** The answer to `counts`: `pair FROM TO FRAMES BYTES DROPPED LOST CUT`, a line each. */
export function parseCounts(lines: readonly string[]): readonly PairCount[] {
  return lines.map((line) => {
    const match = /^pair (\d+) (\d+) (\d+) (\d+) \d+ \d+ \d+$/.exec(line);
    if (match === null) throw new Error(`not a line of counts: ${line}`);
    const [sender = 0, receiver = 0, frames = 0, bytes = 0] = match.slice(1).map(Number);
    return { sender, receiver, payloadBytes: payloadOf(bytes, frames) };
  });
}

interface Waiter {
  readonly lines: string[];
  resolve(lines: readonly string[]): void;
  reject(error: Error): void;
}

/** The running program: orders are answered in turn. */
class SwitchProcess {
  /** Resolves when its devices are there. */
  readonly ready: Promise<unknown>;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  readonly #waiters: Waiter[] = [];
  #text = '';
  #error = '';

  constructor(args: readonly string[]) {
    if (!existsSync(PROGRAM)) throw new Error(`${PROGRAM} is missing: run scripts/build-lab`);
    this.#child = spawn(PROGRAM, args, { stdio: 'pipe' });
    this.#child.stdin?.on('error', () => undefined);
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => this.#take(text));
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#error += text));
    this.#ended = new Promise<void>((resolve) => {
      this.#child.once('error', (error) => {
        this.#error += error.message;
        resolve();
      });
      this.#child.once('close', () => resolve());
    }).then(() => {
      for (const waiter of this.#waiters.splice(0)) waiter.reject(this.#gone());
    });
    this.ready = this.#answer();
  }

  /** Rejects when it is refused. */
  order(line: string): Promise<readonly string[]> {
    if (this.#child.exitCode !== null) return Promise.reject(this.#gone());
    this.#child.stdin?.write(`${line}\n`);
    return this.#answer();
  }

  async stop(): Promise<void> {
    this.#child.stdin?.end();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_LIMIT_MS);
    await this.#ended;
    clearTimeout(timer);
  }

  #answer(): Promise<readonly string[]> {
    return new Promise((resolve, reject) => this.#waiters.push({ lines: [], resolve, reject }));
  }

  #take(text: string): void {
    const lines = (this.#text + text).split('\n');
    this.#text = lines.pop() ?? '';
    for (const line of lines) {
      const [waiter] = this.#waiters;
      if (line !== 'ok' && line !== 'ready' && !line.startsWith('error')) {
        waiter?.lines.push(line);
        continue;
      }
      this.#waiters.shift();
      if (line.startsWith('error')) waiter?.reject(new Error(`the switch: ${line}`));
      else waiter?.resolve(waiter.lines);
    }
  }

  #gone(): Error {
    return new Error(`the switch has ended. ${this.#error}`.trimEnd());
  }
}
