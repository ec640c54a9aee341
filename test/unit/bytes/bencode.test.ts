// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeBencode, encodeBencode, type Bencode } from '../../../src/bytes/bencode.ts';
import { readJsonFixture } from '../../support/fixture.ts';
import { refuses } from '../../support/refuses.ts';

const LIMITS = { sizeMax: 10_000_000 };

test('values have the encoding of the specification', () => {
  const cases: [Bencode, string][] = [
    [0, 'i0e'],
    [-42, 'i-42e'],
    [Number.MAX_SAFE_INTEGER, 'i9007199254740991e'],
    [Number.MIN_SAFE_INTEGER, 'i-9007199254740991e'],
    [Buffer.from('spam'), '4:spam'],
    [Buffer.alloc(0), '0:'],
    [[Buffer.from('a'), [1]], 'l1:ali1eee'],
    [[], 'le'],
    [new Map(), 'de'],
    [
      new Map<string, Bencode>([
        ['b', 1],
        ['a', []],
        ['B', 2],
        ['aa', 3],
      ]),
      'd1:Bi2e1:ale2:aai3e1:bi1ee',
    ],
  ];
  for (const [value, text] of cases) {
    assert.equal(encodeBencode(value).toString('latin1'), text);
    assert.equal(encodeBencode(decodeBencode(Buffer.from(text), LIMITS)).toString(), text);
  }
});

test('byte strings come back as the bytes they are, also when they are no UTF-8', () => {
  const bytes = Buffer.from([0x00, 0xff, 0xfe, 0x65, 0x3a]);
  const decoded = decodeBencode(encodeBencode(new Map([['k', bytes]])), LIMITS);
  assert.deepEqual(decoded, new Map([['k', bytes]]));
});

test('a key that names an inherited property is a key like any other', () => {
  const value = new Map([
    ['constructor', 1],
    ['toString', 2],
    ['valueOf', 3],
  ]);
  assert.deepEqual(decodeBencode(encodeBencode(value), LIMITS), value);
});

test('everything that is not canonical is refused', () => {
  for (const [text, why] of Object.entries(readJsonFixture('bencode-refused.json') as object)) {
    const bytes = Buffer.from(text, 'latin1');
    refuses('ERR_BENCODE_MALFORMED', () => {
      decodeBencode(bytes, LIMITS);
      assert.fail(`${text} was taken: ${String(why)}`);
    });
  }
});

test('every cut of a value is refused', () => {
  const whole = Buffer.from('d1:ai-12e1:bl3:xyzd1:ci0eee1:d0:e');
  decodeBencode(whole, LIMITS);
  for (let length = 0; length < whole.length; length += 1) {
    refuses('ERR_BENCODE_MALFORMED', () => decodeBencode(whole.subarray(0, length), LIMITS));
  }
});

test('depth, items and size are bounded before anything is built', () => {
  const deep = Buffer.from('l'.repeat(5_000_000));
  refuses('ERR_BENCODE_MALFORMED', () => decodeBencode(deep, LIMITS), /deeper than 8/);
  const many = Buffer.from(`l${'le'.repeat(1_000_000)}e`);
  refuses('ERR_BENCODE_MALFORMED', () => decodeBencode(many, LIMITS), /more than 16384 items/);
  refuses('ERR_BENCODE_MALFORMED', () => decodeBencode(Buffer.from('4:spam'), { sizeMax: 5 }));
  const own = { sizeMax: 100, depthMax: 1, itemsMax: 2 };
  decodeBencode(Buffer.from('li1ee'), own);
  refuses('ERR_BENCODE_MALFORMED', () => decodeBencode(Buffer.from('llee'), own));
  refuses('ERR_BENCODE_MALFORMED', () => decodeBencode(Buffer.from('li1ei1ee'), own));
});

test('a value that cannot be encoded is a bug of the caller', () => {
  for (const value of [1.5, Number.NaN, 2 ** 53, new Map([['a b', 1]]), 'text' as never]) {
    assert.throws(() => encodeBencode(value), assert.AssertionError);
  }
});
