// SPDX-License-Identifier: GPL-2.0-or-later
// Goal: a core that knows many packs and has many clients stays small, and is there again at once
// after a crash. Method: a real core, sparse packs of 1 GiB whose hashes nobody computed, and
// clients of our own that have proved their keys.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { createMD4 } from 'hash-wasm';
import { pairKeyOf, siteIdAt, trustOf } from '../../scripts/lab/trust.ts';
import { parsePeakBytes } from '../../scripts/lab/bench/process-figures.ts';
import type { EndPoint, SharedPack } from '../../src/core/core.ts';
import { PART_SIZE } from '../../src/ed2k/constants.ts';
import { Ed2kPeer, OPCODE, PROTOCOL } from '../support/ed2k-peer.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { loopbackAddress, recordedPid, startTestCore } from '../support/test-core.ts';
import type { TestCore } from '../support/test-core.ts';

const PACK_SIZE = 2 ** 30;
const PART_COUNT = Math.ceil(PACK_SIZE / PART_SIZE);
const SHARED_AT_ONCE = 256;
const MIB = 2 ** 20;
const RSS_MAX = 400 * MIB;

async function sparsePacks(folder: string, count: number): Promise<SharedPack[]> {
  const md4 = await createMD4();
  const packs: SharedPack[] = [];
  for (let index = 0; index < count; index += 1) {
    const path = join(folder, `pack-${index}`);
    await writeFile(path, '');
    await truncate(path, PACK_SIZE);
    const partHashes = randomBytes(16 * PART_COUNT);
    const fileHash = md4.init().update(partHashes).digest('hex');
    packs.push({ path, size: PACK_SIZE, partHashes, fileHash, aichRoot: randomBytes(20) });
  }
  return packs;
}

async function shareAll({ core }: TestCore, packs: readonly SharedPack[]): Promise<void> {
  for (let start = 0; start < packs.length; start += SHARED_AT_ONCE) {
    await core.share(packs.slice(start, start + SHARED_AT_ONCE));
  }
}

async function connectAs(friend: EndPoint, core: EndPoint): Promise<Ed2kPeer> {
  const peer = await Ed2kPeer.connect(core, friend.host);
  const userHash = createHash('md5').update(friend.host).digest();
  const own = { siteId: siteIdAt(friend), userHash, port: friend.port };
  const other = { siteId: siteIdAt(core), userHash, port: core.port };
  assert.ok(await peer.prove(own, other, pairKeyOf(friend, core)), 'the core takes the key');
  return peer;
}

async function peakBytes(root: string): Promise<number> {
  const pid = await recordedPid(join(root, 'core'));
  return parsePeakBytes(await readFile(`/proc/${pid}/status`, 'latin1'));
}

async function start(t: TestContext): Promise<{ root: string; at: TestCore }> {
  const root = temporaryFolder(t);
  const at = await startTestCore('embedded', root, loopbackAddress(0));
  t.after(() => at.stop());
  return { root, at };
}

test('4,096 packs and 64 clients fit into 400 MB', async (t) => {
  const { root, at } = await start(t);
  const packs = await sparsePacks(at.folder, 4096);
  await shareAll(at, packs);
  const friends = Array.from({ length: 64 }, (_, index) => ({
    host: loopbackAddress(10 + index),
    port: at.endPoint.port,
  }));
  await at.core.setTrust(trustOf(at.endPoint, friends));
  const peers: Ed2kPeer[] = [];
  for (const friend of friends) peers.push(await connectAs(friend, at.endPoint));
  t.after(() => peers.forEach((peer) => peer.close()));
  for (const [index, peer] of peers.entries()) {
    const hash = Buffer.from(packs[(index * 64) % packs.length]?.fileHash ?? '', 'hex');
    peer.send(PROTOCOL.ed2k, OPCODE.setRequestedFile, hash);
    const status = await peer.find(PROTOCOL.ed2k, OPCODE.fileStatus);
    assert.deepEqual(status?.body.subarray(0, 16), hash);
  }
  assert.equal((await at.core.clients()).filter(({ connected }) => connected).length, 64);
  const peak = await peakBytes(root);
  t.diagnostic(`peak RSS ${Math.round(peak / MIB)} MiB`);
  assert.ok(peak < RSS_MAX, `${peak} bytes`);
});

test('500 packs are shared and listed again when the core was killed', async (t) => {
  const { at } = await start(t);
  const packs = await sparsePacks(at.folder, 500);
  const hashes = packs.map(({ fileHash }) => fileHash).sort();
  const listed = async (): Promise<string[]> =>
    (await at.core.ec.sharedFiles()).map(({ fileHash }) => fileHash).sort();
  await shareAll(at, packs);
  assert.deepEqual(await listed(), hashes);
  const startMs = performance.now();
  await at.kill();
  await at.events.until('the core is up again', () => at.events.restartCount > 0);
  await shareAll(at, packs);
  assert.deepEqual(await listed(), hashes);
  t.diagnostic(`again after ${Math.round(performance.now() - startMs)} ms`);
});
