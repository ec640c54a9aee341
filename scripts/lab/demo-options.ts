// SPDX-License-Identifier: GPL-2.0-or-later
// The demo's command line.
import { mkdir, mkdtemp, readdir, realpath, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';

export interface Options {
  readonly sites: number;
  readonly input: string;
  readonly work: string;
  readonly once: boolean;
  readonly keep: boolean;
  readonly json: boolean;
  readonly rate: number;
}

/** Reads and checks the command line; makes the work folder. */
export async function parseOptions(): Promise<Options> {
  const parsed = await yargs(hideBin(process.argv))
    .scriptName('scripts/demo')
    .strict()
    .options({
      sites: { type: 'number', default: 3, describe: 'number of sites, 2 to 20' },
      input: { type: 'string', demandOption: true, describe: 'folder to replicate; only read' },
      work: { type: 'string', describe: 'work folder; default: a new one in /var/tmp' },
      once: { type: 'boolean', default: false, describe: 'publish the input itself, once' },
      keep: { type: 'boolean', default: false, describe: 'leave the work folder' },
      json: { type: 'boolean', default: false, describe: 'end with one JSON object' },
      rate: { type: 'number', default: 400, describe: 'uplink of each site in Mbit/s' },
    })
    .parseAsync();
  if (!Number.isInteger(parsed.sites) || parsed.sites < 2 || parsed.sites > 20) {
    throw new Error('--sites takes a whole number from 2 to 20');
  }
  if (!(parsed.rate >= 1 && parsed.rate <= 100_000)) {
    throw new Error('--rate takes a number of Mbit/s from 1 to 100000');
  }
  const input = await realpath(parsed.input);
  if (!(await stat(input)).isDirectory()) throw new Error(`${input} is not a folder`);
  return { ...parsed, input, work: await makeWork(parsed.work) };
}

/** The work folder, which must be absent or empty, so that nothing is overwritten. */
async function makeWork(named: string | undefined): Promise<string> {
  if (named === undefined) {
    const base = await realpath('/var/tmp').catch(() => tmpdir());
    return mkdtemp(join(base, 'muleplex-demo-'));
  }
  await mkdir(named, { recursive: true });
  if ((await readdir(named)).length > 0) throw new Error(`${named} is not empty`);
  return realpath(named);
}
