// SPDX-License-Identifier: GPL-2.0-or-later
// `muleplex export`: ed2k links of the packs of a data set.
import type { LinkView } from '../../replication/site-view.ts';
import { EXIT_DONE, type Command } from '../command.ts';

interface ExportOptions {
  readonly dataset: string;
}

export const exportLinks: Command<ExportOptions> = {
  usage: 'export <dataset>',
  summary: 'Print an ed2k link for each pack of the newest snapshot (packs are encrypted)',
  options: (yargs) =>
    yargs.positional('dataset', { type: 'string', demandOption: true, describe: 'name or id' }),
  run: async (argv, { call, output }) => {
    const query = new URLSearchParams({ dataset: argv.dataset });
    const answer = (await call('GET', `/v1/links?${query.toString()}`)) as {
      links: readonly LinkView[];
    };
    output.result(answer, () => answer.links.map(({ link }) => link));
    return EXIT_DONE;
  },
};
