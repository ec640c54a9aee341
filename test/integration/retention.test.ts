// SPDX-License-Identifier: GPL-2.0-or-later
// Retention with real sites: kill -9 of the writer at fifty random points of publish, prune and
// merge, and what is left of that.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { differences } from '../../scripts/lab/compare.ts';
import { run } from '../../scripts/lab/run.ts';
import type { Site } from '../../scripts/lab/site.ts';
import { ControlClient } from '../../src/control/client.ts';
import type {
  PruneResult,
  SnapshotView,
  StatusView,
  VerifyResult,
} from '../../src/replication/site-view.ts';
import { eventually, replicaOf, siteAt, startLab } from '../support/lab.ts';
import { seededRandom } from '../support/random.ts';

const KILLS = 50;
const CHECK_EVERY = 10;
const FILES = 12;
const FILE_SIZE = 1_500_000;
const KINDS = ['publish', 'prune', 'merge'] as const;
type Kind = (typeof KINDS)[number];

async function changeFiles(folder: string, files: readonly number[]): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const file of files) {
    await writeFile(join(folder, `file-${file}`), randomBytes(FILE_SIZE));
  }
}

async function snapshotsOf(site: Site): Promise<readonly SnapshotView[]> {
  return ((await site.ask('snapshots')) as { snapshots: SnapshotView[] }).snapshots;
}

/** Every snapshot that may be restored, as it was. */
class History {
  readonly #site: Site;
  readonly #source: string;
  readonly #copies: string;
  readonly #known = new Map<string, string>();

  constructor(site: Site) {
    this.#site = site;
    this.#source = join(site.folder, 'source');
    this.#copies = join(site.folder, 'copies');
  }

  get source(): string {
    return this.#source;
  }

  /** Notes that the newest snapshot, unless it is an older one, is of the source as it is now. */
  async note(): Promise<void> {
    const [newest] = (await snapshotsOf(this.#site)).filter(({ kind }) => kind === 'snapshot');
    if (newest === undefined || this.#known.has(newest.snapshotId)) return;
    const copy = join(this.#copies, String(newest.sequence));
    await mkdir(copy, { recursive: true });
    await run(['rsync', '-aHAX', `${this.#source}/`, `${copy}/`]);
    this.#known.set(newest.snapshotId, copy);
  }

  /** All that a site retains can be restored, and nothing else lies in its store. */
  async check(site: Site): Promise<number> {
    const result = (await site.json(['verify', 'files'])) as VerifyResult;
    const { badParts, badIndexFiles, differences: found } = result;
    assert.deepEqual(
      { badParts, badIndexFiles, found },
      { badParts: [], badIndexFiles: [], found: [] },
    );
    let count = 0;
    for (const { snapshotId, kind, retained } of await snapshotsOf(site)) {
      const copy = this.#known.get(snapshotId);
      if (kind !== 'snapshot' || !retained) continue;
      assert.ok(copy !== undefined, 'every snapshot is of a known state');
      const folder = join(site.folder, 'restored');
      await site.succeed(['restore', 'files', folder, '--snapshot', snapshotId]);
      assert.deepEqual(await differences(copy, folder), [], `${site.name}: ${snapshotId}`);
      await rm(folder, { recursive: true });
      count += 1;
    }
    await assertNoGarbage(site);
    return count;
  }
}

async function assertNoGarbage(site: Site): Promise<void> {
  const { datasets } = (await site.ask('status')) as StatusView;
  const names = await readdir(join(site.home, 'packs'));
  assert.deepEqual(
    names.filter((name) => !/^[0-9a-f]{64}\.pack$/.test(name)),
    [],
  );
  assert.equal(names.length, datasets[0]?.packs, `packs of ${site.name}`);
  const indexed = (await readdir(join(site.home, 'index'))).map((name) => name.slice(0, 64));
  const isKnown = (packId: string): boolean => names.includes(`${packId}.pack`);
  assert.ok(indexed.every(isKnown), `index of ${site.name}`);
}

function begin(site: Site, kind: Kind, source: string): Promise<unknown> {
  const client = new ControlClient({ socketPath: join(site.home, 'control.sock') });
  if (kind === 'publish') {
    const body = { folder: source, dataset: 'files', wait: 'none', checksum: false };
    return client.call('POST', '/v1/publish', { body });
  }
  const merge = kind === 'merge' ? { maxPacks: 1 } : { maxUnused: 0.2 };
  return client.call('POST', '/v1/prune', { body: { dataset: 'files', dryRun: false, ...merge } });
}

it('kill -9 at fifty points of publish, prune and merge damages no snapshot', async (t) => {
  const random = seededRandom(t);
  const someFiles = (): number[] => Array.from({ length: 4 }, () => Math.floor(random() * FILES));
  const lab = await startLab(t, { dataset: 'files', modes: ['embedded', 'managed'] });
  const [writer, follower] = [siteAt(lab, 1), siteAt(lab, 2)];
  const history = new History(writer);
  const { source } = history;
  const publish = async (): Promise<void> => {
    await begin(writer, 'publish', source);
    await history.note();
  };
  await changeFiles(
    source,
    Array.from({ length: FILES }, (_, index) => index),
  );
  await publish();
  await writer.succeed(['retention', 'files', '--keep-last', '3']);
  // How long each takes when nobody is killed.
  const durations = new Map<Kind, number>();
  for (const kind of KINDS) {
    await changeFiles(source, someFiles());
    if (kind !== 'publish') await publish();
    const startMs = performance.now();
    await begin(writer, kind, source);
    durations.set(kind, performance.now() - startMs);
    await history.note();
  }
  const hits = { publish: 0, prune: 0, merge: 0 };
  for (let index = 0; index < KILLS; index++) {
    const kind = KINDS[index % KINDS.length] ?? 'publish';
    await changeFiles(source, someFiles());
    if (kind !== 'publish') await publish();
    const running = begin(writer, kind, source).then(
      () => true,
      () => false,
    );
    await delay(random() * (durations.get(kind) ?? 0));
    await writer.stop('SIGKILL');
    if (kind === 'merge') {
      await follower.stop('SIGKILL');
      await follower.start();
    }
    if (!(await running)) hits[kind]++;
    await writer.start();
    // It may count although nobody was told.
    await history.note();
    if (index % CHECK_EVERY !== CHECK_EVERY - 1) continue;
    await begin(writer, 'prune', source);
    assert.ok((await history.check(writer)) >= 3);
  }
  t.diagnostic(`killed in work: ${JSON.stringify(hits)} of ${KILLS}`);
  assert.ok(hits.publish > 0 && hits.prune > 0 && hits.merge > 0);
  await writer.succeed([
    ...['publish', source, '--dataset', 'files', '--wait', 'all', '--timeout', '60'],
  ]);
  await history.note();
  const result = (await writer.json(['prune', 'files', '--max-packs', '1'])) as PruneResult;
  const newest = await eventually('the follower shows it', async () =>
    (await snapshotsOf(follower)).find(
      ({ snapshotId, state }) => snapshotId === result.snapshotId && state === 'visible',
    ),
  );
  assert.equal(newest.fetchedBytes, 0, 'it has made the merged pack itself');
  assert.deepEqual(await differences(source, join(replicaOf(follower), 'current')), []);
  assert.equal(await history.check(writer), 3);
  await eventually('the follower has removed what it does not need', () =>
    assertNoGarbage(follower).then(
      () => true,
      () => undefined,
    ),
  );
  assert.equal(await history.check(follower), 3);
});
