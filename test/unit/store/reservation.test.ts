// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { Reservation } from '../../../src/store/reservation.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const MB = 1_000_000;

test('a reservation holds blocks, shrinks, and is gone when it is released', async (context) => {
  const folder = temporaryFolder(context);
  const reservation = await Reservation.take(folder, 80 * MB);
  const [name] = readdirSync(folder);
  assert.ok(name !== undefined);
  const path = join(folder, name);
  assert.ok(statSync(path).blocks * 512 >= 80 * MB, 'blocks are really taken');
  for (const bytes of [80 * MB, 79 * MB, 60 * MB, 20 * MB]) {
    await reservation.shrink(reservation.bytes - bytes);
    assert.equal(reservation.bytes, bytes);
    const held = statSync(path).blocks * 512;
    assert.ok(held <= bytes + MB && held >= bytes - 20 * MB, `${held} bytes are held of ${bytes}`);
  }
  await Promise.all([reservation.shrink(15 * MB), reservation.shrink(5 * MB)]);
  assert.equal(reservation.bytes, 0);
  assert.equal(statSync(path).size, 0);
  await reservation.release();
  await reservation.release();
  assert.deepEqual(readdirSync(folder), []);
});

test('more than there is is refused before anything is taken', async (context) => {
  const folder = temporaryFolder(context);
  const { bavail, bsize } = await statfs(folder);
  const needed = bavail * bsize + 100 * MB;
  await assert.rejects(
    Reservation.take(folder, needed),
    (error: { code: string; details: object }) => {
      assert.equal(error.code, 'ERR_SPACE_SHORT');
      assert.ok('needed' in error.details && error.details.needed === needed);
      assert.ok('free' in error.details);
      return true;
    },
  );
  assert.deepEqual(readdirSync(folder), []);
  await assert.rejects(Reservation.take(join(folder, 'absent'), 1), { code: 'ERR_STORAGE_FAILED' });
});

test('what a dead process had reserved is swept, other files stay', async (context) => {
  const folder = temporaryFolder(context);
  await Reservation.take(folder, MB);
  await (await Reservation.take(folder, 0)).release();
  writeFileSync(join(folder, 'other'), '');
  await Reservation.sweep(folder);
  assert.deepEqual(readdirSync(folder), ['other']);
});
