// SPDX-License-Identifier: GPL-2.0-or-later
// What every mode of the core must do, shown with two real patched cores that only know each other.
// `a` has files, `b` fetches them.
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, open, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { after, before, describe, it } from 'node:test';
import { trustOf } from '../../scripts/lab/trust.ts';
import { SURFACE_VERSION } from '../../src/core/core.ts';
import type { CoreMode, FetchRequest } from '../../src/core/core.ts';
import { PART_SIZE } from '../../src/ed2k/constants.ts';
import { PartBitmap } from '../../src/ed2k/part-bitmap.ts';
import { loopbackAddress, startTestCore } from '../support/test-core.ts';
import type { TestCore } from '../support/test-core.ts';
import { fetchOf, makeTestPack } from '../support/test-pack.ts';
import type { TestPack } from '../support/test-pack.ts';

const THREE_PARTS = 2 * PART_SIZE + 1_000_000;
const ALL_OF_THREE = PartBitmap.full(3);

let root: string;
let a: TestCore;
let b: TestCore;

/** Both cores trust each other and nobody else. */
async function trustEachOther(): Promise<void> {
  await a.core.setTrust(trustOf(a.endPoint, [b.endPoint]));
  await b.core.setTrust(trustOf(b.endPoint, [a.endPoint]));
}

/** `b` fetches from `a`, but for one part. The source comes last: it is connected and would give at
 * once. */
async function fetchAvoiding(pack: TestPack, partIndex: number): Promise<FetchRequest> {
  const request = fetchOf(pack, b.folder, []);
  await b.core.fetch(request);
  await b.core.avoid(pack.fileHash, a.endPoint, partIndex);
  await b.core.addSources(pack.fileHash, [a.endPoint]);
  return { ...request, sources: [a.endPoint] };
}

/** For what no event tells. */
async function eventually(what: string, condition: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    if (await condition()) return;
    await delay(50);
  }
  assert.fail(`not so: ${what}`);
}

async function reasonOf(action: Promise<unknown>): Promise<unknown> {
  const error: unknown = await action.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof Error && 'details' in error, 'the core did not refuse');
  return (error.details as Record<string, unknown>)['reason'];
}

export function coreSuite(mode: CoreMode): void {
  describe(`a core in ${mode} mode`, () => {
    before(async () => {
      root = await mkdtemp(join(tmpdir(), `muleplex-${mode}-`));
      [a, b] = await Promise.all([
        startTestCore(mode, join(root, 'a'), loopbackAddress(0)),
        startTestCore(mode, join(root, 'b'), loopbackAddress(1)),
      ]);
      await trustEachOther();
    });

    after(async () => {
      await Promise.all([a.stop(), b.stop()]);
      await rm(root, { recursive: true });
    });

    testInfo(mode);
    testTransfer();
    testRefusals();
    testParts();
    testRestart();
  });
}

function testInfo(mode: CoreMode): void {
  it('says what it is', async () => {
    const info = await b.core.info();
    assert.equal(b.core.mode, mode);
    assert.equal(info.version, '2.3.3');
    assert.equal(info.surfaceVersion, SURFACE_VERSION);
    assert.equal(info.port, b.endPoint.port);
    assert.equal((await b.core.info()).boot, info.boot);
    assert.notEqual((await a.core.info()).boot, info.boot);
  });

  it("answers aMule's own requests", async () => {
    const status = await b.core.ec.status();
    assert.deepEqual(status.connectState, { ed2k: 'off', kad: 'off' });
    const preferences = await b.core.ec.preferences();
    assert.equal(preferences.ichOn, false);
    await b.core.ec.setPreferences({ downloadMax: 12_345 });
    assert.equal((await b.core.ec.preferences()).downloadMax, 12_345);
    await b.core.ec.setPreferences({ downloadMax: 0 });
    assert.ok((await b.core.ec.log()).length > 0);
  });
}

