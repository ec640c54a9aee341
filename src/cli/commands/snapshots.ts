// SPDX-License-Identifier: GPL-2.0-or-later
// `muleplex snapshots`: what this site knows of each snapshot, and which sites signed for it.
import type { SnapshotView } from '../../replication/site-view.ts';
import { EXIT_DONE, type Command } from '../command.ts';
import { formatBytes, formatTable, formatTime, short } from '../quantities.ts';

interface SnapshotsOptions {
  readonly dataset: string | undefined;
}

export const snapshots: Command<SnapshotsOptions> = {
  usage: 'snapshots [dataset]',
  summary: 'List snapshots, newest first, with the sites that hold them',
  options: (yargs) =>
    yargs.positional('dataset', { type: 'string', describe: 'name or id; default: all' }),
  run: async (argv, { call, output }) => {
    const query = argv.dataset === undefined ? '' : `?dataset=${encodeURIComponent(argv.dataset)}`;
    const answer = (await call('GET', `/v1/snapshots${query}`)) as {
      snapshots: readonly SnapshotView[];
    };
    output.result(answer, () =>
      formatTable(
        [
          'DATA SET',
          'SNAPSHOT',
          'SEQUENCE',
          'CREATED',
          'KEPT',
          'FILES',
          'SIZE',
          'NEW PACKS',
          'HERE',
          'SITES',
        ],
        answer.snapshots.map((each) => [
          each.dataset,
          short(each.snapshotId),
          `${each.epoch}.${each.sequence}`,
          formatTime(each.createdMs),
          kept(each),
          String(each.files),
          formatBytes(each.bytes),
          formatBytes(each.newPackBytes),
          each.error === undefined ? each.state : `${each.state} (${each.error.code})`,
          each.receipts.map((receipt) => `${receipt.site}:${receipt.state}`).join(' '),
        ]),
      ),
    );
    return EXIT_DONE;
  },
};

/** What retention makes of it. */
function kept({ kind, pinned, retained }: SnapshotView): string {
  if (pinned) return 'pinned';
  if (kind === 'maintenance') return kind;
  return retained ? 'yes' : 'no';
}
