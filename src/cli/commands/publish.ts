// SPDX-License-Identifier: GPL-2.0-or-later
// `muleplex publish`: makes a snapshot of a folder, pushes it, and waits for signed receipts.
import { resolve } from 'node:path';
import { ReplicationError } from '../../base/errors.ts';
import type { PublishProgress, PublishResult } from '../../replication/site-view.ts';
import { EXIT_DONE, EXIT_SKIPPED, type Command } from '../command.ts';
import { formatBytes, formatDuration, formatRate, parseDuration, short } from '../quantities.ts';

interface PublishOptions {
  readonly dir: string;
  readonly dataset: string;
  readonly wait: string;
  readonly timeout: string | undefined;
  readonly checksum: boolean;
}

/** all, none or a number of sites. */
function parseWait(text: string): 'all' | 'none' | number {
  if (text === 'all' || text === 'none') return text;
  if (/^[1-9]\d{0,4}$/.test(text)) return Number(text);
  throw new ReplicationError('ERR_ARGUMENT_INVALID', `--wait ${text} is not all, none or a number`);
}

function parseTimeout(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const timeoutMs = parseDuration(text);
  if (timeoutMs === undefined) {
    throw new ReplicationError('ERR_ARGUMENT_INVALID', `--timeout ${text} is not 90, 90s, 15m, 2h`);
  }
  return timeoutMs;
}

export const publish: Command<PublishOptions> = {
  usage: 'publish <dir>',
  summary: 'Make a snapshot of a folder and replicate it to all peers that may read it',
  options: (yargs) =>
    yargs
      .positional('dir', { type: 'string', demandOption: true, describe: 'folder, only read' })
      .option('dataset', { type: 'string', demandOption: true, describe: 'name of the data set' })
      .option('wait', {
        type: 'string',
        default: 'none',
        describe: 'until all, N or none of the sites have signed that they see it',
      })
      .option('timeout', { type: 'string', describe: 'end of --wait: 90, 90s, 15m, 2h' })
      .option('checksum', {
        type: 'boolean',
        default: false,
        describe: 'read files too whose size, times and inode did not change',
      }),
  run: async (argv, { call, output }) => {
    const timeoutMs = parseTimeout(argv.timeout);
    const result = (await call('POST', '/v1/publish', {
      body: {
        folder: resolve(argv.dir),
        dataset: argv.dataset,
        wait: parseWait(argv.wait),
        checksum: argv.checksum,
        ...(timeoutMs === undefined ? {} : { timeoutMs }),
      },
      onProgress: (event) => {
        const progress = event as PublishProgress;
        output.progress(progress.stage, describe(progress));
      },
    })) as PublishResult;
    output.result(result, () => summary(result));
    for (const { path, reason } of result.skipped) output.note(`skipped ${reason}: ${path}`);
    if (result.missing.length > 0) {
      const names = result.missing.join(', ');
      const text = `no "visible" signature in time of ${names}`;
      throw new ReplicationError('ERR_WAIT_TIMEOUT', text, { missing: result.missing });
    }
    return result.skipped.length > 0 ? EXIT_SKIPPED : EXIT_DONE;
  },
};

function describe(progress: PublishProgress): string {
  switch (progress.stage) {
    case 'scan':
      return 'reading the folder';
    case 'ingest':
      return (
        `ingest ${progress.filesDone}/${progress.filesTotal} files, ` +
        `${formatBytes(progress.bytesDone)} of ${formatBytes(progress.bytesTotal)}, ` +
        `packs ${formatBytes(progress.packBytes)}`
      );
    case 'push':
      return `snapshot ${short(progress.snapshotId)} is durable; pushing`;
    case 'wait':
      return `visible at ${names(progress.visible)}; waiting for ${names(progress.missing)}`;
  }
}

const names = (list: readonly string[]): string => (list.length === 0 ? 'none' : list.join(', '));

function summary(result: PublishResult): string[] {
  const rate = result.ingestMs === 0 ? 0 : (result.bytesRead * 1000) / result.ingestMs;
  return [
    `snapshot ${result.snapshotId} (${result.dataset}, sequence ${result.sequence})`,
    `${result.files} files, ${formatBytes(result.bytes)}; read ` +
      `${formatBytes(result.bytesRead)} in ${formatDuration(result.ingestMs)} ` +
      `(${formatRate(rate)}), new ${formatBytes(result.uniqueBytes)}`,
    `${result.packs} packs with ${formatBytes(result.newPackBytes)}, ` +
      `manifest ${formatBytes(result.manifestBytes)}`,
    ...result.receipts.map(({ site, state }) => `${site}: ${state}`),
  ];
}
