// SPDX-License-Identifier: GPL-2.0-or-later
// The benchmark of the kernels: each beside another program that does the same, in the same minute.
import { execFile } from 'node:child_process';
import { createHash, randomFillSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createMD4 } from 'hash-wasm';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { run } from '../run.ts';

const KERNELS = fileURLToPath(new URL('../../../../build/lab/lab/kernels', import.meta.url));
const PART_SIZE = 9_728_000;
const PART_COUNT = 32;
const RUNS = 5;
const GB = 1e9;

type Speeds = ReadonlyMap<string, number>;

interface Comparison {
  readonly kernel: string;
  readonly gbPerS: number;
  readonly against: string;
  readonly otherGbPerS: number;
  readonly ratio: number;
}

/** GB/s of the fastest of a few runs. */
async function speedOf(size: number, work: () => unknown): Promise<number> {
  let best = 0;
  for (let count = 0; count < RUNS; count += 1) {
    const start = process.hrtime.bigint();
    await work();
    best = Math.max(best, size / Number(process.hrtime.bigint() - start));
  }
  return best;
}

async function kernelSpeeds(what: string, cpu: string | undefined): Promise<Speeds> {
  const env = { ...process.env, ...(cpu === undefined ? {} : { MULEPLEX_CPU: cpu }) };
  const { stdout } = await promisify(execFile)(KERNELS, [what], { env });
  const lines = stdout.trim().split('\n');
  return new Map(lines.map((line) => line.split(' ')).map(([name = '', n]) => [name, Number(n)]));
}

/** OpenSSL has MD4 in its legacy provider only. */
async function opensslMd4(): Promise<number> {
  const providers = ['-provider', 'legacy', '-provider', 'default'];
  const options = ['-bytes', String(PART_SIZE), '-seconds', '2', '-evp', 'md4'];
  const output = await run(['openssl', 'speed', ...providers, ...options]);
  const speed = /^md4\s+([\d.]+)k/m.exec(output)?.[1];
  if (speed === undefined) throw new Error(`openssl speed says no speed: ${output}`);
  return (Number(speed) * 1000) / GB;
}

async function rhashAich(data: Buffer): Promise<number> {
  const folder = await mkdtemp('/dev/shm/muleplex-kernels-');
  try {
    const file = join(folder, 'data');
    await writeFile(file, data);
    return await speedOf(data.length, () => run(['rhash', '--aich', file]));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function compareHashes(cpu: string | undefined): Promise<Comparison[]> {
  const kernels = await kernelSpeeds('hash', cpu);
  const data = randomFillSync(Buffer.alloc(PART_SIZE * PART_COUNT));
  const part = data.subarray(0, PART_SIZE);
  const md4 = await createMD4();
  const wasm = await speedOf(PART_SIZE, () => md4.init().update(part).digest());
  const node = await speedOf(PART_SIZE, () => createHash('sha256').update(part).digest());
  const openssl = await opensslMd4();
  return [
    compared(kernels, 'md4-many', 'openssl md4', openssl),
    compared(kernels, 'md4-one', 'openssl md4', openssl),
    compared(kernels, 'md4-one', 'hash-wasm md4', wasm),
    compared(kernels, 'aich', 'rhash aich', await rhashAich(data)),
    compared(kernels, 'sha256-many', 'node:crypto sha256', node),
    compared(kernels, 'sha256-one', 'node:crypto sha256', node),
  ];
}

async function compareChunkers(cpu: string | undefined): Promise<Comparison[]> {
  const kernels = await kernelSpeeds('chunk', cpu);
  const names = [...kernels.keys()].filter((name) => name !== 'memcpy');
  return names.map((name) => compared(kernels, name, 'memcpy', kernels.get('memcpy') ?? NaN));
}

function compared(kernels: Speeds, kernel: string, against: string, other: number): Comparison {
  const gbPerS = kernels.get(kernel);
  if (gbPerS === undefined) throw new Error(`the program kernels says nothing of ${kernel}`);
  return { kernel, gbPerS, against, otherGbPerS: other, ratio: gbPerS / other };
}

function table(comparisons: readonly Comparison[]): string {
  const lines = comparisons.map(({ kernel, gbPerS, against, otherGbPerS, ratio }) =>
    [kernel, gbPerS.toFixed(2), against, otherGbPerS.toFixed(2), ratio.toFixed(2)].join(' | '),
  );
  return ['kernel | GB/s | against | GB/s | ratio', '-|-:|-|-:|-:', ...lines].join('\n');
}

const options = await yargs(hideBin(process.argv))
  .usage('npm run bench:hash|bench:chunk [-- OPTIONS]')
  .command('hash', 'MD4, AICH and SHA-256')
  .command('chunk', 'the chunker')
  .demandCommand(1, 1)
  .option('cpu', { choices: ['baseline', 'avx2'], describe: 'instructions to do with' })
  .option('json', { type: 'boolean', default: false, describe: 'end with one line of JSON' })
  .strict()
  .parseAsync();
const compare = options._[0] === 'hash' ? compareHashes : compareChunkers;
const kernels = await compare(options.cpu);
process.stdout.write(`${options.json ? JSON.stringify({ kernels }) : table(kernels)}\n`);
