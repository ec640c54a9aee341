// SPDX-License-Identifier: GPL-2.0-or-later
// What the table of the outbox must do, whoever keeps it: the catalogue or the memory of a test.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { OutboxStore, StoredItem } from '../../src/peers/outbox.ts';
import { DATASET_ID, SITE_ID, SNAPSHOT_ID } from '../support/samples.ts';

const ITEM: StoredItem = {
  siteId: SITE_ID,
  kind: 'manifest',
  lane: DATASET_ID,
  subject: SNAPSHOT_ID,
  payload: Buffer.from([0, 255, 10]),
  queuedMs: 1_750_000_000_123,
};

export function outboxStoreSuite(
  name: string,
  make: (context: TestContext) => Promise<OutboxStore>,
): void {
  test(`${name}: gives back what was put, in the order of the keys`, async (context) => {
    const store = await make(context);
    assert.deepEqual(await store.entries(), []);
    await store.putAll([
      { key: 'b/2', value: { ...ITEM, queuedMs: 2 } },
      { key: 'a/1', value: ITEM },
      { key: 'b/1', value: { ...ITEM, queuedMs: 1 } },
    ]);
    const entries = await store.entries();
    assert.deepEqual(
      entries.map(({ key }) => key),
      ['a/1', 'b/1', 'b/2'],
    );
    assert.deepEqual(entries[0]?.value, ITEM);
  });

  test(`${name}: put replaces; remove takes known and unknown keys`, async (context) => {
    const store = await make(context);
    await store.putAll([{ key: 'a/1', value: ITEM }]);
    await store.putAll([{ key: 'a/1', value: { ...ITEM, queuedMs: 9 } }]);
    assert.equal((await store.entries())[0]?.value.queuedMs, 9);
    await store.removeAll(['a/1', 'a/2']);
    await store.removeAll([]);
    await store.putAll([]);
    assert.deepEqual(await store.entries(), []);
  });
}