function testTransfer(): void {
  it('shares a file with the hashes it is given, and fetches it whole', async () => {
    const pack = await makeTestPack(a.folder, THREE_PARTS, 1);
    const { fileHash } = pack;
    await a.core.share([pack]);
    await a.core.share([pack]);
    const shared = await a.core.ec.sharedFiles();
    assert.equal(shared.find((file) => file.fileHash === fileHash)?.size, THREE_PARTS);

    const request = fetchOf(pack, b.folder, [a.endPoint]);
    await b.core.fetch(request);
    await b.events.until('complete', () => b.events.isComplete(fileHash));
    assert.deepEqual(b.events.verifiedParts(fileHash), new Set([0, 1, 2]));
    assert.ok(pack.bytes.equals(await readFile(request.path)));

    const [client] = await b.core.clients();
    assert.deepEqual(client?.client, a.endPoint);
    assert.ok(client.bytesDown >= THREE_PARTS && client.bytesDown < 1.1 * THREE_PARTS);
    // The sender counts a little later than the receiver.
    await eventually('a counts what it sent', async () => {
      const [served] = await a.core.clients();
      return served !== undefined && served.bytesUp >= THREE_PARTS;
    });
    assert.equal(await reasonOf(b.core.fetch(request)), 'EXISTS');
  });

  it('fetches a file that ends with a part, and one that is smaller than a block', async () => {
    for (const [seed, size] of [PART_SIZE, 2 * PART_SIZE, 1000].entries()) {
      const pack = await makeTestPack(a.folder, size, 20 + seed);
      await a.core.share([pack]);
      const request = fetchOf(pack, b.folder, [a.endPoint]);
      await b.core.fetch(request);
      await b.events.until('complete', () => b.events.isComplete(pack.fileHash));
      assert.ok(pack.bytes.equals(await readFile(request.path)));
    }
  });

  it('gives nothing to a client that is not trusted, and goes on when it is', async () => {
    const pack = await makeTestPack(a.folder, THREE_PARTS, 2);
    await a.core.share([pack]);
    await a.core.setTrust(trustOf(a.endPoint, []));
    const before = (await a.core.clients()).length;
    assert.equal(before, 0);
    await b.core.fetch(fetchOf(pack, b.folder, [a.endPoint]));
    await b.core.askNow(pack.fileHash);
    const [waiting] = await b.core.fetches([pack.fileHash]);
    assert.equal(waiting?.bytesDone, 0);
    const [download] = await b.core.ec.downloads();
    assert.equal(download?.fileHash, pack.fileHash);

    await trustEachOther();
    await b.core.askNow(pack.fileHash);
    await b.events.until('complete', () => b.events.isComplete(pack.fileHash));
  });

  it('tells its sources while it fetches, and stands still while paused', async () => {
    const pack = await makeTestPack(a.folder, THREE_PARTS, 3);
    const { fileHash } = pack;
    await a.core.share([pack]);
    await b.core.fetch(fetchOf(pack, b.folder, []));
    assert.deepEqual(await b.core.sources(fileHash), []);
    await b.core.ec.pause(fileHash);
    assert.equal((await b.core.fetches([fileHash]))[0]?.state, 'paused');
    await b.core.addSources(fileHash, [a.endPoint]);
    await b.core.ec.resume(fileHash);
    await b.events.until('a part', () => b.events.verifiedParts(fileHash).size > 0);
    const [source] = await b.core.sources(fileHash).catch(() => []);
    if (source !== undefined) assert.deepEqual(source.source, a.endPoint);
    await b.events.until('complete', () => b.events.isComplete(fileHash));
  });
}

function testRefusals(): void {
  it('refuses what it does not have, and forgets what it is told to', async () => {
    const unknown = 'ab'.repeat(16);
    assert.equal(await reasonOf(b.core.cancel(unknown)), 'NOT_FOUND');
    assert.equal(await reasonOf(b.core.askNow(unknown)), 'NOT_FOUND');
    assert.equal(await reasonOf(b.core.invalidatePart(unknown, 0)), 'NOT_FOUND');
    await b.core.unshare([unknown]);

    const pack = await makeTestPack(a.folder, 1000, 4);
    await a.core.share([pack]);
    await a.core.unshare([pack.fileHash]);
    const shared = await a.core.ec.sharedFiles();
    assert.ok(!shared.some((file) => file.fileHash === pack.fileHash));
  });

  it('takes files only from beneath the store root, and follows no link there', async () => {
    const pack = await makeTestPack(a.folder, 2000, 30);
    const outside = join(root, 'a', 'outside');
    await mkdir(outside);
    const strayPack = await makeTestPack(outside, 2000, 31);
    await symlink(outside, join(a.folder, 'folder-link'));
    await symlink(pack.path, join(a.folder, 'file-link'));
    const bad = [
      strayPack.path,
      join(a.folder, 'folder-link', 'pack-31'),
      join(a.folder, 'file-link'),
      `${a.folder}-not`,
    ];
    for (const path of bad) {
      assert.equal(await reasonOf(a.core.share([{ ...pack, path }])), 'DENIED', path);
      const seeded = { ...fetchOf(pack, a.folder, []), seedPath: path };
      assert.equal(await reasonOf(a.core.fetch(seeded)), 'DENIED', path);
    }
    for (const path of [join(outside, 'x'), join(a.folder, 'folder-link', 'x')]) {
      const request = { ...fetchOf(pack, a.folder, []), path };
      assert.equal(await reasonOf(a.core.fetch(request)), 'DENIED', path);
    }
    assert.deepEqual(await a.core.fetches(), []);
  });

  it('gives nothing of a file in whose place a link was put', async () => {
    const pack = await makeTestPack(a.folder, 2000, 32);
    const { fileHash, bytes } = pack;
    await a.core.share([pack]);
    const elsewhere = join(root, 'a', 'same bytes');
    await writeFile(elsewhere, bytes);
    await rm(pack.path);
    await symlink(elsewhere, pack.path);
    await b.core.fetch(fetchOf(pack, b.folder, [a.endPoint]));
    await eventually('a no longer has the file', async () =>
      (await a.core.ec.sharedFiles()).every((file) => file.fileHash !== fileHash),
    );
    assert.equal((await b.core.fetches([fileHash]))[0]?.bytesDone, 0);
    await b.core.cancel(fileHash);
  });

  it('removes a fetch that is cancelled, with its part file', async () => {
    const pack = await makeTestPack(b.folder, THREE_PARTS, 5);
    await b.core.fetch(fetchOf(pack, b.folder, []));
    await b.core.cancel(pack.fileHash);
    assert.deepEqual(await b.core.fetches(), []);
    assert.deepEqual(await b.core.ec.downloads(), []);
  });

  it('names the part and the source when a part is not what it should be', async () => {
    const pack = await makeTestPack(a.folder, THREE_PARTS, 6);
    const { fileHash } = pack;
    const file = await open(pack.path, 'r+');
    const wrong = Buffer.from(pack.bytes.subarray(PART_SIZE + 10, PART_SIZE + 11)).map((x) => ~x);
    await file.write(wrong, 0, 1, PART_SIZE + 10);
    await file.close();
    await a.core.share([pack]);
    await b.core.fetch(fetchOf(pack, b.folder, [a.endPoint]));
    await b.events.until('unavailable', () => b.events.isUnavailable(fileHash, 1));
    await b.events.until('corrupt', () => b.events.corruptParts(fileHash).length > 0);
    const corrupt = b.events.corruptParts(fileHash);
    assert.equal(corrupt[0]?.partIndex, 1);
    assert.deepEqual(corrupt[0].sources, [a.endPoint]);
    await b.events.until('the other parts', () => b.events.verifiedParts(fileHash).size === 2);
    assert.ok(!b.events.isComplete(fileHash));
    assert.deepEqual((await b.core.fetches([fileHash]))[0]?.verified.missing(), [1]);
    await b.core.cancel(fileHash);
  });
}

