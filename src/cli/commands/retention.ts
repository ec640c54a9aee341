// SPDX-License-Identifier: GPL-2.0-or-later
// `muleplex retention`: which snapshots of a data set its writer keeps.
import { ReplicationError } from '../../base/errors.ts';
import type { RetentionView } from '../../replication/site-view.ts';
import { EXIT_DONE, type Command } from '../command.ts';
import { formatAge, parseAge, short } from '../quantities.ts';

interface RetentionOptions {
  readonly dataset: string;
  readonly 'keep-last': number | undefined;
  readonly 'keep-within': string | undefined;
  readonly 'keep-all': boolean;
}

export const retention: Command<RetentionOptions> = {
  usage: 'retention <dataset>',
  summary: 'Show or set which snapshots stay; takes effect with the next publish or prune',
  options: (yargs) =>
    yargs
      .positional('dataset', { type: 'string', demandOption: true, describe: 'name or id' })
      .option('keep-last', { type: 'number', describe: 'keep so many of the newest' })
      .option('keep-within', {
        type: 'string',
        describe: 'keep those made so long before the newest: 12h, 30d, 8w, 1y',
      })
      .option('keep-all', { type: 'boolean', default: false, describe: 'remove the rules' }),
  run: async (argv, { call, output }) => {
    const keepLast = argv['keep-last'];
    const keepWithin = argv['keep-within'];
    const isSet = keepLast !== undefined || keepWithin !== undefined || argv['keep-all'];
    const rules = {
      ...(keepLast === undefined ? {} : { keepLast: checkCount(keepLast) }),
      ...(keepWithin === undefined ? {} : { keepWithinMs: checkAge(keepWithin) }),
    };
    if (argv['keep-all'] && Object.keys(rules).length > 0) {
      throw new ReplicationError('ERR_ARGUMENT_INVALID', '--keep-all goes with no other rule');
    }
    const view = (await (isSet
      ? call('POST', '/v1/retention', { body: { dataset: argv.dataset, ...rules } })
      : call('GET', `/v1/retention?dataset=${encodeURIComponent(argv.dataset)}`))) as RetentionView;
    output.result(view, () => lines(view));
    return EXIT_DONE;
  },
};

function checkCount(count: number): number {
  if (Number.isSafeInteger(count) && count >= 1) return count;
  throw new ReplicationError('ERR_ARGUMENT_INVALID', `--keep-last ${count} is no number from 1 on`);
}

function checkAge(text: string): number {
  const ageMs = parseAge(text);
  if (ageMs !== undefined) return ageMs;
  throw new ReplicationError(
    'ERR_ARGUMENT_INVALID',
    `--keep-within ${text} is not 12h, 30d, 8w, 1y`,
  );
}

function lines({ dataset, keepLast, keepWithinMs, pinned }: RetentionView): string[] {
  const rules = [
    ...(keepLast === null ? [] : [`the last ${keepLast}`]),
    ...(keepWithinMs === null ? [] : [`those of ${formatAge(keepWithinMs)} before the newest`]),
  ];
  const kept = rules.length === 0 ? 'all snapshots' : rules.join(' and ');
  return [
    `${dataset} keeps ${kept}`,
    ...(pinned.length === 0 ? [] : [`pinned: ${pinned.map(short).join(' ')}`]),
  ];
}
