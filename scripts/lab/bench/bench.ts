// SPDX-License-Identifier: GPL-2.0-or-later
// The core's benchmark: real cores in network namespaces, and a plain TCP program beside them.
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hideBin } from 'yargs/helpers';
import { Cleanup } from './cleanup.ts';
import { type BenchOptions, parseOptions } from './options.ts';
import { resultTable } from './results.ts';
import { Bench } from './runner.ts';

const TCP_PROGRAM = fileURLToPath(new URL('../../../../build/lab/lab/file_tcp', import.meta.url));

async function congestionOfKernel(): Promise<string> {
  const path = '/proc/sys/net/ipv4/tcp_available_congestion_control';
  const available = (await readFile(path, 'utf8')).trim().split(' ');
  return available.includes('bbr') ? 'bbr' : (available[0] ?? 'cubic');
}

async function main(cleanup: Cleanup): Promise<void> {
  const options = await parseOptions(hideBin(process.argv));
  if (options === undefined) return;
  if (process.getuid?.() !== 0) throw new Error('network namespaces need root: run it as root');
  const library = join(options.core, 'libmulecore.so');
  for (const path of [library, TCP_PROGRAM]) {
    if (!existsSync(path)) throw new Error(`${path} is missing: run ./scripts/setup first`);
  }
  const work = await mkdtemp(join(options.work, 'muleplex-bench-'));
  cleanup.add(() => rm(work, { recursive: true, force: true }));
  const congestion = await congestionOfKernel();
  const { runs } = options;
  const init = { work, congestion, library, tcpProgram: TCP_PROGRAM, runs, cleanup };
  const text = await measured(new Bench(init), options);
  process.stdout.write(`${text}\n`);
}

/** What is printed in the end. */
async function measured(bench: Bench, options: BenchOptions): Promise<string> {
  const { swarm, plain, cuts, json } = options;
  if (swarm !== undefined) return shown({ swarm: await bench.swarm(swarm, plain) }, json);
  if (cuts) return shown({ cuts: await bench.cuts() }, json);
  const cases = await bench.transfers(options.cases, options.stock);
  return json ? JSON.stringify({ cases }) : resultTable(cases);
}

function shown(result: object, json: boolean): string {
  return json ? JSON.stringify(result) : JSON.stringify(result, null, 2);
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