function testParts(): void {
  it('takes a file over as data, trusts the parts it is told to, and fetches the rest', async () => {
    const pack = await makeTestPack(a.folder, THREE_PARTS, 7);
    const { fileHash } = pack;
    await a.core.share([pack]);
    const seedPath = join(b.folder, 'seed');
    const seed = Buffer.from(pack.bytes);
    seed.fill(0, PART_SIZE, 2 * PART_SIZE);
    await writeFile(seedPath, seed);
    const request = fetchOf(pack, b.folder, []);
    await b.core.fetch({ ...request, seedPath, haveParts: PartBitmap.of(3, [0]) });
    await assert.rejects(stat(seedPath));
    await b.events.until('part 2 verified', () => b.events.verifiedParts(fileHash).has(2));
    assert.deepEqual((await b.core.fetches([fileHash]))[0]?.verified.missing(), [1]);

    await b.core.invalidatePart(fileHash, 0);
    assert.deepEqual((await b.core.fetches([fileHash]))[0]?.verified.missing(), [0, 1]);
    await b.core.addSources(fileHash, [a.endPoint]);
    await b.events.until('complete', () => b.events.isComplete(fileHash));
    assert.ok(pack.bytes.equals(await readFile(request.path)));
  });

  it('does not ask an avoided source for that part', async () => {
    const pack = await makeTestPack(a.folder, THREE_PARTS, 8);
    const { fileHash } = pack;
    await a.core.share([pack]);
    await fetchAvoiding(pack, 2);
    await b.events.until('unavailable', () => b.events.isUnavailable(fileHash, 2));
    await b.events.until('two parts', () => b.events.verifiedParts(fileHash).size === 2);
    assert.ok(!b.events.verifiedParts(fileHash).has(2));
    await b.core.cancel(fileHash);
  });
}

function testRestart(): void {
  it('comes back when it is killed, and keeps the parts it verified', async () => {
    const pack = await makeTestPack(a.folder, THREE_PARTS, 9);
    const { fileHash } = pack;
    await a.core.share([pack]);
    const request = await fetchAvoiding(pack, 0);
    await b.events.until('two parts', () => b.events.verifiedParts(fileHash).size === 2);
    const { boot } = await b.core.info();
    const totals = await b.core.clients();
    const received = totals[0]?.bytesDown ?? 0;
    assert.ok(received > 0);

    const restarts = b.events.restartCount;
    await b.kill();
    await b.events.until('restart', () => b.events.restartCount === restarts + 1);
    assert.notEqual((await b.core.info()).boot, boot);
    await b.core.setTrust(trustOf(b.endPoint, [a.endPoint]));
    await b.core.fetch({ ...request, haveParts: PartBitmap.of(3, [1, 2]) });
    await b.events.until('complete', () => b.events.isComplete(fileHash));
    assert.ok(pack.bytes.equals(await readFile(request.path)));
    assert.deepEqual(b.events.verifiedParts(fileHash), new Set(ALL_OF_THREE.indexes()));
    const again = (await b.core.clients())[0]?.bytesDown ?? 0;
    assert.ok(again < 1.5 * PART_SIZE, `${again} bytes were fetched for one part`);
  });
}
