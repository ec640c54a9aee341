// SPDX-License-Identifier: GPL-2.0-or-later
// The lab's own switch with real devices and real TCP: what it carries, counts, loses and cuts, and
// that nothing of it is left.
import assert from 'node:assert/strict';
import { randomFillSync } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { tcpTransfer } from '../../scripts/lab/bench/tcp.ts';
import { createNetwork, type Network } from '../../scripts/lab/network.ts';
import { run } from '../../scripts/lab/run.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const PROGRAM = fileURLToPath(new URL('../../../build/lab/lab/file_tcp', import.meta.url));
const SIZE = 20_000_000;

interface Sites {
  readonly network: Network;
  readonly work: string;
  /** Sends the file of site 1 to another; resolves when it is there and equal. */
  readonly send: (to: number) => Promise<void>;
}

async function threeSites(t: TestContext, lossPct: number): Promise<Sites> {
  const work = temporaryFolder(t);
  for (const site of [1, 2, 3]) await mkdir(join(work, `site-${site}`));
  const network = await createNetwork({
    ...{ sites: 3, work, inputs: [], rateMbit: 200, congestion: 'cubic' },
    line: { rttMs: 10, lossPct, seed: 1, queueBytes: 1_000_000 },
  });
  t.after(() => network.destroy());
  const content = randomFillSync(Buffer.alloc(SIZE));
  const path = join(work, 'site-1', 'file');
  await writeFile(path, content);
  const send = async (to: number): Promise<void> => {
    const target = join(work, `site-${to}`, 'copy');
    await tcpTransfer({
      ...{ network, program: PROGRAM, congestion: 'cubic' },
      from: { site: 1, path },
      to: { site: to, path: target },
    });
    assert.ok(content.equals(await readFile(target)));
  };
  return { network, work, send };
}

it('a file comes through a line that loses frames, and is counted for its pair', async (t) => {
  const { network, send } = await threeSites(t, 1);
  await send(2);
  const counts = await network.pairCounts();
  assert.equal(counts.length, 6);
  const payload = (sender: number, receiver: number): number =>
    counts.find((count) => count.sender === sender && count.receiver === receiver)?.payloadBytes ??
    assert.fail();
  // More than the file: a hundredth of it was sent again.
  assert.ok(payload(1, 2) > SIZE && payload(1, 2) < 1.1 * SIZE, `${payload(1, 2)}`);
  assert.ok(payload(2, 1) < SIZE / 20);
  assert.equal(payload(1, 3) + payload(3, 2), 0);
});

it('a cut pair carries nothing until it is mended, others go on', async (t) => {
  const { network, work, send } = await threeSites(t, 0);
  await network.cut(1, 2);
  await send(3);
  const connect = network.command(1, [
    ...['timeout', '1', PROGRAM, 'send', join(work, 'site-1', 'file')],
    ...[network.address(2), '5001', 'cubic'],
  ]);
  await assert.rejects(run(connect), { code: 124 });
  await network.mend(1, 2);
  await send(2);
});

it('nothing is left when it is destroyed', async (t) => {
  const names = async (): Promise<string> => run(['ip', 'netns', 'list']);
  const before = await names();
  const { network } = await threeSites(t, 0);
  assert.notEqual(await names(), before);
  await network.destroy();
  assert.equal(await names(), before);
  await assert.rejects(network.cut(1, 2), /the switch has ended/);
});
