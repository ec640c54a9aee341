// SPDX-License-Identifier: GPL-2.0-or-later
// Runs what was asked for, one case after another, each in a network of its own.
import { cp, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createNetwork, type LineInit, type Network } from '../network.ts';
import { run } from '../run.ts';
import type { Cleanup } from './cleanup.ts';
import { payloadAt } from './core-group.ts';
import { type CoreFigures, coreTransfer } from './core-transfer.ts';
import { CUT_SITES, cutsRun, type CutsResult } from './cuts.ts';
import type { BenchCase } from './options.ts';
import { SWARM_BYTES, SWARM_RATE_MBIT, SWARM_RTT_MS } from './options.ts';
import { makePayloads, type Payload } from './payload.ts';
import { caseResult, type CaseResult } from './results.ts';
import { stockTransfer } from './stock.ts';
import { swarmResult, type SwarmResult, type SwarmRun, swarmRun } from './swarm.ts';
import { type TcpFigures, tcpTransfer } from './tcp.ts';

const RUN_LIMIT_MS = 600_000;
const QUEUE_MIN = 256 * 1024;
const LOSS_SEED = 1;

export interface BenchInit {
  /** An empty folder. */
  readonly work: string;
  /** TCP congestion control, of the cores and of the plain program alike. */
  readonly congestion: string;
  /** Absolute path of libmulecore.so. */
  readonly library: string;
  /** Absolute path of file_tcp. */
  readonly tcpProgram: string;
  readonly runs: number;
  readonly cleanup: Cleanup;
}

export function say(text: string): void {
  process.stderr.write(`==> ${text}\n`);
}

export class Bench {
  readonly #init: BenchInit;
  readonly #payloads = new Map<string, readonly Payload[]>();

  constructor(init: BenchInit) {
    this.#init = init;
  }

  /** Two sites; with stock, what two stock amuled do is measured once, in the first case. */
  async transfers(cases: readonly BenchCase[], stock: boolean): Promise<readonly CaseResult[]> {
    await this.#warmUp(2 * Math.max(...cases.map(({ bytes }) => bytes)));
    const results: CaseResult[] = [];
    for (const [index, bench] of cases.entries()) {
      results.push(await this.#case(bench, stock && index === 0));
    }
    return results;
  }

  /** With plain, on links as fast as the kernel carries them: what memory it takes then. */
  async swarm(followers: number, plain: boolean): Promise<SwarmResult> {
    const place = { followers, bytes: SWARM_BYTES, ...(plain ? PLAIN_LINE : SWARM_LINE) };
    await this.#warmUp((followers + 1) * place.bytes);
    const payloads = await this.#payloadsOf(place.bytes, 1);
    const runs: SwarmRun[] = [];
    return this.#inNetwork(followers + 1, place, async (network) => {
      for (let index = 1; index <= this.#init.runs; index++) {
        const limitMs = RUN_LIMIT_MS;
        const init = { ...this.#init, network, followers, payloads, limitMs };
        const figures = await swarmRun({ ...init, isShaped: place.rateMbit !== null });
        runs.push(figures);
        say(`run ${index}: ${JSON.stringify(figures)}`);
      }
      return swarmResult(place, runs);
    });
  }

