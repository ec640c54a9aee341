// SPDX-License-Identifier: GPL-2.0-or-later
// What no compiler checks: every error code is documented and thrown, every limit is listed, every
// file names its licence, no machine's paths.
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, it } from 'node:test';
import { ERROR_CODES } from '../src/base/errors.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const CODE_FOLDERS = ['src', 'test', 'native', 'scripts'];
const CODE_NAMES = /(\.(ts|cc|h|sh)|^[a-z-]+)$/;

/** Words of other programs for things that have one name here (docs/terms.md). */
const FORBIDDEN = [
  /\bed2k hash\b/i,
  /\bhash list\b/i,
  /\bseeder\b/i,
  /\bleecher\b/i,
  /\btorrent\b/i,
];

async function codeFiles(): Promise<readonly { name: string; text: string }[]> {
  const files: { name: string; text: string }[] = [];
  for (const folder of CODE_FOLDERS) {
    const entries = await readdir(join(ROOT, folder), { recursive: true, withFileTypes: true });
    for (const entry of entries) {
      if (!entry.isFile() || !CODE_NAMES.test(entry.name)) continue;
      const path = join(entry.parentPath, entry.name);
      files.push({ name: path.slice(ROOT.length), text: await readFile(path, 'utf8') });
    }
  }
  return files;
}

describe('the repository', () => {
  it('names the licence in the first lines of every code file', async () => {
    for (const { name, text } of await codeFiles()) {
      const head = text.split('\n', 2).join('\n');
      assert.match(head, /SPDX-License-Identifier: GPL-2\.0-or-later/, name);
    }
  });

  it('keeps lines within 100 columns', async () => {
    for (const { name, text } of await codeFiles()) {
      for (const [index, line] of text.split('\n').entries()) {
        // A line with a literal may have no place to be broken; the formatter breaks the others.
        if (line.length <= 100 || /['"`]/.test(line)) continue;
        assert.fail(`${name}:${index + 1} has ${line.length} columns`);
      }
    }
  });

  it('says each thing with the word of the glossary', async () => {
    for (const { name, text } of await codeFiles()) {
      if (name.endsWith('tidy.test.ts')) continue;
      for (const word of FORBIDDEN) assert.doesNotMatch(text, word, name);
    }
  });

  it('documents every error code, and no other', async () => {
    const text = await readFile(join(ROOT, 'docs/errors.md'), 'utf8');
    const documented = [...text.matchAll(/^### (ERR_[A-Z0-9_]+)$/gm)].map((match) => match[1]);
    assert.deepEqual(documented.sort(), Object.keys(ERROR_CODES).sort());
  });

  it('throws every error code somewhere', async () => {
    const source = (await codeFiles())
      .filter(({ name }) => name.startsWith('src/') && !name.endsWith('base/errors.ts'))
      .map(({ text }) => text)
      .join('\n');
    const unused = Object.keys(ERROR_CODES).filter((code) => !source.includes(`'${code}'`));
    // storageError() in the table's own file throws these two.
    assert.deepEqual(
      unused.filter((code) => !['ERR_SPACE_SHORT', 'ERR_STORAGE_FAILED'].includes(code)),
      [],
    );
  });

  it('lists every limit in docs/limits.md', async () => {
    const text = await readFile(join(ROOT, 'docs/limits.md'), 'utf8');
    const limits = await readFile(join(ROOT, 'src/base/limits.ts'), 'utf8');
    for (const match of limits.matchAll(/^export const ([A-Z0-9_]+)/gm)) {
      assert.ok(
        text.includes(`\`${match[1] ?? ''}\``),
        `${match[1] ?? ''} is not in docs/limits.md`,
      );
    }
  });
});
