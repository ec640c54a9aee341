// SPDX-License-Identifier: GPL-2.0-or-later
// Many small files: what a publish of them takes, and one more while nothing has changed, beside
// restic. Memory is that of muleplexd and of restic's process, the peak of each step.
import { createCipheriv } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createNetwork } from '../network.ts';
import { Site } from '../site.ts';
import { Cleanup } from './cleanup.ts';
import { peakBytes } from './process-figures.ts';
import { shell } from './timed-shell.ts';

const FILES_PER_FOLDER = 1_000;
const FILE_SIZE = 1_024;
const NOISE_SIZE = 384;
const MB = 1e6;

interface StepFigures {
  readonly seconds: number;
  readonly filesPerSecond: number;
  readonly rssMb: number;
}

export interface FilesFigures {
  readonly files: number;
  readonly tools: readonly {
    readonly name: string;
    readonly first: StepFigures;
    readonly unchanged: StepFigures;
  }[];
}

/** Files of 1 KiB, 1,000 in each folder, no two alike, half of each without pattern. */
function makeFiles(folder: string, count: number): void {
  const cipher = createCipheriv('aes-256-ctr', Buffer.alloc(32, 1), Buffer.alloc(16));
  for (let first = 0; first < count; first += FILES_PER_FOLDER) {
    const inner = join(folder, `folder-${String(first / FILES_PER_FOLDER).padStart(5, '0')}`);
    mkdirSync(inner);
    for (let index = first; index < Math.min(first + FILES_PER_FOLDER, count); index += 1) {
      const noise = cipher.update(Buffer.alloc(NOISE_SIZE)).toString('base64');
      let text = `record ${index}\n${noise}\n`;
      while (text.length < FILE_SIZE) text += `field ${text.length}: value of record ${index}\n`;
      writeFileSync(join(inner, `file-${index}.txt`), text.slice(0, FILE_SIZE), 'latin1');
    }
  }
}

function figures(count: number, seconds: number, rssMb: number): StepFigures {
  return { seconds, filesPerSecond: count / seconds, rssMb };
}

async function measureOwn(
  count: number,
  at: { readonly input: string; readonly work: string },
  cleanup: Cleanup,
): Promise<FilesFigures['tools'][number]> {
  const { input, work } = at;
  const options = { sites: 1, work, inputs: [input], rateMbit: undefined };
  const network = await createNetwork(options);
  cleanup.add(() => network.destroy());
  const site = new Site(network, { site: 1, folder: join(work, 'site-1'), core: 'embedded' });
  cleanup.add(() => site.stop());
  await site.init();
  await site.start();
  const pid = site.pid ?? 0;
  const publish = async (): Promise<StepFigures> => {
    // The peak counts from here on (proc(5), clear_refs).
    await writeFile(`/proc/${pid}/clear_refs`, '5');
    const startMs = performance.now();
    await site.succeed(['publish', input, '--dataset', 'main', '--wait', 'none']);
    const seconds = (performance.now() - startMs) / 1000;
    return figures(count, seconds, (await peakBytes(pid)) / MB);
  };
  return { name: 'muleplex', first: await publish(), unchanged: await publish() };
}

async function measureRestic(
  count: number,
  { input, work }: { readonly input: string; readonly work: string },
): Promise<FilesFigures['tools'][number]> {
  const restic = 'export RESTIC_PASSWORD=benchmark; restic -q -r $work/store --cache-dir $work/c ';
  const folders = { v1: input, v2: input, work };
  await shell(folders, `${restic} init`);
  const backup = async (): Promise<StepFigures> => {
    const spent = await shell(folders, `cd $v1 && ${restic} backup .`);
    return figures(count, spent.seconds, spent.peakRssMb);
  };
  return { name: 'restic', first: await backup(), unchanged: await backup() };
}

/** Makes the files below the scratch folder and removes them in the end. */
export async function measureFiles(
  count: number,
  tools: readonly string[],
  { base, cleanup }: { readonly base: string; readonly cleanup: Cleanup },
): Promise<FilesFigures> {
  const input = join(base, 'input');
  await mkdir(input);
  cleanup.add(() => rm(input, { recursive: true, force: true }));
  makeFiles(input, count);
  const measured = [];
  for (const name of ['muleplex', 'restic']) {
    if (!tools.includes(name)) continue;
    const work = join(base, name);
    await mkdir(work);
    const at = { input, work };
    const own = new Cleanup();
    cleanup.add(() => own.all());
    measured.push(
      name === 'restic' ? await measureRestic(count, at) : await measureOwn(count, at, own),
    );
    await own.all();
  }
  return { files: count, tools: measured };
}

export function filesTable({ files, tools }: FilesFigures): string {
  const head = ['tool', 'files', 's', 'files/s', 'RSS MB', 'again s', 'files/s', 'RSS MB'];
  const step = ({ seconds, filesPerSecond, rssMb }: StepFigures): string[] => [
    seconds.toFixed(2),
    filesPerSecond.toFixed(0),
    rssMb.toFixed(0),
  ];
  const rows = tools.map(({ name, first, unchanged }) => [
    name,
    String(files),
    ...step(first),
    ...step(unchanged),
  ]);
  return [head, head.map(() => '-'), ...rows].map((row) => row.join(' | ')).join('\n');
}
