// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RequestFields } from '../../../src/control/request-fields.ts';
import { refuses } from '../../support/refuses.ts';

test('fields of the right kind are given back', () => {
  const fields = new RequestFields({ t: 'x', l: ['a', 'b'], p: '/x', f: true, i: 5 });
  assert.equal(fields.text('t'), 'x');
  assert.deepEqual(fields.texts('l'), ['a', 'b']);
  assert.equal(fields.path('p'), '/x');
  assert.equal(fields.flag('f'), true);
  assert.equal(fields.flag('absent'), false);
  assert.equal(fields.optionalInteger('i', 0, 5), 5);
  assert.equal(fields.optionalInteger('absent', 0, 5), undefined);
  assert.equal(fields.optionalNumber('i', 0, 5), 5);
  assert.equal(fields.optionalNumber('absent', 0, 5), undefined);
  assert.equal(fields.optionalText('absent'), undefined);
});

test('all else is malformed and named', () => {
  for (const body of [undefined, null, 1, 'x', []]) {
    refuses('ERR_REQUEST_MALFORMED', () => new RequestFields(body));
  }
  const fields = new RequestFields({ e: '', n: 1, r: 'relative', z: '/a\0b', s: 'true' });
  const calls = [
    () => fields.text('e'),
    () => fields.text('n'),
    () => fields.text('toString'),
    () => fields.texts('n'),
    () => fields.path('r'),
    () => fields.path('z'),
    () => fields.flag('s'),
    () => fields.optionalInteger('n', 2, 3),
    () => fields.optionalInteger('s', 2, 3),
    () => fields.optionalNumber('n', 2, 3),
    () => fields.optionalNumber('s', 2, 3),
    () => fields.optionalText('n'),
  ];
  for (const call of calls) refuses('ERR_REQUEST_MALFORMED', call, /^\w+ is not /);
});
