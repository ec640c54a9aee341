// SPDX-License-Identifier: GPL-2.0-or-later
// The benchmark of ingest: two versions of a tree are stored by us and by the tools that a user
// would take else, each in turn, and what comes back is compared with the second version.
import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { differences } from '../compare.ts';
import { createNetwork } from '../network.ts';
import { run } from '../run.ts';
import { Site } from '../site.ts';
import { Cleanup } from './cleanup.ts';
import { filesTable, measureFiles } from './ingest-files.ts';
import { measureIndex } from './ingest-index.ts';
import { cpuSeconds, peakBytes } from './process-figures.ts';
import { shell, type Folders } from './timed-shell.ts';

const ROOT = dirname(fileURLToPath(new URL('../../../../package.json', import.meta.url)));
const MB = 1e6;
const PASSWORD = 'benchmark';
/** ext4 without a journal avoids inodes for 60 s after a deletion, 360 s if it is not on disk. */
const DISK_REST_MS = 61_000;

interface ToolFigures {
  readonly name: string;
  /** Stored for the first version, and added by the second. */
  readonly v1Bytes: number;
  readonly v2Bytes: number;
  readonly v1Seconds: number;
  readonly v2Seconds: number;
  /** Of both. */
  readonly cpuSeconds: number;
  readonly peakRssMb: number;
  readonly restoreSeconds: number;
  readonly identical: boolean;
}

/** A shell command with `$v1`, `$v2` and `$work`, each step measured by time(1). */
interface ShellTool {
  readonly name: string;
  readonly prepare?: string;
  readonly v1: string;
  readonly v2: string;
  /** Into `$work/out`. */
  readonly restore: string;
  /** Below `$work`: what is stored after each step. */
  readonly store: string;
  /** Work of the second version that is not the tool's own, as making a tar. */
  readonly before2?: string;
}

const BORG = `export BORG_PASSPHRASE=${PASSWORD} BORG_BASE_DIR=$work/borg-home; `;
const RESTIC = `export RESTIC_PASSWORD=${PASSWORD}; restic -q -r $work/store --no-cache `;

const TOOLS: readonly ShellTool[] = [
  {
    name: 'borg',
    prepare: `${BORG}borg init -e repokey-blake2 $work/store`,
    v1: `${BORG}cd $v1 && borg create -C zstd,3 $work/store::1 .`,
    v2: `${BORG}cd $v2 && borg create -C zstd,3 --files-cache disabled $work/store::2 .`,
    restore: `${BORG}mkdir $work/out && cd $work/out && borg extract $work/store::2`,
    store: 'store',
  },
  {
    name: 'restic',
    prepare: `${RESTIC}init`,
    v1: `cd $v1 && ${RESTIC}backup .`,
    v2: `cd $v2 && ${RESTIC}backup --force .`,
    restore: `${RESTIC}restore latest --target $work/out`,
    store: 'store',
  },
  {
    name: 'casync',
    v1: 'mkdir $work/store && casync make --store=$work/store/c $work/store/1.caidx $v1',
    v2: 'casync make --store=$work/store/c $work/store/2.caidx $v2',
    restore: 'casync extract --store=$work/store/c $work/store/2.caidx $work/out',
    store: 'store',
  },
  {
    name: 'zstd',
    prepare: 'mkdir $work/store && tar -C $v1 --sort=name --xattrs -cf $work/1.tar .',
    v1: 'zstd -q -3 -T2 --long=27 $work/1.tar -o $work/store/1',
    before2: 'tar -C $v2 --sort=name --xattrs -cf $work/2.tar .',
    v2: 'zstd -q -3 --long=31 --patch-from=$work/1.tar $work/2.tar -o $work/store/2',
    restore:
      'zstd -q -d --long=31 --patch-from=$work/1.tar $work/store/2 -o $work/r.tar && ' +
      'mkdir $work/out && tar -C $work/out --xattrs -xf $work/r.tar',
    store: 'store',
  },
  {
    name: 'xdelta3',
    prepare: 'mkdir $work/store && tar -C $v1 --sort=name --xattrs -cf $work/1.tar .',
    v1: 'zstd -q -3 -T2 --long=27 $work/1.tar -o $work/store/1',
    before2: 'tar -C $v2 --sort=name --xattrs -cf $work/2.tar .',
    v2: 'xdelta3 -q -e -1 -B 2147483648 -s $work/1.tar $work/2.tar $work/store/2',
    restore:
      'xdelta3 -q -d -B 2147483648 -s $work/1.tar $work/store/2 $work/r.tar && ' +
      'mkdir $work/out && tar -C $work/out --xattrs -xf $work/r.tar',
    store: 'store',
  },
  {
    name: 'rsync',
    prepare: 'mkdir $work/store && cp -a $v1 $work/out',
    v1: 'tar -C $v1 -c . | zstd -q -3 -T2 --long=27 -o $work/store/1',
    v2: 'rsync -aHAX --delete --ignore-times --no-W --only-write-batch=$work/batch $v2/ $work/out/',
    restore: 'rsync -aHAX --delete --no-W --read-batch=$work/batch $work/out/',
    store: 'store $work/batch',
  },
];

