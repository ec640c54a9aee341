// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BufferReader } from '../../../src/bytes/reader.ts';
import { BufferWriter } from '../../../src/bytes/writer.ts';
import { refuses } from '../../support/refuses.ts';

const MAX = Number.MAX_SAFE_INTEGER;

test('a reader reads what a writer wrote, in both byte orders', () => {
  const bytes = new BufferWriter(1)
    .u8(0xfe)
    .u16le(0x1234)
    .u32le(0xfedcba98)
    .u64le(MAX)
    .i64le(-MAX)
    .u16be(0x1234)
    .u32be(0xfedcba98)
    .u64be(MAX)
    .bytes(Buffer.from('abc'))
    .setU32le(3, 5)
    .toBuffer();
  const reader = new BufferReader(bytes);
  assert.equal(reader.u8(), 0xfe);
  assert.equal(reader.u16le(), 0x1234);
  assert.equal(reader.u32le(), 5);
  assert.equal(reader.u64le(), MAX);
  assert.equal(reader.i64le(), -MAX);
  assert.equal(reader.u16be(), 0x1234);
  assert.equal(reader.u32be(), 0xfedcba98);
  assert.equal(reader.u64be(), MAX);
  assert.equal(reader.bytes(3).toString(), 'abc');
  assert.equal(reader.remaining, 0);
  reader.end();
  assert.equal(bytes.subarray(1, 3).toString('hex'), '3412');
});

test('every overrun of a reader is a malformed error with field and offset', () => {
  const reads: ((reader: BufferReader) => unknown)[] = [
    (reader) => reader.u8('x'),
    (reader) => reader.u16le('x'),
    (reader) => reader.u32le('x'),
    (reader) => reader.u64le('x'),
    (reader) => reader.i64le('x'),
    (reader) => reader.u16be('x'),
    (reader) => reader.u32be('x'),
    (reader) => reader.u64be('x'),
    (reader) => reader.bytes(9, 'x'),
    (reader) => {
      reader.expect(Buffer.alloc(9), 'x');
    },
  ];
  for (const read of reads) {
    refuses('ERR_FORMAT_MALFORMED', () => read(new BufferReader(Buffer.alloc(0))), /x needs/);
  }
  refuses('ERR_FORMAT_MALFORMED', () => {
    new BufferReader(Buffer.alloc(1)).end();
  });
});

test('numbers that JavaScript cannot hold are refused by a reader and a bug for a writer', () => {
  const tooLarge = Buffer.alloc(8, 0xff);
  refuses('ERR_FORMAT_MALFORMED', () => new BufferReader(tooLarge).u64le(), /2\^53/);
  refuses('ERR_FORMAT_MALFORMED', () => new BufferReader(tooLarge).u64be(), /2\^53/);
  assert.equal(new BufferReader(tooLarge).i64le(), -1);
  assert.throws(() => new BufferWriter().u64le(MAX + 1), assert.AssertionError);
  assert.throws(() => new BufferWriter().u8(256), RangeError);
});