  async cuts(): Promise<CutsResult> {
    const place = { bytes: SWARM_BYTES, ...SWARM_LINE };
    await this.#warmUp(CUT_SITES * place.bytes);
    const payloads = await this.#payloadsOf(place.bytes, 1);
    for (const payload of payloads) {
      const copy = payloadAt(this.#init.work, payload, 2);
      await cp(payload.path, copy.path, { recursive: true });
    }
    return this.#inNetwork(CUT_SITES, place, (network) =>
      cutsRun({ ...this.#init, network, payloads, limitMs: RUN_LIMIT_MS }),
    );
  }

  /** Memory that a virtual machine has never touched costs several times as much at first. */
  async #warmUp(bytes: number): Promise<void> {
    const path = join(this.#init.work, 'warm-up');
    // Written, not only allocated: pages are touched when they are filled.
    await run(['dd', 'if=/dev/zero', `of=${path}`, 'bs=1M', `count=${Math.ceil(bytes / 2 ** 20)}`]);
    await rm(path);
  }

  async #case(bench: BenchCase, stock: boolean): Promise<CaseResult> {
    await this.#payloadsOf(bench.bytes, bench.packs);
    return this.#inNetwork(2, bench, (network) => this.#runs(network, bench, stock));
  }

  async #inNetwork<Result>(sites: number, line: Line, use: (network: Network) => Promise<Result>) {
    const { work, congestion, cleanup } = this.#init;
    for (let site = 1; site <= sites; site++) {
      await mkdir(join(work, `site-${site}`), { recursive: true });
    }
    const network = await createNetwork({
      ...{ sites, work, inputs: [], congestion, rateMbit: line.rateMbit ?? undefined },
      line: lineInit(line),
    });
    const destroy = cleanup.add(() => network.destroy());
    try {
      say(`${network.description}, ${congestion}`);
      return await use(network);
    } finally {
      await destroy();
    }
  }

  async #runs(network: Network, bench: BenchCase, withStock: boolean): Promise<CaseResult> {
    const { work, cleanup, runs, congestion } = this.#init;
    const payloads = await this.#payloadsOf(bench.bytes, bench.packs);
    const [payload] = await this.#payloadsOf(bench.bytes, 1);
    if (payload === undefined) throw new Error('no payload');
    const core: CoreFigures[] = [];
    const tcp: TcpFigures[] = [];
    for (let index = 1; index <= runs; index++) {
      const plain = await this.#tcp(network, payload);
      tcp.push(plain);
      const limitMs = RUN_LIMIT_MS;
      const figures = await coreTransfer({ ...this.#init, network, payloads, limitMs });
      core.push(figures);
      say(`run ${index}: core ${seconds(figures)}, TCP ${seconds(plain)}`);
    }
    if (!withStock) return caseResult(bench, congestion, { core, tcp, stock: undefined });
    const stock = await stockTransfer({ network, work, payload, cleanup });
    say(`stock amuled: ${stock === undefined ? 'not there' : JSON.stringify(stock)}`);
    return caseResult(bench, congestion, { core, tcp, stock });
  }

  async #payloadsOf(bytes: number, packs: number): Promise<readonly Payload[]> {
    const key = `${bytes}-${packs}`;
    const known = this.#payloads.get(key);
    if (known !== undefined) return known;
    say(`making ${bytes} bytes in ${packs} packs`);
    const folder = join(this.#init.work, 'site-1', key);
    await mkdir(folder, { recursive: true });
    const payloads = await makePayloads(folder, bytes, packs);
    this.#payloads.set(key, payloads);
    return payloads;
  }

  /** The plain program sends one file of the same size, however many packs there are. */
  async #tcp(network: Network, payload: Payload): Promise<TcpFigures> {
    const { work, tcpProgram, congestion } = this.#init;
    const target = join(work, 'site-2', 'plain');
    try {
      return await tcpTransfer({
        ...{ network, congestion, program: tcpProgram },
        from: { site: 1, path: payload.path },
        to: { site: 2, path: target },
      });
    } finally {
      await rm(target, { force: true });
    }
  }
}

type Line = Pick<BenchCase, 'rateMbit'> & { readonly rttMs: number; readonly lossPct: number };

const PLAIN_LINE: Line = { rateMbit: null, rttMs: 0, lossPct: 0 };
const SWARM_LINE = { rateMbit: SWARM_RATE_MBIT, rttMs: SWARM_RTT_MS, lossPct: 0 };

/** Queues of one bandwidth-delay product, as routers are made for; below it 256 KiB. */
function lineInit({ rateMbit, rttMs, lossPct }: Line): LineInit | undefined {
  if (rateMbit === null) return undefined;
  const product = Math.round((rateMbit * 1e6 * rttMs) / 8000);
  return { rttMs, lossPct, seed: LOSS_SEED, queueBytes: Math.max(QUEUE_MIN, product) };
}

function seconds(figures: { readonly seconds: number }): string {
  return `${figures.seconds.toFixed(2)} s`;
}
