// SPDX-License-Identifier: GPL-2.0-or-later
// The command line of the core's benchmark, and the cases that it asks for.
import { fileURLToPath } from 'node:url';
import yargs from 'yargs';

export interface BenchCase {
  /** Of the links, both ways together; with rateMbit null the kernel's own, near nothing. */
  readonly rttMs: number;
  readonly lossPct: number;
  readonly packs: number;
  /** Of each direction of each site's link; null: as fast as the kernel carries it. */
  readonly rateMbit: number | null;
  readonly bytes: number;
}

export interface BenchOptions {
  readonly cases: readonly BenchCase[];
  readonly runs: number;
  readonly json: boolean;
  /** Folder with libmulecore.so. */
  readonly core: string;
  /** Where the scratch folder is made; on tmpfs unless somebody wants their disk measured. */
  readonly work: string;
  readonly stock: boolean;
  /** True: links as fast as the kernel carries them. */
  readonly plain: boolean;
  /** Followers of one publisher; then this is what is measured. */
  readonly swarm: number | undefined;
  /** True: how soon sources are used again after cuts is what is measured. */
  readonly cuts: boolean;
}

const MIB = 1024 * 1024;
export const PLAIN_BYTES = 2048 * MIB;
export const SHAPED_BYTES = 512 * MIB;
const RATE_MBIT = 400;
const RUNS_MAX = 99;
const PACKS_MAX = 4096;
const FOLLOWERS_MAX = 32;

/** Of the cases with more than two sites. */
export const SWARM_BYTES = 1024 * MIB;
export const SWARM_RATE_MBIT = 100;
export const SWARM_RTT_MS = 20;

const BUILT_CORE = fileURLToPath(new URL('../../../../build/core', import.meta.url));

const plain = (packs: number): BenchCase => ({
  ...{ rttMs: 0, lossPct: 0, packs, rateMbit: null },
  bytes: PLAIN_BYTES,
});
const shaped = (rttMs: number, lossPct: number, packs: number): BenchCase => ({
  ...{ rttMs, lossPct, packs, rateMbit: RATE_MBIT },
  bytes: SHAPED_BYTES,
});

/** What is measured when nothing else is asked for: the bars of the project. */
const DEFAULT_CASES: readonly BenchCase[] = [
  plain(1),
  ...[0, 20, 100, 200].map((rttMs) => shaped(rttMs, 0, 1)),
  shaped(100, 0.1, 1),
  shaped(0, 0, 64),
];

/**
 * Throws an Error whose message is for the person at the terminal; undefined when all that was
 * asked for was --help.
 */
export async function parseOptions(args: readonly string[]): Promise<BenchOptions | undefined> {
  const parsed = await yargs([...args])
    .scriptName('npm run bench:core --')
    .strict()
    .exitProcess(false)
    .fail((message: string | null, error: Error | undefined) => {
      throw error ?? new Error(message ?? 'bad arguments');
    })
    .options({
      rtt: { type: 'string', describe: `round trips in ms, as 0,100: ${RATE_MBIT} Mbit/s each` },
      loss: { type: 'number', describe: 'loss of packets in percent, each way' },
      packs: { type: 'number', describe: 'packs that the bytes are spread over' },
      quick: { type: 'boolean', default: false, describe: 'only RTT 0, as fast as it goes' },
      runs: { type: 'number', default: 3, describe: 'runs of each case; medians are reported' },
      json: { type: 'boolean', default: false, describe: 'end with one line of JSON' },
      core: { type: 'string', default: BUILT_CORE, describe: 'folder with libmulecore.so' },
      work: { type: 'string', default: '/dev/shm', describe: 'where the scratch folder is made' },
      stock: { type: 'boolean', default: true, describe: 'also a stock amuled, capped at 30 s' },
      swarm: { type: 'number', describe: 'one publisher and so many followers instead' },
      cuts: { type: 'boolean', default: false, describe: 'links cut 5 s of every 20 s instead' },
    })
    .parseAsync();
  if (args.includes('--help')) return undefined;
  whole('--runs', parsed.runs, RUNS_MAX);
  if (parsed.packs !== undefined) whole('--packs', parsed.packs, PACKS_MAX);
  if (parsed.swarm !== undefined) whole('--swarm', parsed.swarm, FOLLOWERS_MAX);
  const { quick: plain, runs, json, core, work, stock, swarm, cuts } = parsed;
  return { cases: casesOf(parsed), plain, runs, json, core, work, stock, swarm, cuts };
}

function casesOf(parsed: {
  readonly rtt: string | undefined;
  readonly loss: number | undefined;
  readonly packs: number | undefined;
  readonly quick: boolean;
}): readonly BenchCase[] {
  const { rtt, loss, packs = 1, quick } = parsed;
  if (quick) {
    if (rtt !== undefined || loss !== undefined) throw new Error('--quick has no --rtt or --loss');
    return [plain(packs)];
  }
  if (rtt === undefined && loss === undefined && parsed.packs === undefined) return DEFAULT_CASES;
  const lossPct = loss ?? 0;
  if (!(lossPct >= 0 && lossPct <= 50)) throw new Error('--loss takes percents from 0 to 50');
  return (rtt ?? '0').split(',').map((text) => {
    const rttMs = Number(text);
    if (text.trim() === '' || !(rttMs >= 0 && rttMs <= 2000)) {
      throw new Error('--rtt takes milliseconds from 0 to 2000, with commas between them');
    }
    return shaped(rttMs, lossPct, packs);
  });
}

function whole(name: string, value: number, max: number): void {
  if (Number.isInteger(value) && value >= 1 && value <= max) return;
  throw new Error(`${name} takes a whole number from 1 to ${max}`);
}
