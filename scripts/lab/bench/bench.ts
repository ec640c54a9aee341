// SPDX-License-Identifier: GPL-2.0-or-later
// The core's benchmark: two sites with real cores, and a plain TCP program in the same namespaces.
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hideBin } from 'yargs/helpers';
import { createNetwork, type LineInit, type Network } from '../network.ts';
import { run } from '../run.ts';
import { Cleanup } from './cleanup.ts';
import { type CoreFigures, coreTransfer } from './core-transfer.ts';
import { type BenchCase, type BenchOptions, parseOptions } from './options.ts';
import { makePayloads, type Payload } from './payload.ts';
import { caseResult, type CaseResult, resultTable } from './results.ts';
import { type TcpFigures, tcpTransfer } from './tcp.ts';

const LAB_BUILD = fileURLToPath(new URL('../../../../build/lab/lab', import.meta.url));
const RUN_LIMIT_MS = 600_000;
const QUEUE_MIN = 256 * 1024;
const LOSS_SEED = 1;
const SITES = [1, 2] as const;

function say(text: string): void {
  process.stderr.write(`==> ${text}\n`);
}

class Bench {
  readonly #options: BenchOptions;
  readonly #cleanup: Cleanup;
  readonly #work: string;
  readonly #congestion: string;
  readonly #payloads = new Map<string, readonly Payload[]>();

  constructor(
    options: BenchOptions,
    cleanup: Cleanup,
    place: { readonly work: string; readonly congestion: string },
  ) {
    this.#options = options;
    this.#cleanup = cleanup;
    this.#work = place.work;
    this.#congestion = place.congestion;
  }

  async run(): Promise<readonly CaseResult[]> {
    const results: CaseResult[] = [];
    for (const site of SITES) await mkdir(join(this.#work, `site-${site}`));
    await this.#warmUp();
    for (const bench of this.#options.cases) results.push(await this.#case(bench));
    return results;
  }

  /** Memory that a virtual machine has never touched costs several times as much at first. */
  async #warmUp(): Promise<void> {
    const path = join(this.#work, 'warm-up');
    const bytes = 2 * Math.max(...this.#options.cases.map((bench) => bench.bytes));
    await run(['fallocate', '--length', String(bytes), path]);
    await rm(path);
  }

  async #case(bench: BenchCase): Promise<CaseResult> {
    const payloads = await this.#payloadsOf(bench);
    const congestion = this.#congestion;
    const rateMbit = bench.rateMbit ?? undefined;
    const network = await createNetwork({
      ...{ sites: SITES.length, work: this.#work, inputs: [], congestion, rateMbit },
      line: rateMbit === undefined ? undefined : lineOf(bench, rateMbit),
    });
    const destroy = this.#cleanup.add(() => network.destroy());
    try {
      say(`${network.description}, ${congestion}: ${JSON.stringify(bench)}`);
      return await this.#runs(network, bench, payloads);
    } finally {
      await destroy();
    }
  }

  async #runs(
    network: Network,
    bench: BenchCase,
    payloads: readonly Payload[],
  ): Promise<CaseResult> {
    const core: CoreFigures[] = [];
    const tcp: TcpFigures[] = [];
    for (let index = 1; index <= this.#options.runs; index++) {
      const plain = await this.#tcp(network, bench);
      tcp.push(plain);
      const figures = await coreTransfer({
        ...{ network, payloads, work: this.#work, cleanup: this.#cleanup },
        library: join(this.#options.core, 'libmulecore.so'),
        limitMs: RUN_LIMIT_MS,
      });
      core.push(figures);
      say(`run ${index}: core ${seconds(figures)}, TCP ${seconds(plain)}`);
    }
    return caseResult(bench, this.#congestion, { core, tcp });
  }

  async #payloadsOf(bench: BenchCase): Promise<readonly Payload[]> {
    const key = `${bench.bytes}-${bench.packs}`;
    const known = this.#payloads.get(key);
    if (known !== undefined) return known;
    say(`making ${bench.bytes} bytes in ${bench.packs} packs`);
    const folder = join(this.#work, 'site-1', key);
    await mkdir(folder);
    const payloads = await makePayloads(folder, bench.bytes, bench.packs);
    this.#payloads.set(key, payloads);
    return payloads;
  }

  /** The plain program sends one file of the same size. */
  async #tcp(network: Network, bench: BenchCase): Promise<TcpFigures> {
    const [whole] = await this.#payloadsOf({ ...bench, packs: 1 });
    const target = join(this.#work, 'site-2', 'plain');
    try {
      return await tcpTransfer({
        network,
        program: join(LAB_BUILD, 'file_tcp'),
        from: { site: 1, path: whole?.path ?? '' },
        to: { site: 2, path: target },
        congestion: this.#congestion,
      });
    } finally {
      await rm(target, { force: true });
    }
  }
}

function seconds(figures: { readonly seconds: number }): string {
  return `${figures.seconds.toFixed(2)} s`;
}

/** Queues of one bandwidth-delay product, as routers are made for; below it 256 KiB. */
function lineOf({ rttMs, lossPct }: BenchCase, rateMbit: number): LineInit {
  const product = Math.round((rateMbit * 1e6 * rttMs) / 8000);
  return { rttMs, lossPct, seed: LOSS_SEED, queueBytes: Math.max(QUEUE_MIN, product) };
}

async function congestionOfKernel(): Promise<string> {
  const path = '/proc/sys/net/ipv4/tcp_available_congestion_control';
  const available = (await readFile(path, 'utf8')).trim().split(' ');
  return available.includes('bbr') ? 'bbr' : (available[0] ?? 'cubic');
}

/** Everything that is absent and cannot be done without. */
function absences(options: BenchOptions): readonly string[] {
  const needed = [join(options.core, 'libmulecore.so'), join(LAB_BUILD, 'file_tcp')];
  return needed.filter((path) => !existsSync(path)).map((path) => `${path} is missing`);
}

async function main(cleanup: Cleanup): Promise<void> {
  const options = await parseOptions(hideBin(process.argv));
  if (process.getuid?.() !== 0) throw new Error('network namespaces need root; run it as root');
  const absent = absences(options);
  if (absent.length > 0) throw new Error(`${absent.join(', ')}: run ./scripts/setup first`);
  const work = await mkdtemp(join(options.work, 'muleplex-bench-'));
  cleanup.add(() => rm(work, { recursive: true, force: true }));
  const congestion = await congestionOfKernel();
  const results = await new Bench(options, cleanup, { work, congestion }).run();
  const text = options.json ? JSON.stringify({ cases: results }) : resultTable(results);
  process.stdout.write(`${text}\n`);
}

const cleanup = new Cleanup();
const interrupted = new Promise<never>((_resolve, reject) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => reject(new Error(`ended by ${signal}`)));
  }
});
try {
  await Promise.race([main(cleanup), interrupted]);
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
await cleanup.all();
// What the interrupted work still waits for does not keep the process.
process.exit();