function say(text: string): void {
  process.stderr.write(`==> ${text}\n`);
}

async function bytesOf(folders: Folders, store: string): Promise<number> {
  const script = `du -sbc $work/${store} | tail -n 1 | cut -f 1`;
  const output = await run(['env', `work=${folders.work}`, 'bash', '-ec', script]);
  return Number(output.trim());
}

async function measureShell(tool: ShellTool, folders: Folders): Promise<ToolFigures> {
  await shell(folders, tool.prepare ?? 'true');
  const store = tool.name === 'rsync' ? 'store' : tool.store;
  const emptyBytes = tool.name === 'casync' ? 0 : await bytesOf(folders, store);
  const first = await shell(folders, tool.v1);
  const v1Bytes = (await bytesOf(folders, store)) - emptyBytes;
  await shell(folders, tool.before2 ?? 'true');
  const second = await shell(folders, tool.v2);
  const v2Bytes = (await bytesOf(folders, tool.store)) - emptyBytes - v1Bytes;
  const restored = await shell(folders, tool.restore);
  return {
    name: tool.name,
    ...{ v1Bytes, v2Bytes, v1Seconds: first.seconds, v2Seconds: second.seconds },
    cpuSeconds: first.cpuSeconds + second.cpuSeconds,
    peakRssMb: Math.max(first.peakRssMb, second.peakRssMb),
    restoreSeconds: restored.seconds,
    identical: await isSame(folders.v2, join(folders.work, 'out')),
  };
}

/** One site publishes both versions and restores the second. */
async function measureOwn({ v1, v2, work }: Folders, cleanup: Cleanup): Promise<ToolFigures> {
  const network = await createNetwork({ sites: 1, work, inputs: [v1, v2], rateMbit: undefined });
  cleanup.add(() => network.destroy());
  const site = new Site(network, { site: 1, folder: join(work, 'site-1'), core: 'embedded' });
  cleanup.add(() => site.stop());
  await site.init();
  await site.start();
  const publish = async (folder: string): Promise<{ seconds: number; bytes: number }> => {
    const options = ['--dataset', 'main', '--checksum', '--wait', 'none'];
    const startMs = performance.now();
    await site.succeed(['publish', folder, ...options]);
    const seconds = (performance.now() - startMs) / 1000;
    return { seconds, bytes: await publishedBytes(site) };
  };
  const first = await publish(v1);
  const second = await publish(v2);
  const pid = site.pid ?? 0;
  const spent = { cpuSeconds: await cpuSeconds(pid), peakRssMb: (await peakBytes(pid)) / MB };
  const restored = join(site.folder, 'restored');
  const startMs = performance.now();
  await site.succeed(['restore', 'main', restored]);
  const restoreSeconds = (performance.now() - startMs) / 1000;
  return {
    name: 'muleplex',
    ...{ v1Bytes: first.bytes, v2Bytes: second.bytes - first.bytes },
    ...{ v1Seconds: first.seconds, v2Seconds: second.seconds },
    ...spent,
    restoreSeconds,
    identical: await isSame(v2, restored),
  };
}

/** The folder itself is no part of what most of the others store. */
async function isSame(source: string, restored: string): Promise<boolean> {
  const lines = await differences(source, restored);
  return lines.every((line) => line.endsWith(' ./'));
}

