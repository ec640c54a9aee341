// SPDX-License-Identifier: GPL-2.0-or-later
// `muleplex add`: downloads the file of an ed2k link, as amulecmd's `add` does.
import type { LinkView } from '../../replication/site-view.ts';
import { EXIT_DONE, type Command } from '../command.ts';
import { formatBytes } from '../quantities.ts';

interface AddOptions {
  readonly link: string;
}

export const add: Command<AddOptions> = {
  usage: 'add <link>',
  summary: "Download the file of an ed2k link into the core's Incoming folder",
  options: (yargs) =>
    yargs.positional('link', { type: 'string', demandOption: true, describe: 'ed2k://|file|...' }),
  run: async (argv, { call, output }) => {
    const added = (await call('POST', '/v1/links', { body: { link: argv.link } })) as LinkView;
    output.result(added, () => [`downloads ${added.name} (${formatBytes(added.size)})`]);
    return EXIT_DONE;
  },
};
