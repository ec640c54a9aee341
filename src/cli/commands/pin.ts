// SPDX-License-Identifier: GPL-2.0-or-later
// `muleplex pin` and `unpin`: a snapshot that stays whatever the rules say.
import type { PinView } from '../../replication/site-view.ts';
import { EXIT_DONE, type Command } from '../command.ts';
import { short } from '../quantities.ts';

interface PinOptions {
  readonly snapshot: string;
  readonly dataset: string | undefined;
}

const options: Command<PinOptions>['options'] = (yargs) =>
  yargs
    .positional('snapshot', {
      type: 'string',
      demandOption: true,
      describe: 'first digits of the id, or sequence',
    })
    .option('dataset', { type: 'string', describe: 'name or id, where several have it' });

export const pin: Command<PinOptions> = {
  usage: 'pin <snapshot>',
  summary: 'Keep a snapshot on this site until it is unpinned',
  options,
  run: async ({ snapshot, dataset }, { call, output }) => {
    const body = { snapshot, ...(dataset === undefined ? {} : { dataset }) };
    const view = (await call('POST', '/v1/pins', { body })) as PinView;
    output.result(view, () => [line(view)]);
    return EXIT_DONE;
  },
};

export const unpin: Command<PinOptions> = {
  usage: 'unpin <snapshot>',
  summary: 'Let the rules decide about a snapshot again',
  options,
  run: async ({ snapshot, dataset }, { call, output }) => {
    const query = new URLSearchParams({ snapshot, ...(dataset === undefined ? {} : { dataset }) });
    const view = (await call('DELETE', `/v1/pins?${query.toString()}`)) as PinView;
    output.result(view, () => [line(view)]);
    return EXIT_DONE;
  },
};

function line({ dataset, snapshotId, sequence, pinned }: PinView): string {
  const state = pinned ? 'is pinned' : 'is not pinned';
  return `${dataset} ${short(snapshotId)} (sequence ${sequence}) ${state}`;
}
