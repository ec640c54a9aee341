// SPDX-License-Identifier: GPL-2.0-or-later
// Everybody helps: where the payload came from, by the kernel's counters; and that two followers
// finish without the publisher once they hold every part between them.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { differences } from '../../scripts/lab/compare.ts';
import type { Published, Transfers } from '../../scripts/lab/figures.ts';
import { setBits } from '../support/bitmap.ts';
import { eventually, replicaOf, siteAt, startLab, corePid } from '../support/lab.ts';
import { makeBulk } from '../support/tree.ts';

const SIZE = 300_000_000;
const PUBLISH = ['--dataset', 'bulk', '--wait', 'all', '--timeout', '240'];

it('payload goes over eD2k, and each follower gets a good share from the other', async (t) => {
  const lab = await startLab(t, { dataset: 'bulk', rateMbit: 400 });
  const [publisher, first, second] = [siteAt(lab, 1), siteAt(lab, 2), siteAt(lab, 3)];
  const source = join(publisher.folder, 'source');
  await makeBulk(source, SIZE, 50_000_000);
  const published = (await publisher.json(['publish', source, ...PUBLISH])) as Published;
  const counts = await lab.network.pairCounts();
  const payload = (sender: number, receiver: number): number =>
    counts.find((count) => count.sender === sender && count.receiver === receiver)?.payloadBytes ??
    0;
  t.diagnostic(JSON.stringify({ packBytes: published.newPackBytes, counts }));
  for (const [receiver, other] of [
    [2, 3],
    [3, 2],
  ] as const) {
    const received = payload(1, receiver) + payload(other, receiver);
    const excess = received / published.newPackBytes;
    assert.ok(excess > 0.95 && excess < 1.05, `site ${receiver} received ${excess} of the packs`);
    const share = payload(other, receiver) / published.newPackBytes;
    assert.ok(share >= 0.2, `site ${receiver} got ${share} from site ${other}`);
  }
  const copies = (payload(1, 2) + payload(1, 3)) / published.newPackBytes;
  assert.ok(copies <= 1.7, `${copies} copies left the publisher`);
  for (const site of [first, second]) {
    assert.deepEqual(await differences(source, join(replicaOf(site), 'current')), []);
  }
});

it('followers survive a cut of 20 s, and finish without the publisher', async (t) => {
  const lab = await startLab(t, { dataset: 'bulk', rateMbit: 200 });
  const [publisher, first, second] = [siteAt(lab, 1), siteAt(lab, 2), siteAt(lab, 3)];
  const source = join(publisher.folder, 'source');
  await makeBulk(source, SIZE * 2, 50_000_000);
  await publisher.succeed(['publish', source, '--dataset', 'bulk', '--wait', 'none']);
  await eventually('site 3 has something', async () => {
    const { transfers } = (await second.ask('transfers')) as Transfers;
    return transfers.some(({ bytesDone }) => bytesDone > SIZE / 10) ? true : undefined;
  });
  await lab.network.cut(1, 3);
  await delay(20_000);
  await lab.network.mend(1, 3);
  await eventually(
    'sites 2 and 3 hold every part between them',
    async () => {
      const answers = await Promise.all([first.ask('transfers'), second.ask('transfers')]);
      return holdAllTogether(answers as Transfers[]) ? true : undefined;
    },
    120_000,
    50,
  );
  const core = await corePid(publisher);
  await publisher.stop('SIGKILL');
  try {
    process.kill(core, 'SIGKILL');
  } catch {
    // The core had ended with its daemon.
  }
  for (const site of [first, second]) {
    await eventually(
      `${site.name} is equal`,
      async () => {
        const current = join(replicaOf(site), 'current');
        const lines = await differences(source, current).catch(() => ['no replica yet']);
        return lines.length === 0 ? true : undefined;
      },
      120_000,
      1000,
    );
  }
});

/** True if each part of each pack is verified at one of the sites. */
function holdAllTogether(answers: readonly Transfers[]): boolean {
  const held = new Map<string, Set<number>>();
  const counts = new Map<string, number>();
  for (const { transfers } of answers) {
    for (const { packId, partCount, verified } of transfers) {
      counts.set(packId, partCount);
      const parts = held.get(packId) ?? new Set<number>();
      for (const partIndex of setBits(verified)) parts.add(partIndex);
      held.set(packId, parts);
    }
  }
  return [...counts].every(([packId, partCount]) => held.get(packId)?.size === partCount);
}
