// SPDX-License-Identifier: GPL-2.0-or-later
// kill -9 of cores and daemons at either end, twenty times over one transfer, at random moments:
// it completes, and no part that was verified before a kill is missing after it.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { differences } from '../../scripts/lab/compare.ts';
import type { Transfers } from '../../scripts/lab/figures.ts';
import type { Site } from '../../scripts/lab/site.ts';
import { setBits } from '../support/bitmap.ts';
import { corePid, eventually, replicaOf, siteAt, startLab } from '../support/lab.ts';
import { seededRandom } from '../support/random.ts';
import { makeBulk } from '../support/tree.ts';

const KILLS = 20;
const SIZE = 400_000_000;
const KINDS = ['core', 'daemon', 'both'] as const;

/** Verified parts of each pack under way at a site, as "pack:part". */
async function verifiedParts(site: Site): Promise<ReadonlySet<string> | undefined> {
  const answer = await site.ask('transfers').catch(() => undefined);
  if (answer === undefined) return undefined;
  const { transfers } = answer as Transfers;
  return new Set(
    transfers.flatMap(({ packId, verified }) =>
      setBits(verified).map((partIndex) => `${packId}:${partIndex}`),
    ),
  );
}

async function isVisible(site: Site): Promise<boolean> {
  const answer = await site.ask('snapshots').catch(() => undefined);
  const { snapshots } = (answer ?? { snapshots: [] }) as { snapshots: { state: string }[] };
  return snapshots.some(({ state }) => state === 'visible');
}

async function kill(site: Site, kind: (typeof KINDS)[number]): Promise<void> {
  const core = await corePid(site).catch(() => undefined);
  if (kind !== 'core') await site.stop('SIGKILL');
  if (kind !== 'daemon' && core !== undefined) {
    try {
      process.kill(core, 'SIGKILL');
    } catch {
      // It ended with its daemon.
    }
  }
  if (kind !== 'core') await site.start();
}

it('a transfer survives twenty kills at random moments', async (t) => {
  const random = seededRandom(t);
  const pick = <T>(values: readonly T[]): T => {
    const value = values[Math.floor(random() * values.length)];
    assert.ok(value !== undefined);
    return value;
  };
  const lab = await startLab(t, { dataset: 'bulk', rateMbit: 60 });
  const publisher = siteAt(lab, 1);
  const followers = [siteAt(lab, 2), siteAt(lab, 3)];
  const source = join(publisher.folder, 'source');
  await makeBulk(source, SIZE, 40_000_000);
  await publisher.succeed(['publish', source, '--dataset', 'bulk', '--wait', 'none']);
  let inTransfer = 0;
  for (let index = 0; index < KILLS; index++) {
    await delay(300 + random() * 1500);
    const site = pick(lab.sites);
    const kind = pick(KINDS);
    const before = await verifiedParts(site);
    if (!(await isVisible(site))) inTransfer++;
    await kill(site, kind);
    if (before === undefined || site === publisher) continue;
    await eventually(`${site.name} knows its verified parts after a kill of ${kind}`, async () => {
      if (await isVisible(site)) return true;
      const after = await verifiedParts(site);
      return after !== undefined && [...before].every((part) => after.has(part)) ? true : undefined;
    });
  }
  t.diagnostic(`${inTransfer} of ${KILLS} kills hit a transfer`);
  for (const site of followers) {
    await eventually(
      `${site.name} is equal`,
      async () => ((await isVisible(site)) ? true : undefined),
      180_000,
      500,
    );
    assert.deepEqual(await differences(source, join(replicaOf(site), 'current')), []);
  }
});
