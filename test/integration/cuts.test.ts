// SPDX-License-Identifier: GPL-2.0-or-later
// Goal: a cut costs time, not data. Method: two sources and a follower, real cores on the lab's
// switch. All links are cut until both ends of each connection have noticed, and mended: both
// sources are used again. Then one of them stays away, and the other one gives what it had been
// asked for. Every wait has a bound, and the switch ends with the test.
import assert from 'node:assert/strict';
import { cp, mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { Cleanup } from '../../scripts/lab/bench/cleanup.ts';
import { allComplete, payloadAt, withCores } from '../../scripts/lab/bench/core-group.ts';
import type { CoreProcess } from '../../scripts/lab/bench/core-process.ts';
import { fetchRequest, makePayloads, type Payload } from '../../scripts/lab/bench/payload.ts';
import { createNetwork, type Network } from '../../scripts/lab/network.ts';
import type { CoreEvent } from '../../src/core/core.ts';
import { PART_SIZE } from '../../src/ed2k/constants.ts';
import { coreFile } from '../support/core-build.ts';
import { eventually } from '../support/lab.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const SOURCES = [1, 2] as const;
const FOLLOWER = 3;
const SIZE = 8 * PART_SIZE;
/** The transfer takes 16 s without cuts: there is always something left to fetch. */
const RATE_MBIT = 40;
const LIMIT_MS = 60_000;
const POLL_MS = 50;

interface Place {
  readonly network: Network;
  readonly work: string;
  readonly payload: Payload;
}

async function makePlace(t: TestContext): Promise<Place> {
  const work = temporaryFolder(t);
  for (const site of [...SOURCES, FOLLOWER]) await mkdir(join(work, `site-${site}`));
  const network = await createNetwork({
    ...{ sites: FOLLOWER, work, inputs: [], rateMbit: RATE_MBIT },
    line: { rttMs: 20, lossPct: 0, seed: 1, queueBytes: 256 * 1024 },
  });
  t.after(() => network.destroy());
  const [payload] = await makePayloads(join(work, 'site-1'), SIZE, 1);
  assert.ok(payload !== undefined);
  const copy = payloadAt(work, payload, 2);
  await mkdir(dirname(copy.path), { recursive: true });
  await cp(payload.path, copy.path);
  return { network, work, payload };
}

/** Payload that the follower got from each source, over all connections. */
async function bytesFrom({ network }: Place, follower: CoreProcess): Promise<readonly number[]> {
  const clients = await follower.call('clients');
  return SOURCES.map((source) => {
    const host = network.address(source);
    return clients.find(({ client }) => client.host === host)?.bytesDown ?? 0;
  });
}

function used(place: Place, follower: CoreProcess, before: readonly number[]): Promise<true> {
  return eventually(
    'every source has given something',
    async () => {
      const bytes = await bytesFrom(place, follower);
      return bytes.every((each, index) => each > (before[index] ?? 0)) ? true : undefined;
    },
    LIMIT_MS,
    POLL_MS,
  );
}

function noticed(what: string, counts: () => readonly number[], least: number): Promise<true> {
  return eventually(
    what,
    () => Promise.resolve(counts().every((count) => count >= least) ? true : undefined),
    LIMIT_MS,
    POLL_MS,
  );
}

it('cuts are noticed at both ends, sources are used again, nothing verified twice', async (t) => {
  const place = await makePlace(t);
  const { network, work, payload } = place;
  const roles = { count: FOLLOWER, sharing: SOURCES.length, payloads: [payload] };
  const library = coreFile('libmulecore.so');
  const cleanup = new Cleanup();
  t.after(() => cleanup.all());
  await withCores({ network, work, library, cleanup }, roles, async (sites) => {
    const [first, second, follower] = sites;
    assert.ok(first !== undefined && second !== undefined && follower !== undefined);
    const events = sites.map((site) => {
      const list: CoreEvent[] = [];
      site.onEvent(({ event }) => list.push(event));
      return list;
    });
    const downs = (site: number, other: number): number =>
      (events[site - 1] ?? []).filter(
        (event) => event.kind === 'clientDown' && event.client.host === network.address(other),
      ).length;

    const request = fetchRequest(payload, follower.filesFolder, [first.endPoint, second.endPoint]);
    const complete = allComplete(follower, [payload], 2 * LIMIT_MS);
    complete.catch(() => undefined);
    await follower.call('fetch', [request]);
    await used(place, follower, []);

    for (const source of SOURCES) await network.cut(source, FOLLOWER);
    await noticed(
      'all ends have noticed the cut',
      () => SOURCES.flatMap((each) => [downs(each, FOLLOWER), downs(FOLLOWER, each)]),
      1,
    );
    const before = await bytesFrom(place, follower);
    for (const source of SOURCES) await network.mend(source, FOLLOWER);
    await used(place, follower, before);

    const seen = downs(FOLLOWER, 1);
    await network.cut(1, FOLLOWER);
    await noticed('the follower has noticed it', () => [downs(FOLLOWER, 1)], seen + 1);
    await complete;

    const verified = (events[FOLLOWER - 1] ?? []).flatMap((event) =>
      event.kind === 'partVerified' ? [event.partIndex] : [],
    );
    assert.deepEqual(
      verified.toSorted((a, b) => a - b),
      [...Array(8).keys()],
    );
    const received = (await bytesFrom(place, follower)).reduce((sum, each) => sum + each, 0);
    // What was requested of both sources at the end of the transfer, not what cuts had lost.
    assert.ok(received < 1.05 * SIZE, `${received} bytes for ${SIZE}`);
    assert.ok((await readFile(payload.path)).equals(await readFile(request.path)));
  });
});
