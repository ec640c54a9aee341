// SPDX-License-Identifier: GPL-2.0-or-later
// `muleplex restore`: the files of any retained snapshot, in a folder of their own.
import { resolve } from 'node:path';
import type { RestoreProgress, RestoreResult } from '../../replication/site-view.ts';
import { EXIT_DONE, type Command } from '../command.ts';
import { formatBytes, formatDuration, formatRate, short } from '../quantities.ts';

interface RestoreOptions {
  readonly dataset: string;
  readonly dir: string;
  readonly snapshot: string | undefined;
  readonly path: readonly string[];
}

export const restore: Command<RestoreOptions> = {
  usage: 'restore <dataset> <dir>',
  summary: 'Make the files of a retained snapshot in an empty or new folder',
  options: (yargs) =>
    yargs
      .positional('dataset', { type: 'string', demandOption: true, describe: 'name or id' })
      .positional('dir', { type: 'string', demandOption: true, describe: 'empty or new folder' })
      .option('snapshot', {
        type: 'string',
        describe: 'sequence or first digits of the id; default: the newest one here',
      })
      .option('path', {
        type: 'string',
        array: true,
        requiresArg: true,
        nargs: 1,
        default: [],
        describe: 'only this path and what is below it; can be repeated',
      }),
  run: async (argv, { call, output }) => {
    const result = (await call('POST', '/v1/restore', {
      body: {
        dataset: argv.dataset,
        folder: resolve(argv.dir),
        paths: argv.path,
        ...(argv.snapshot === undefined ? {} : { snapshot: argv.snapshot }),
      },
      onProgress: (event) => {
        const { stage, bytesDone, bytesTotal } = event as RestoreProgress;
        output.progress(stage, `${formatBytes(bytesDone)} of ${formatBytes(bytesTotal)} restored`);
      },
    })) as RestoreResult;
    output.result(result, () => summary(result));
    return EXIT_DONE;
  },
};

function summary(result: RestoreResult): string[] {
  const { attributesNotSet, bytes, files, restoreMs } = result;
  const rate = restoreMs === 0 ? 0 : (bytes * 1000) / restoreMs;
  return [
    `${result.dataset} ${short(result.snapshotId)} (sequence ${result.sequence}) is in ` +
      result.folder,
    `${files} files, ${formatBytes(bytes)} in ${formatDuration(restoreMs)} (${formatRate(rate)})`,
    ...(attributesNotSet === 0
      ? []
      : [`${attributesNotSet} owners or extended attributes could not be set`]),
  ];
}
