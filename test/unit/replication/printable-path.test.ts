// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { printablePath } from '../../../src/replication/printable-path.ts';

test('printable text stays, all other bytes are shown by their numbers', () => {
  assert.equal(printablePath(Buffer.from('a folder/ümläut 漢字 🎈')), 'a folder/ümläut 漢字 🎈');
  assert.equal(printablePath(Buffer.from([0x61, 0xff, 0x0a, 0x1b])), 'a\\xff\\x0a\\x1b');
  assert.equal(printablePath(Buffer.from('back\\slash')), 'back\\x5cslash');
});

test('no byte sequence becomes a control character, and no two are shown alike', () => {
  const path = fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes));
  fc.assert(
    fc.property(path, path, (left, right) => {
      assert.doesNotMatch(printablePath(left), /\p{C}/u);
      assert.equal(printablePath(left) === printablePath(right), left.equals(right));
    }),
  );
});
