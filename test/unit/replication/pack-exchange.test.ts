// SPDX-License-Identifier: GPL-2.0-or-later
// What happens around a core that refuses, dies, or has no source.
import assert from 'node:assert/strict';
import { copyFile, open, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { ReplicationError, hasCode } from '../../../src/base/errors.ts';
import type { FetchRequest } from '../../../src/core/core.ts';
import { encodeDescriptor } from '../../../src/dataset/descriptor.ts';
import { partCount } from '../../../src/ed2k/part-arithmetic.ts';
import { PartBitmap } from '../../../src/ed2k/part-bitmap.ts';
import type { WantedPack } from '../../../src/replication/pack-fetch.ts';
import {
  introduce,
  replicationSite,
  type ReplicationSite,
} from '../../support/replication-site.ts';
import { testBytes } from '../../support/test-bytes.ts';

interface Lab {
  readonly writer: ReplicationSite;
  readonly reader: ReplicationSite;
  readonly pack: WantedPack;
  readonly signal: AbortSignal;
}

/** A pack of two parts that the writer has and the reader's core does not find by itself. */
async function lab(t: TestContext): Promise<Lab> {
  const writer = await replicationSite(t, { name: 'writer' });
  const reader = await replicationSite(t, { name: 'reader' });
  await introduce(writer, reader);
  const source = writer.newFolder('source');
  await writeFile(join(source, 'file'), testBytes(25_000_000, 5));
  const { dataset, packs } = await writer.publish(source);
  const [sealed] = packs;
  assert.ok(sealed !== undefined);
  const { packId, descriptor } = sealed;
  const { signal } = new AbortController();
  return { writer, reader, pack: { packId, descriptor, dataset }, signal };
}

async function nextRequest({ core }: ReplicationSite): Promise<FetchRequest> {
  const count = core.requests.length;
  for (;;) {
    const request = core.requests[count];
    if (request !== undefined) return request;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Puts the pack where the core would, and says so. */
async function finish({ writer, reader, pack }: Lab): Promise<void> {
  const path = reader.packs.path(pack.packId);
  await copyFile(writer.packs.path(pack.packId), path);
  reader.core.complete({ fileHash: pack.descriptor.fileHash.toString('hex'), path });
}

test('a pack is asked for with its hashes and all peers that may have it', async (t) => {
  const at = await lab(t);
  const { writer, reader, pack, signal } = at;
  const asked = nextRequest(reader);
  const obtained = reader.exchange.obtain([pack], signal);
  const request = await asked;
  assert.equal(request.name, `${pack.packId}.pack`);
  assert.equal(request.size, pack.descriptor.size);
  assert.deepEqual(request.partSha256, pack.descriptor.partSha256);
  const { ed2kHost: host, ed2kPort: port } = writer.identity.record;
  assert.deepEqual(request.sources, [{ host, port }]);
  assert.deepEqual(reader.core.trusted, [{ host, port }]);
  await finish(at);
  await obtained;
  const row = await reader.catalogue.packs.get(pack.packId);
  assert.equal(row?.state, 'complete');
  assert.ok(reader.core.shared.has(request.fileHash));
});

test('verified parts are known after a restart of the core', async (t) => {
  const at = await lab(t);
  const { reader, pack, signal } = at;
  const first = nextRequest(reader);
  const obtained = reader.exchange.obtain([pack], signal);
  const { fileHash } = await first;
  reader.core.emit({ kind: 'partVerified', fileHash, partIndex: 1 });
  const again = nextRequest(reader);
  reader.core.restart();
  const request = await again;
  assert.deepEqual(request.haveParts?.indexes(), [1]);
  assert.equal(reader.core.trusted.length, 1);
  await finish(at);
  await obtained;
});

test('a core that is away is asked again when it is back', async (t) => {
  const at = await lab(t);
  const { reader, pack, signal } = at;
  reader.core.failure = new ReplicationError('ERR_CORE_DIED', 'away');
  const obtained = reader.exchange.obtain([pack], signal);
  await nextRequest(reader);
  assert.equal(reader.exchange.fetches()[0]?.problem, undefined);
  reader.core.failure = undefined;
  const again = nextRequest(reader);
  reader.core.restart();
  await again;
  await finish(at);
  await obtained;
});

test('a part that nobody has intact is a problem with its name, until a source comes', async (t) => {
  const at = await lab(t);
  const { reader, pack, signal } = at;
  const asked = nextRequest(reader);
  const obtained = reader.exchange.obtain([pack], signal);
  const { fileHash } = await asked;
  reader.core.emit({ kind: 'partUnavailable', fileHash, partIndex: 1 });
  const [fetch] = reader.exchange.fetches();
  assert.ok(hasCode(fetch?.problem, 'ERR_PART_UNAVAILABLE'));
  assert.match(fetch.problem.message, /part 1 of pack/);
  const again = nextRequest(reader);
  reader.core.emit({ kind: 'clientUp', client: { host: '127.0.0.1', port: 1 } });
  await again;
  assert.equal(reader.exchange.fetches()[0]?.problem?.code, 'ERR_PART_UNAVAILABLE');
  reader.core.emit({ kind: 'partVerified', fileHash, partIndex: 1 });
  assert.equal(reader.exchange.fetches()[0]?.problem, undefined);
  await finish(at);
  await obtained;
});

test('what the core refuses is a problem; a file it has already is taken', async (t) => {
  const at = await lab(t);
  const { reader, pack, signal } = at;
  const refuse = (reason: string): (() => Promise<void>) => {
    const error = new ReplicationError('ERR_CORE_REFUSED', `no: ${reason}`, { reason });
    return () => Promise.reject(error);
  };
  reader.core.behaviour = refuse('IO');
  const asked = nextRequest(reader);
  const obtained = reader.exchange.obtain([pack], signal);
  await asked;
  await new Promise((resolve) => setImmediate(resolve));
  assert.ok(hasCode(reader.exchange.fetches()[0]?.problem, 'ERR_CORE_REFUSED'));
  await copyFile(at.writer.packs.path(pack.packId), reader.packs.path(pack.packId));
  reader.core.behaviour = refuse('EXISTS');
  reader.core.emit({ kind: 'clientUp', client: { host: '127.0.0.1', port: 1 } });
  await obtained;
});

test('a cancelled wait leaves the fetch to go on', async (t) => {
  const at = await lab(t);
  const { reader, pack } = at;
  const controller = new AbortController();
  const obtained = reader.exchange.obtain([pack], controller.signal);
  await nextRequest(reader);
  controller.abort();
  await assert.rejects(obtained, { name: 'AbortError' });
  const again = reader.exchange.obtain([pack], at.signal);
  await finish(at);
  await again;
});

test('of a damaged pack only the bad parts are asked for', async (t) => {
  const at = await lab(t);
  const { writer, reader, pack, signal } = at;
  const asked = nextRequest(reader);
  const obtained = reader.exchange.obtain([pack], signal);
  await asked;
  await finish(at);
  await obtained;
  const path = reader.packs.path(pack.packId);
  const file = await open(path, 'r+');
  await file.write(Buffer.from('damage'), 0, 6, 15_000_000);
  await file.close();
  const repairing = nextRequest(reader);
  const repaired = reader.exchange.repair(pack, signal);
  const request = await repairing;
  assert.equal(request.seedPath, path);
  assert.deepEqual(request.haveParts?.missing(), [1]);
  assert.ok(!reader.core.shared.has(request.fileHash));
  await rm(path);
  await finish({ ...at, writer });
  assert.deepEqual(await repaired, [1]);
});

test('a complete file that lies there after a crash is found and not fetched', async (t) => {
  const at = await lab(t);
  const { writer, reader, pack, signal } = at;
  await copyFile(writer.packs.path(pack.packId), reader.packs.path(pack.packId));
  await reader.exchange.obtain([pack], signal);
  assert.deepEqual(reader.core.requests, []);
});

test('noted parts are asked for no more after a restart of the daemon', async (t) => {
  const at = await lab(t);
  const { reader, pack, signal } = at;
  const parts = partCount(pack.descriptor.size);
  await reader.catalogue.packs.put(pack.packId, {
    datasetId: pack.dataset.id,
    descriptor: encodeDescriptor(pack.descriptor),
    state: 'fetching',
    verifiedParts: PartBitmap.of(parts, [0]).toBytes(),
  });
  const packs = new Map([[pack.packId, pack.descriptor]]);
  const [missing] = await reader.exchange.missing(pack.dataset, packs);
  assert.equal(missing?.bytesHere, 9_728_000);
  const asked = nextRequest(reader);
  const obtained = reader.exchange.obtain([pack], signal);
  assert.deepEqual((await asked).haveParts?.indexes(), [0]);
  await finish(at);
  await obtained;
});
