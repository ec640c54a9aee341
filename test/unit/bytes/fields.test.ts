// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeFields, type FieldReader } from '../../../src/bytes/fields.ts';
import { refuses } from '../../support/refuses.ts';

const FORMAT = { code: 'ERR_RECORD_MALFORMED', name: 'record' } as const;

function fieldsOf(text: string): FieldReader {
  return decodeFields(Buffer.from(text, 'latin1'), { sizeMax: 1_000 }, FORMAT);
}

test('an unknown key is refused when it is critical and ignored when it is not', () => {
  const fields = fieldsOf('d1:Xi1e1:ai1ee');
  assert.equal(fields.int('a', 0, 1), 1);
  fields.finish();
  refuses('ERR_RECORD_MALFORMED', () => {
    fields.finish(true);
  });
  const critical = fieldsOf('d1:ai1e1:xi1ee');
  critical.int('a', 0, 1);
  refuses(
    'ERR_RECORD_MALFORMED',
    () => {
      critical.finish();
    },
    /x is unknown and critical/,
  );
});

test('a field of another kind, size or range is refused', () => {
  const bad: [string, (fields: FieldReader) => unknown][] = [
    ['de', (fields) => fields.int('a', 0, 9)],
    ['d1:a1:5e', (fields) => fields.int('a', 0, 9)],
    ['d1:ai10ee', (fields) => fields.int('a', 0, 9)],
    ['d1:ai-1ee', (fields) => fields.int('a', 0, 9)],
    ['d1:ai2ee', (fields) => fields.flag('a')],
    ['d1:ai1ee', (fields) => fields.bytes('a', 1)],
    ['d1:a2:xye', (fields) => fields.bytes('a', 1)],
    ['d1:a0:e', (fields) => fields.bytes('a', 1, 2)],
    ['d1:a2:xye', (fields) => fields.optionalBytes('a', 3)],
    ['d1:a2:x e', (fields) => fields.text('a', 9, /^/)],
    ['d1:a2:x\xe9e', (fields) => fields.text('a', 9, /^/)],
    ['d1:a2:xye', (fields) => fields.text('a', 9, /^z/)],
    ['d1:a5:abcdee', (fields) => fields.packed('a', 2, 9)],
    ['d1:a4:abcde', (fields) => fields.packed('a', 2, 1)],
    ['d1:ai1ee', (fields) => fields.list('a', 1)],
    ['d1:ali1ei1eee', (fields) => fields.list('a', 1)],
    ['d1:alee', (fields) => fields.dict('a')],
  ];
  for (const [text, read] of bad) {
    refuses('ERR_RECORD_MALFORMED', () => read(fieldsOf(text)), /^record: a /);
  }
});

test('what is no dictionary is refused with the code of the format', () => {
  for (const text of ['i1e', 'le', '1:a', 'd', '']) {
    refuses('ERR_RECORD_MALFORMED', () => fieldsOf(text));
  }
});
