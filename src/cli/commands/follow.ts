// SPDX-License-Identifier: GPL-2.0-or-later
// `muleplex follow`: keeps DIR/current equal to the newest snapshot of a data set.
import { resolve } from 'node:path';
import type { FollowView } from '../../replication/site-view.ts';
import { EXIT_DONE, type Command } from '../command.ts';
import { short } from '../quantities.ts';

interface FollowOptions {
  readonly dataset: string;
  readonly to: string;
}

export const follow: Command<FollowOptions> = {
  usage: 'follow <dataset>',
  summary: 'Keep a replica of a data set, which need not exist yet',
  options: (yargs) =>
    yargs
      .positional('dataset', { type: 'string', demandOption: true, describe: 'name or id' })
      .option('to', {
        type: 'string',
        demandOption: true,
        describe: 'folder of the replica: <to>/current shows the newest snapshot',
      }),
  run: async (argv, { call, output }) => {
    const body = { dataset: argv.dataset, folder: resolve(argv.to) };
    const view = (await call('POST', '/v1/follows', { body })) as FollowView;
    output.result(view, () => [
      view.datasetId === undefined
        ? `follows ${view.dataset} as soon as a peer publishes it, to ${view.folder}`
        : `follows ${view.dataset} (${short(view.datasetId)}) to ${view.folder}`,
    ]);
    return EXIT_DONE;
  },
};
