// SPDX-License-Identifier: GPL-2.0-or-later
// `muleplex prune`: forgets snapshots by the rules and removes or merges the packs that are left.
import { ReplicationError } from '../../base/errors.ts';
import type { PruneProgress, PruneResult } from '../../replication/site-view.ts';
import { EXIT_DONE, type Command } from '../command.ts';
import { formatBytes, short } from '../quantities.ts';

interface PruneOptions {
  readonly dataset: string;
  readonly 'dry-run': boolean;
  readonly 'max-unused': string | undefined;
  readonly 'max-packs': number | undefined;
}

export const prune: Command<PruneOptions> = {
  usage: 'prune <dataset>',
  summary: 'Forget snapshots by the rules, remove unneeded packs, merge half-empty and small ones',
  options: (yargs) =>
    yargs
      .positional('dataset', { type: 'string', demandOption: true, describe: 'name or id' })
      .option('dry-run', {
        type: 'boolean',
        default: false,
        describe: 'only say what would be done',
      })
      .option('max-unused', {
        type: 'string',
        describe: 'merge packs of which more is unneeded; default: 50%',
      })
      .option('max-packs', {
        type: 'number',
        describe: 'merge the smallest when more are left; default: 1024',
      }),
  run: async (argv, { call, output }) => {
    const maxUnused = argv['max-unused'];
    const maxPacks = argv['max-packs'];
    const result = (await call('POST', '/v1/prune', {
      body: {
        dataset: argv.dataset,
        dryRun: argv['dry-run'],
        ...(maxUnused === undefined ? {} : { maxUnused: parseShare(maxUnused) }),
        ...(maxPacks === undefined ? {} : { maxPacks }),
      },
      onProgress: (event) => {
        const progress = event as PruneProgress;
        output.progress(progress.stage, describe(progress));
      },
    })) as PruneResult;
    output.result(result, () => summary(result));
    return EXIT_DONE;
  },
};

/** 50% as 0.5. */
function parseShare(text: string): number {
  const match = /^(\d{1,3}(?:\.\d{1,3})?)%$/.exec(text);
  const share = Number(match?.[1] ?? NaN) / 100;
  if (share >= 0 && share <= 1) return share;
  throw new ReplicationError('ERR_ARGUMENT_INVALID', `--max-unused ${text} is not 0% to 100%`);
}

function describe(progress: PruneProgress): string {
  if (progress.stage === 'mark') return 'reading the recipes of the snapshots that stay';
  return `merge: ${formatBytes(progress.bytesDone)} of ${formatBytes(progress.bytesTotal)} copied`;
}

function summary(result: PruneResult): string[] {
  const { bytesFreed, dryRun, forgotten, retained, snapshotId } = result;
  const done = dryRun ? 'would be' : 'are';
  const isIdle = !dryRun && snapshotId === undefined;
  return [
    ...(isIdle ? [`${result.dataset}: nothing to do`] : []),
    `${retained.length} snapshots ${dryRun ? 'would stay' : 'stay'}, ` +
      `${forgotten.length} ${done} forgotten` +
      (forgotten.length === 0 ? '' : `: ${forgotten.map(short).join(' ')}`),
    `packs: ${result.packsBefore} before, ${result.packsAfter} after; ` +
      `${result.packsMerged} ${done} merged, ${formatBytes(result.bytesCopied)} copied`,
    `${formatBytes(result.bytesBefore)} before, ${formatBytes(result.bytesAfter)} after: ` +
      `${formatBytes(Math.max(0, bytesFreed))} ${done} freed`,
  ];
}
