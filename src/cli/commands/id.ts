// SPDX-License-Identifier: GPL-2.0-or-later
// `muleplex id`: the site card that the administrators of other sites add.
import type { SiteView } from '../../replication/site-view.ts';
import { EXIT_DONE, type Command } from '../command.ts';

export const id: Command<object> = {
  usage: 'id',
  summary: "Print this site's card, for `muleplex peer add` on the other sites",
  options: (yargs) => yargs,
  run: async (_argv, { call, output }) => {
    const site = (await call('GET', '/v1/site')) as SiteView;
    output.result(site, () => [site.card]);
    return EXIT_DONE;
  },
};
