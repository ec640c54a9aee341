// SPDX-License-Identifier: GPL-2.0-or-later
// The contract suites of the store on each of its implementations.
import { join } from 'node:path';
import type { StoredItem } from '../../src/peers/outbox.ts';
import { Catalogue } from '../../src/store/catalogue.ts';
import { realDisk } from '../../src/store/disk.ts';
import { MemoryDisk } from '../support/memory-disk.ts';
import { MemoryTable } from '../support/memory-tables.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { diskSuite } from './disk-suite.ts';
import { outboxStoreSuite } from './table-suite.ts';

diskSuite('real disk', (context) => ({ disk: realDisk, folder: temporaryFolder(context) }));
diskSuite('disk in memory', () => ({ disk: new MemoryDisk('/d'), folder: '/d' }));

outboxStoreSuite('catalogue', async (context) => {
  const catalogue = await Catalogue.open(join(temporaryFolder(context), 'catalogue'));
  context.after(() => catalogue.close());
  return catalogue.outbox;
});
outboxStoreSuite('table in memory', () => Promise.resolve(new MemoryTable<StoredItem>()));
