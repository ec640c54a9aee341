// SPDX-License-Identifier: GPL-2.0-or-later
// `muleplex peer add|list|remove`: whom this site knows, and what each may do.
import type { Argv } from 'yargs';
import { ReplicationError } from '../../base/errors.ts';
import type { PeerView } from '../../replication/site-view.ts';
import { EXIT_DONE, type Command, type Context } from '../command.ts';
import { formatTable, short } from '../quantities.ts';

interface PeerOptions {
  readonly action: string;
  readonly what: string | undefined;
  readonly rights: string;
  readonly dataset: string;
}

const ACTIONS = ['add', 'list', 'remove'] as const;

export const peer: Command<PeerOptions> = {
  usage: 'peer <action> [what]',
  summary: 'Add a peer by its site card, list peers, or remove one by name or id',
  options: (yargs): Argv<PeerOptions> =>
    yargs
      .positional('action', { type: 'string', choices: ACTIONS, demandOption: true })
      .positional('what', { type: 'string', describe: 'add: site card; remove: name or id' })
      .option('rights', {
        type: 'string',
        default: 'publish,read',
        describe: 'what it may do: publish, read, relay',
      })
      .option('dataset', {
        type: 'string',
        default: '*',
        describe: 'data set that the rights are for; * is all',
      }),
  run: async (argv, context) => {
    if (argv.action === 'list') return list(context);
    if (argv.what === undefined) {
      throw new ReplicationError(
        'ERR_ARGUMENT_INVALID',
        argv.action === 'add' ? 'peer add needs a site card' : 'peer remove needs a name or id',
      );
    }
    return argv.action === 'add'
      ? add(context, argv.what, argv.rights.split(','), argv.dataset)
      : remove(context, argv.what);
  },
};

async function add(
  { call, output }: Context,
  card: string,
  rights: readonly string[],
  dataset: string,
): Promise<number> {
  const body = { card, rights, dataset };
  const added = (await call('POST', '/v1/peers', { body })) as PeerView;
  output.result(added, () => [`added ${added.name} (${short(added.siteId)})`]);
  return EXIT_DONE;
}

async function remove({ call, output }: Context, what: string): Promise<number> {
  const query = new URLSearchParams({ site: what });
  const removed = (await call('DELETE', `/v1/peers?${query.toString()}`)) as PeerView;
  output.result(removed, () => [`removed ${removed.name} (${short(removed.siteId)})`]);
  return EXIT_DONE;
}

async function list({ call, output }: Context): Promise<number> {
  const answer = (await call('GET', '/v1/peers')) as { peers: readonly PeerView[] };
  output.result(answer, () =>
    formatTable(
      ['NAME', 'SITE', 'CONTROL', 'ED2K', 'RIGHTS', 'PENDING'],
      answer.peers.map((each) => [
        each.name,
        short(each.siteId),
        `${each.host}:${each.port}`,
        `${each.ed2kHost}:${each.ed2kPort}`,
        each.rights.map((right) => `${right.dataset}:${right.rights.join('+')}`).join(' '),
        String(each.pending),
      ]),
    ),
  );
  return EXIT_DONE;
}