/** Packs and manifests: all that another site needs. */
async function publishedBytes(site: Site): Promise<number> {
  let bytes = 0;
  for (const folder of ['packs', 'manifests']) {
    const path = join(site.home, folder);
    for (const name of await readdir(path, { recursive: true })) {
      const entry = await stat(join(path, name));
      if (entry.isFile()) bytes += entry.size;
    }
  }
  return bytes;
}

function table(tools: readonly ToolFigures[]): string {
  const head = ['tool', 'v1 MB', 'v2 MB', 'v1 s', 'v2 s', 'CPU s', 'RSS MB', 'restore s', 'same'];
  const rows = tools.map((tool) => [
    tool.name,
    (tool.v1Bytes / MB).toFixed(1),
    (tool.v2Bytes / MB).toFixed(1),
    tool.v1Seconds.toFixed(1),
    tool.v2Seconds.toFixed(1),
    tool.cpuSeconds.toFixed(1),
    tool.peakRssMb.toFixed(0),
    tool.restoreSeconds.toFixed(1),
    tool.identical ? 'yes' : 'NO',
  ]);
  return [head, head.map(() => '-'), ...rows].map((row) => row.join(' | ')).join('\n');
}

async function main(cleanup: Cleanup): Promise<void> {
  const names = ['muleplex', ...TOOLS.map(({ name }) => name)];
  const options = await yargs(hideBin(process.argv))
    .scriptName('npm run bench:ingest --')
    .strict()
    .options({
      v1: { type: 'string', describe: 'a folder; with --v2 instead of the reference set' },
      v2: { type: 'string', describe: 'a later version of it' },
      work: { type: 'string', default: '/tmp', describe: 'where the scratch folder is made' },
      chunks: { type: 'number', describe: 'so many chunks in the index alone instead' },
      files: { type: 'number', describe: 'so many small files instead, twice the same' },
      tools: { type: 'string', default: names.join(','), describe: 'which, with commas between' },
      json: { type: 'boolean', default: false, describe: 'end with one line of JSON' },
    })
    .parseAsync();
  if ((options.v1 === undefined) !== (options.v2 === undefined)) {
    throw new Error('--v1 and --v2 belong together');
  }
  const wanted = options.tools.split(',');
  for (const name of wanted) if (!names.includes(name)) throw new Error(`no tool ${name}`);
  const base = await mkdtemp(join(options.work, 'muleplex-ingest-'));
  cleanup.add(() => rm(base, { recursive: true, force: true }));
  if (options.chunks !== undefined) {
    process.stdout.write(`${JSON.stringify(await measureIndex(options.chunks, base))}\n`);
    return;
  }
  if (options.files !== undefined) {
    const own = new Cleanup();
    cleanup.add(() => own.all());
    const figures = await measureFiles(options.files, wanted, { base, cleanup: own });
    process.stdout.write(`${options.json ? JSON.stringify(figures) : filesTable(figures)}\n`);
    return;
  }
  const set =
    options.v1 === undefined ? (await run([join(ROOT, 'scripts/ingest-input')])).trim() : '';
  const v1 = options.v1 ?? join(set, 'v1');
  const v2 = options.v2 ?? join(set, 'v2');
  // For a while after a deletion ext4 looks long for inodes that may be used again, and the restore
  // that comes next would be the one to wait: so all is deleted at the end, and what was deleted
  // before has rested when the first tool begins.
  say('syncing, and letting the disk rest for a minute');
  await run(['sync']);
  await setTimeout(DISK_REST_MS);
  const tools: ToolFigures[] = [];
  for (const name of wanted) {
    say(name);
    // Each tool finds both versions in the page cache.
    await run(['bash', '-c', `tar -c ${v1} ${v2} 2>/dev/null | cat >/dev/null`]);
    const work = join(base, name);
    await mkdir(work);
    const own = new Cleanup();
    cleanup.add(() => own.all());
    const tool = TOOLS.find((candidate) => candidate.name === name);
    const folders = { v1, v2, work };
    const figures = await (tool === undefined
      ? measureOwn(folders, own)
      : measureShell(tool, folders));
    await own.all();
    say(JSON.stringify(figures));
    tools.push(figures);
  }
  process.stdout.write(`${options.json ? JSON.stringify({ tools }) : table(tools)}\n`);
}

const cleanup = new Cleanup();
try {
  await main(cleanup);
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
} finally {
  await cleanup.all();
}
