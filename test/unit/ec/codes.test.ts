// SPDX-License-Identifier: GPL-2.0-or-later
// Our tables against aMule's own list of codes, and the login against a vector that was computed
// with aMule's formula by other means.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { passwordAnswer, storedPassword } from '../../../src/ec/login.ts';
import { MULEPLEX_TAG } from '../../../src/ec/muleplex-tags.ts';
import { EC_OP, MULEPLEX_OP } from '../../../src/ec/opcodes.ts';
import { EC_TAG } from '../../../src/ec/tags.ts';
import { ecCodesPath } from '../../support/core-build.ts';

async function codesOf(prefix: string): Promise<Record<string, number>> {
  const text = await readFile(ecCodesPath(), 'latin1');
  const lines = text.matchAll(new RegExp(`^\\s*${prefix}(\\w+)\\s+(0x[0-9A-Fa-f]+)`, 'gm'));
  return Object.fromEntries([...lines].map((line) => [line[1] ?? '', Number(line[2])]));
}

describe('the EC codes', () => {
  it('are those of aMule', async () => {
    const [opcodes, tags] = [await codesOf('EC_OP_'), await codesOf('EC_TAG_')];
    assert.deepEqual({ ...EC_OP }, opcodes);
    assert.deepEqual({ ...EC_TAG }, tags);
  });

  it('of the control surface use operations that aMule leaves free, each number once', () => {
    const all = [...Object.values(EC_OP), ...Object.values(MULEPLEX_OP)];
    assert.equal(new Set(all).size, all.length);
    const tags = Object.values(MULEPLEX_TAG);
    assert.equal(new Set(tags).size, tags.length);
  });
});

describe('the EC login', () => {
  it('answers a salt as aMule computes it', () => {
    // printf %s "$(printf password | md5sum | cut -c-32)$(printf 1F | md5sum | cut -c-32)" | md5sum
    assert.equal(storedPassword('password'), '5f4dcc3b5aa765d61d8327deb882cf99');
    assert.equal(passwordAnswer('password', 0x1fn), '5e82207d639210d4b6ea4d329bd7420b');
  });
});
