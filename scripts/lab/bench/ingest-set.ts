// SPDX-License-Identifier: GPL-2.0-or-later
// The parts of the ingest benchmark's set that no package has: a heap of pages with scattered
// updates, logs that grew and rotated, and noise. The same in each run. Arguments: both folders.
import { createCipheriv, createHash } from 'node:crypto';
import { open, mkdir, writeFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';

const PAGE_SIZE = 8192;
const HEAP_PAGES = 24_000;
const HEAP_FILES = 2;
/** One page of so many is written anew in the second version. */
const UPDATE_EVERY = 60;
const LOG_LINES = 600_000;
const MB = 1_000_000;

/** AES-256-CTR of zeros under the seed: bytes without pattern. */
function noise(seed: string, length: number): Buffer {
  const key = createHash('sha256').update(seed).digest();
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(length));
}

/** Rows as a database has them: counters, words of few kinds, and some bytes of their own. */
function page(file: number, index: number, version: number): Buffer {
  const own = noise(`${file} ${index} ${version}`, PAGE_SIZE / 4).toString('base64');
  let text = `page ${index} of ${file}\n`;
  for (let row = 0; text.length < PAGE_SIZE; row += 1) {
    const word = own.slice((row * 16) % 2000, ((row * 16) % 2000) + 16);
    text += `${index * 100 + row}|${word}|active|2026-01-01 00:00:00|${row % 7}|customer\n`;
  }
  return Buffer.from(text.slice(0, PAGE_SIZE), 'latin1');
}

async function writeHeap(folder: string, version: number): Promise<void> {
  for (let file = 0; file < HEAP_FILES; file += 1) {
    await withFile(join(folder, `heap-${file}`), async (out) => {
      for (let index = 0; index < HEAP_PAGES; index += 1) {
        const isNew = version === 2 && (index * 7919) % UPDATE_EVERY === 0;
        await out.write(page(file, index, isNew ? 2 : 1));
      }
    });
  }
}

async function writeLog(path: string, first: number, count: number): Promise<void> {
  await withFile(path, async (out) => {
    for (let start = first; start < first + count; start += 10_000) {
      let text = '';
      for (let line = start; line < start + 10_000; line += 1) {
        const address = noise(`log ${line >> 6}`, 4).join('.');
        text += `2026-01-${1 + (line % 28)} host service[${line % 977}]: request ${line} from `;
        text += `${address} took ${(line * 31) % 1009} ms, status ${line % 50 === 0 ? 500 : 200}\n`;
      }
      await out.write(text);
    }
  });
}

async function withFile(path: string, use: (out: FileHandle) => Promise<void>): Promise<void> {
  const out = await open(path, 'w');
  try {
    await use(out);
  } finally {
    await out.close();
  }
}

async function makeFirst(folder: string): Promise<void> {
  await writeHeap(folder, 1);
  await writeLog(join(folder, 'log'), LOG_LINES, LOG_LINES);
  await writeLog(join(folder, 'log.1'), 0, LOG_LINES);
  await mkdir(join(folder, 'noise'));
  for (const name of ['inserted', 'overwritten', 'renamed', 'kept']) {
    await writeFile(join(folder, 'noise', name), noise(name, 60 * MB));
  }
}

/** The second version: the log has grown and was rotated, each noise has had its change. */
async function makeSecond(folder: string): Promise<void> {
  await writeHeap(folder, 2);
  await writeLog(join(folder, 'log'), 2 * LOG_LINES, LOG_LINES / 6);
  await writeLog(join(folder, 'log.1'), LOG_LINES, LOG_LINES);
  await writeLog(join(folder, 'log.2'), 0, LOG_LINES);
  await mkdir(join(folder, 'noise'));
  const write = (name: string, bytes: Buffer): Promise<void> =>
    writeFile(join(folder, 'noise', name), bytes);
  const inserted = noise('inserted', 60 * MB);
  const [before, after] = [inserted.subarray(0, 20 * MB), inserted.subarray(20 * MB)];
  await write('inserted', Buffer.concat([before, noise('insert', 100_003), after]));
  const overwritten = noise('overwritten', 60 * MB);
  noise('overwrite', 200_000).copy(overwritten, 30 * MB);
  await write('overwritten', overwritten);
  await write('new name', noise('renamed', 60 * MB));
  await write('kept', noise('kept', 60 * MB));
  await write('new', noise('new', 16_800_000));
}

const [first, second] = process.argv.slice(2);
if (first === undefined || second === undefined) throw new Error('two folders are needed');
await makeFirst(first);
await makeSecond(second);
