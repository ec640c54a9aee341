// SPDX-License-Identifier: GPL-2.0-or-later
// `muleplex verify`: re-reads replica and packs and compares them with the snapshot.
import { ReplicationError } from '../../base/errors.ts';
import type { VerifyResult } from '../../replication/site-view.ts';
import { EXIT_DONE, type Command } from '../command.ts';
import { formatBytes, short } from '../quantities.ts';

interface VerifyOptions {
  readonly dataset: string;
}

export const verify: Command<VerifyOptions> = {
  usage: 'verify <dataset>',
  summary: 'Re-read the replica and the packs, and compare them with the snapshot',
  options: (yargs) =>
    yargs.positional('dataset', { type: 'string', demandOption: true, describe: 'name or id' }),
  run: async (argv, { call, output }) => {
    const result = (await call('POST', '/v1/verify', {
      body: { dataset: argv.dataset },
      onProgress: (event) => {
        const { stage, bytesDone } = event as { stage: string; bytesDone: number };
        output.progress(stage, `${stage}: ${formatBytes(bytesDone)} compared`);
      },
    })) as VerifyResult;
    output.result(result, () => lines(result));
    const wrong = wrongOf(result);
    if (wrong === 0) return EXIT_DONE;
    throw new ReplicationError(
      'ERR_REPLICA_CORRUPT',
      `${wrong} things of ${result.dataset} differ`,
    );
  },
};

function wrongOf({ differences, badParts, badIndexFiles }: VerifyResult): number {
  return differences.length + badParts.length + badIndexFiles.length;
}

function lines(result: VerifyResult): string[] {
  const wrong = wrongOf(result);
  return [
    ...result.differences.map((each) => `${each.kind}: ${each.path}: ${each.text}`),
    ...result.badParts.map(
      ({ packId, partIndex, repaired }) =>
        `pack ${packId} part ${partIndex} was corrupt${repaired ? ', repaired' : ''}`,
    ),
    ...result.badIndexFiles.map(
      (path) => `index file ${path} is damaged: muleplex index rebuild makes it anew`,
    ),
    `${result.dataset} ${short(result.snapshotId)}: ${result.files} files, ` +
      `${formatBytes(result.bytes)} compared, ${wrong === 0 ? 'no' : wrong} differences`,
  ];
}
