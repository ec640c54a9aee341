// SPDX-License-Identifier: GPL-2.0-or-later
// Snapshots beside copies of what they were made of, and what tests do with them: publish, hand
// over, prune, restore, damage.
import assert from 'node:assert/strict';
import { open, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createLogger } from '../../src/base/logger.ts';
import { differences } from '../../scripts/lab/compare.ts';
import { run } from '../../scripts/lab/run.ts';
import type { PackId, SnapshotId } from '../../src/dataset/ids.ts';
import type { Dataset } from '../../src/replication/dataset-registry.ts';
import type { PruneOptions } from '../../src/replication/maintenance.ts';
import { PackLibrary } from '../../src/replication/pack-library.ts';
import type { Published } from '../../src/replication/publisher.ts';
import type { PruneResult } from '../../src/replication/site-view.ts';
import { Verifier } from '../../src/replication/verifier.ts';
import type { SnapshotRow } from '../../src/store/rows.ts';
import { handOver, type ReplicationSite } from './replication-site.ts';
import { visible, type Pair } from './site-pair.ts';
import { testBytes } from './test-bytes.ts';

const { signal } = new AbortController();
export const MEGABYTE = 1_000_000;

/** A snapshot, and a copy of what it was made of. */
export interface Kept {
  readonly row: Published['row'];
  readonly copy: string;
}

export async function keep({ writer, source }: Pair, { row }: Published): Promise<Kept> {
  const copy = writer.newFolder(`copy-${row.sequence}`);
  await run(['rsync', '-aHAX', `${source}/`, `${copy}/`]);
  return { row, copy };
}

/** Files 0 to 9 of a megabyte each; a version changes those of its list. */
export async function writeVersion(
  source: string,
  version: number,
  files: readonly number[],
): Promise<void> {
  for (const file of files) {
    await writeFile(join(source, `file-${file}`), testBytes(MEGABYTE, version * 100 + file));
  }
}

export function prune(
  site: ReplicationSite,
  options: Partial<PruneOptions> = {},
): Promise<PruneResult> {
  return site.maintenance.prune({
    ...{ dataset: 'files', dryRun: false, maxUnused: 0.5, maxPacks: 1024, signal },
    onProgress: () => undefined,
    ...options,
  });
}

export async function restoreTo(
  site: ReplicationSite,
  snapshot: string,
  paths: readonly string[] = [],
): Promise<string> {
  const folder = join(site.newFolder('restored'), `${snapshot}-${Math.random()}`);
  await site.restorer.restore({
    ...{ dataset: 'files', snapshot, paths, folder, signal, onProgress: () => undefined },
  });
  return folder;
}

export async function assertRestores(site: ReplicationSite, kept: readonly Kept[]): Promise<void> {
  for (const { row, copy } of kept) {
    const folder = await restoreTo(site, row.snapshotId);
    assert.deepEqual(await differences(copy, folder), [], `sequence ${row.sequence}`);
    await rm(folder, { recursive: true });
  }
}

export async function packsOn(site: ReplicationSite): Promise<Set<string>> {
  return new Set(await site.packs.list());
}

export async function headOf(site: ReplicationSite): Promise<SnapshotRow> {
  const [dataset] = site.registry.list();
  assert.ok(dataset !== undefined);
  const head = await site.chain.head(dataset.id);
  assert.ok(head !== undefined);
  return site.chain.snapshot(dataset.id, head.snapshotId);
}

export async function headPacks(site: ReplicationSite): Promise<Set<PackId>> {
  return new Set((await site.chain.packs(await headOf(site))).keys());
}

/** Hands the head over, as the outbox does. */
export async function follow(at: Pair): Promise<void> {
  const { writer, reader } = at;
  const [dataset] = writer.registry.list();
  assert.ok(dataset !== undefined);
  const known = new Set((await reader.chain.list(dataset.id)).map((each) => each.snapshotId));
  const rows = (await writer.chain.list(dataset.id)).filter((each) => !known.has(each.snapshotId));
  for (const row of rows.reverse()) await handOver(writer, reader, { dataset, row });
  const [row] = await writer.chain.list(dataset.id);
  assert.ok(row !== undefined);
  await visible(reader, { row });
  // It does so by itself a moment later.
  await reader.retirement.run(dataset);
}

export async function flip(path: string, offset: number): Promise<void> {
  const file = await open(path, 'r+');
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, offset);
  await file.write(Buffer.of((byte[0] ?? 0) ^ 1), 0, 1, offset);
  await file.close();
}

/** Bad parts, as "pack part". */
export async function verify(site: ReplicationSite): Promise<string[]> {
  const library = new PackLibrary({
    ...site,
    logger: createLogger({ level: 'error' }),
    exchange: undefined,
  });
  const verifier = new Verifier({ ...site, library, exchange: undefined });
  const { badParts } = await verifier.verify({
    dataset: 'files',
    signal,
    onProgress: () => undefined,
  });
  return badParts.map(({ packId, partIndex }) => `${packId} ${partIndex}`);
}

export async function newestId({ writer }: Pair): Promise<SnapshotId | undefined> {
  const [dataset] = writer.registry.list();
  return dataset && (await writer.chain.head(dataset.id))?.snapshotId;
}

export function datasetOf({ writer }: Pair): Dataset {
  const [dataset] = writer.registry.list();
  assert.ok(dataset !== undefined);
  return dataset;
}
