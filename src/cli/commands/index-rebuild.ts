// SPDX-License-Identifier: GPL-2.0-or-later
// `muleplex index rebuild`: makes lost or damaged index files anew.
import type { IndexRebuilt } from '../../replication/site-view.ts';
import { EXIT_DONE, type Command } from '../command.ts';

interface IndexOptions {
  readonly action: string;
  readonly dataset: string;
}

export const indexRebuild: Command<IndexOptions> = {
  usage: 'index <action> <dataset>',
  summary: 'Make index files that are lost or damaged anew, from the packs',
  options: (yargs) =>
    yargs
      .positional('action', { type: 'string', choices: ['rebuild'], demandOption: true })
      .positional('dataset', { type: 'string', demandOption: true, describe: 'name or id' }),
  run: async (argv, { call, output }) => {
    const result = (await call('POST', '/v1/index', {
      body: { dataset: argv.dataset },
      onProgress: (event) => {
        const { packsDone, packs } = event as { packsDone: number; packs: number };
        output.progress('index', `${packsDone} of ${packs} packs`);
      },
    })) as IndexRebuilt;
    output.result(result, () => [
      `${result.dataset}: index of ${result.rebuilt} of ${result.packs} packs made anew`,
    ]);
    return EXIT_DONE;
  },
};
