// SPDX-License-Identifier: GPL-2.0-or-later
// `muleplex publish`: makes a snapshot of a folder, pushes it, and waits for signed receipts.
import { resolve } from 'node:path';
import { ReplicationError, messageOf } from '../../base/errors.ts';
import type { PublishProgress, PublishResult } from '../../replication/site-view.ts';
import { EXIT_DONE, EXIT_SKIPPED, type Command, type Context } from '../command.ts';
import { formatBytes, formatDuration, formatRate, parseDuration, short } from '../quantities.ts';
import { SourceSnapshot } from '../source-snapshot.ts';

interface PublishOptions {
  readonly dir: string;
  readonly dataset: string;
  readonly wait: string;
  readonly timeout: string | undefined;
  readonly checksum: boolean;
  readonly 'snapshot-cmd': string | undefined;
  readonly 'snapshot-cleanup-cmd': string | undefined;
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
      })
      .option('snapshot-cmd', {
        type: 'string',
        describe: 'makes a snapshot of the folder and prints the folder to read instead',
      })
      .option('snapshot-cleanup-cmd', {
        type: 'string',
        implies: 'snapshot-cmd',
        describe: 'removes it when it has been read, or the publish has failed',
      }),
  run: async (argv, context) => {
    const { output, signal } = context;
    const timeoutMs = parseTimeout(argv.timeout);
    const folder = resolve(argv.dir);
    const snapshot = new SourceSnapshot({
      command: argv['snapshot-cmd'],
      cleanupCommand: argv['snapshot-cleanup-cmd'],
      folder,
      dataset: argv.dataset,
    });
    const body = {
      dataset: argv.dataset,
      wait: parseWait(argv.wait),
      checksum: argv.checksum,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    };
    let result: PublishResult;
    try {
      result = await publishFrom(await snapshot.make(signal), body, snapshot, context);
    } catch (error) {
      await snapshot.remove().catch((failure: unknown) => output.note(messageOf(failure)));
      throw error;
    }
    output.result(result, () => summary(result));
    for (const { path, reason } of result.skipped) output.note(`skipped ${reason}: ${path}`);
    await snapshot.remove();
    if (result.missing.length > 0) {
      const names = result.missing.join(', ');
      const text = `no "visible" signature in time of ${names}`;
      throw new ReplicationError('ERR_WAIT_TIMEOUT', text, { missing: result.missing });
    }
    return result.skipped.length > 0 ? EXIT_SKIPPED : EXIT_DONE;
  },
};

async function publishFrom(
  folder: string,
  body: object,
  snapshot: SourceSnapshot,
  { call, output }: Context,
): Promise<PublishResult> {
  const result = await call('POST', '/v1/publish', {
    body: { ...body, folder },
    onProgress: (event) => {
      const progress = event as PublishProgress;
      // Everything has been read: nobody needs the snapshot while sites are waited for. A failure
      // is thrown by the next call.
      if (progress.stage === 'push') snapshot.remove().catch(() => undefined);
      output.progress(progress.stage, describe(progress));
    },
  });
  return result as PublishResult;
}

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
