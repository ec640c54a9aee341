// SPDX-License-Identifier: GPL-2.0-or-later
// Fuzzes the decoders: `node --enable-source-maps dist/test/fuzz/run.js [--seconds 60] [--seed N]
// [--target NAME]`. Ends with 1 and prints the input in hex when a parser fails in its own way.
import { parseArgs } from 'node:util';
import { ReplicationError } from '../../src/base/errors.ts';
import { Mutator } from './mutator.ts';
import { FUZZ_TARGETS, type FuzzTarget } from './targets.ts';

const ROUND = 200;
const CORPUS_MAX = 300;
/** Of the processor: no input of the mutator's size takes longer, so slower ones are a finding. */
const SLOW_MS = 1_000;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    target: { type: 'string' },
  },
});

const targets = Object.entries(FUZZ_TARGETS).filter(
  ([name]) => values.target === undefined || name === values.target,
);
const mutator = new Mutator(Number(values.seed));
const corpora = new Map(targets.map(([name, { seeds }]) => [name, [...seeds]]));
const counts = new Map<string, { runs: number; taken: number; messages: Set<string> }>();
const deadline = performance.now() + Number(values.seconds) * 1_000;

process.stdout.write(`SEED=${values.seed}\n`);
while (performance.now() < deadline) {
  for (const [name, target] of targets) round(name, target);
}
for (const [name, { runs, taken, messages }] of counts) {
  process.stdout.write(`${name}: ${runs} inputs, ${taken} taken, ${messages.size} refusals\n`);
}

function round(name: string, target: FuzzTarget): void {
  const corpus = corpora.get(name) ?? [];
  const count = counts.get(name) ?? { runs: 0, taken: 0, messages: new Set<string>() };
  counts.set(name, count);
  for (let run = 0; run < ROUND; run += 1) {
    const input = mutator.mutate(corpus);
    const message = runOnce(name, target, input);
    count.runs += 1;
    if (message === undefined) count.taken += 1;
    // An input that is refused in a new place is worth mutating further.
    const place = (message ?? 'taken').replaceAll(/[0-9a-f]*[0-9]+[0-9a-f]*/g, '#');
    if (!count.messages.has(place) && corpus.length < CORPUS_MAX) corpus.push(input);
    count.messages.add(place);
  }
}

/** The message of the refusal; undefined when the input was taken. */
function runOnce(name: string, target: FuzzTarget, input: Buffer): string | undefined {
  const started = process.cpuUsage();
  try {
    target.run(input);
  } catch (error) {
    const isRefusal =
      error instanceof ReplicationError &&
      (error.errorClass === 'malformed' || error.errorClass === 'refused');
    if (!isRefusal) report(name, input, error);
    return error.message;
  } finally {
    const busyMs = process.cpuUsage(started).user / 1_000;
    if (busyMs > SLOW_MS) report(name, input, `took ${Math.round(busyMs)} ms`);
  }
  return undefined;
}

function report(name: string, input: Buffer, error: unknown): never {
  process.stdout.write(`${name} fails on ${input.toString('hex')}\n`);
  throw error instanceof Error ? error : new Error(String(error));
}
