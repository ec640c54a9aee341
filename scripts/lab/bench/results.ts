// SPDX-License-Identifier: GPL-2.0-or-later
// From the runs of a case to its figures, for programs (one line of JSON) and for people (a table).
import type { CoreFigures } from './core-transfer.ts';
import type { BenchCase } from './options.ts';
import type { StockFigures } from './stock.ts';
import type { TcpFigures } from './tcp.ts';

export interface CaseResult {
  readonly rttMs: number;
  readonly lossPct: number;
  readonly packs: number;
  readonly rateMbit: number | null;
  readonly bytes: number;
  /** TCP congestion control of both. */
  readonly congestion: string;
  readonly seconds: number;
  readonly durableSeconds: number;
  readonly mbPerS: number;
  readonly tcpSeconds: number;
  readonly tcpDurableSeconds: number;
  readonly tcpMbPerS: number;
  readonly ratioToTcp: number;
  readonly firstByteMs: number;
  readonly cpuSenderSPerGb: number;
  readonly cpuReceiverSPerGb: number;
  readonly tcpCpuSenderSPerGb: number;
  readonly tcpCpuReceiverSPerGb: number;
  readonly rssMb: number;
  /** Of two stock amuled, where they were measured. */
  readonly stockMbPerS?: number;
}

const MB = 1e6;
const GB = 1e9;

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  if (low === undefined || high === undefined) throw new Error('no values');
  return (low + high) / 2;
}

export function caseResult(
  bench: BenchCase,
  congestion: string,
  runs: {
    readonly core: readonly CoreFigures[];
    readonly tcp: readonly TcpFigures[];
    readonly stock: StockFigures | undefined;
  },
): CaseResult {
  const { core, tcp, stock } = runs;
  const of = <Figures>(runs: readonly Figures[], read: (figures: Figures) => number): number =>
    median(runs.map(read));
  const seconds = of(core, (run) => run.seconds);
  const tcpSeconds = of(tcp, (run) => run.seconds);
  const perGb = GB / bench.bytes;
  return {
    ...bench,
    congestion,
    seconds: rounded(seconds, 3),
    durableSeconds: rounded(
      of(core, (run) => run.durableSeconds),
      3,
    ),
    mbPerS: rounded(bench.bytes / seconds / MB, 1),
    tcpSeconds: rounded(tcpSeconds, 3),
    tcpDurableSeconds: rounded(
      of(tcp, (run) => run.durableSeconds),
      3,
    ),
    tcpMbPerS: rounded(bench.bytes / tcpSeconds / MB, 1),
    ratioToTcp: rounded(tcpSeconds / seconds, 3),
    firstByteMs: rounded(
      of(core, (run) => run.firstByteMs),
      0,
    ),
    cpuSenderSPerGb: rounded(of(core, (run) => run.cpuSenderSeconds) * perGb, 2),
    cpuReceiverSPerGb: rounded(of(core, (run) => run.cpuReceiverSeconds) * perGb, 2),
    tcpCpuSenderSPerGb: rounded(of(tcp, (run) => run.cpuSenderSeconds) * perGb, 2),
    tcpCpuReceiverSPerGb: rounded(of(tcp, (run) => run.cpuReceiverSeconds) * perGb, 2),
    rssMb: rounded(of(core, (run) => run.peakBytes) / MB, 0),
    ...(stock === undefined ? {} : { stockMbPerS: rounded(stock.bytes / stock.seconds / MB, 3) }),
  };
}

const COLUMNS: readonly (readonly [string, (result: CaseResult) => string | number])[] = [
  ['link', ({ rateMbit }) => (rateMbit === null ? 'not shaped' : `${rateMbit} Mbit/s`)],
  ['congestion', ({ congestion }) => congestion],
  ['RTT ms', ({ rttMs }) => rttMs],
  ['loss %', ({ lossPct }) => lossPct],
  ['packs', ({ packs }) => packs],
  ['MiB', ({ bytes }) => bytes / 1024 / 1024],
  ['s', ({ seconds }) => seconds],
  ['MB/s', ({ mbPerS }) => mbPerS],
  ['TCP MB/s', ({ tcpMbPerS }) => tcpMbPerS],
  ['stock MB/s', ({ stockMbPerS }) => stockMbPerS ?? ''],
  ['ratio', ({ ratioToTcp }) => ratioToTcp],
  ['first byte ms', ({ firstByteMs }) => firstByteMs],
  ['CPU s/GB out', ({ cpuSenderSPerGb }) => cpuSenderSPerGb],
  ['in', ({ cpuReceiverSPerGb }) => cpuReceiverSPerGb],
  ['RSS MB', ({ rssMb }) => rssMb],
  ['durable s', ({ durableSeconds }) => durableSeconds],
  ['TCP durable s', ({ tcpDurableSeconds }) => tcpDurableSeconds],
];

/** A table in Markdown, so that docs take it as it is. */
export function resultTable(results: readonly CaseResult[]): string {
  const row = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`;
  return [
    row(COLUMNS.map(([title]) => title)),
    `|${COLUMNS.map(() => '-:').join('|')}|`,
    ...results.map((result) => row(COLUMNS.map(([, read]) => read(result)))),
  ].join('\n');
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
