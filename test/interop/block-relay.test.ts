// SPDX-License-Identifier: GPL-2.0-or-later
// Goal: a core gives on blocks of a part before the part is whole, but only right ones.
// Method: real cores, one of which fetches from the others, and a client of ours that takes from
// it.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { pairKeyOf, siteIdAt, trustOf } from '../../scripts/lab/trust.ts';
import type { CoreEvent, EndPoint } from '../../src/core/core.ts';
import { BLOCK_SIZE, PART_SIZE } from '../../src/ed2k/constants.ts';
import { Ed2kPeer, OPCODE, PROTOCOL } from '../support/ed2k-peer.ts';
import type { Ed2kPacket, Ed2kSite } from '../support/ed2k-peer.ts';
import { loopbackAddress, startTestCore } from '../support/test-core.ts';
import type { TestCore } from '../support/test-core.ts';
import { fetchOf, makeTestPack } from '../support/test-pack.ts';
import type { TestPack } from '../support/test-pack.ts';

const KIND = { want: 1, all: 4, has: 6, blocks: 12 } as const;
const HASH_SIZE = 16;
const LEAF_SIZE = 20;
/** KiB/s: a part takes several seconds. */
const SLOW = 2048;

const friend: EndPoint = { host: loopbackAddress(10), port: 4662 };

let root: string;
let publisher: TestCore;
let liar: TestCore;
let follower: TestCore;

function siteAt(at: EndPoint): Ed2kSite {
  const userHash = createHash('md5').update(`${at.host}:${at.port}`).digest();
  return { siteId: siteIdAt(at), userHash, port: at.port };
}

/** A client that wants the file, as another follower does. */
async function wanting(core: TestCore, fileHash: string): Promise<Ed2kPeer> {
  const peer = await Ed2kPeer.connect(core.endPoint, friend.host);
  const pairKey = pairKeyOf(friend, core.endPoint);
  assert.ok(await peer.prove(siteAt(friend), siteAt(core.endPoint), pairKey));
  const hash = Buffer.from(fileHash, 'hex');
  const want = Buffer.concat([Buffer.alloc(4), Buffer.from([KIND.want]), hash]);
  peer.send(PROTOCOL.eMule, OPCODE.have, want);
  return peer;
}

async function packetOf(peer: Ed2kPeer, protocol: number, opcode: number): Promise<Ed2kPacket> {
  const packet = await peer.find(protocol, opcode);
  assert.ok(packet !== undefined, 'the core has closed the connection');
  return packet;
}

/** The first part of which blocks are told, and the first of them; no part has been told of yet. */
async function firstBlock(peer: Ed2kPeer): Promise<{ part: number; block: number }> {
  for (;;) {
    const { body } = await packetOf(peer, PROTOCOL.eMule, OPCODE.have);
    const kind = body.readUInt8(4);
    assert.notEqual(kind, KIND.has, 'a whole part was told of first');
    if (kind !== KIND.blocks) continue;
    const part = body.readUInt32LE(5 + HASH_SIZE);
    const blocks = body.readBigUInt64LE(9 + HASH_SIZE);
    for (let block = 0; ; block += 1) {
      if (((blocks >> BigInt(block)) & 1n) !== 0n) return { part, block };
    }
  }
}

function u32(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, index) => bytes.writeUInt32LE(value, 4 * index));
  return bytes;
}

/** Asks for a slot and for one range, and gives what comes of it. */
async function take(peer: Ed2kPeer, fileHash: string, start: number, end: number): Promise<Buffer> {
  const hash = Buffer.from(fileHash, 'hex');
  peer.send(PROTOCOL.ed2k, OPCODE.startUpload, hash);
  await packetOf(peer, PROTOCOL.ed2k, OPCODE.acceptUpload);
  const ranges = u32(start, 0, 0, end, 0, 0);
  peer.send(PROTOCOL.ed2k, OPCODE.requestParts, Buffer.concat([hash, ranges]));
  const bytes = Buffer.alloc(end - start);
  for (let left = bytes.length; left > 0;) {
    const { body } = await packetOf(peer, PROTOCOL.ed2k, OPCODE.sendingPart);
    const data = body.subarray(HASH_SIZE + 8);
    data.copy(bytes, body.readUInt32LE(HASH_SIZE) - start);
    left -= data.length;
  }
  return bytes;
}

/** Leaves of a part as the core tells them; it must have some. */
async function leavesOf(peer: Ed2kPeer, pack: TestPack, part: number): Promise<Buffer[]> {
  const hash = Buffer.from(pack.fileHash, 'hex');
  peer.send(PROTOCOL.eMule, OPCODE.askLeaves, Buffer.concat([hash, u32(part)]));
  const { body } = await packetOf(peer, PROTOCOL.eMule, OPCODE.leaves);
  assert.deepEqual(body.subarray(0, HASH_SIZE + 4), Buffer.concat([hash, u32(part)]));
  const count = body.readUInt8(HASH_SIZE + 4);
  const first = HASH_SIZE + 6;
  return Array.from({ length: count }, (_, index) =>
    body.subarray(first + index * LEAF_SIZE, first + (index + 1) * LEAF_SIZE),
  );
}

function blockOf(pack: TestPack, part: number, block: number): Buffer {
  const start = part * PART_SIZE + block * BLOCK_SIZE;
  const end = Math.min(start + BLOCK_SIZE, (part + 1) * PART_SIZE, pack.size);
  return pack.bytes.subarray(start, end);
}

async function receivedBy(core: TestCore): Promise<number> {
  const clients = await core.core.clients();
  return clients.reduce((sum, { bytesDown }) => sum + bytesDown, 0);
}

function corruptOf(core: TestCore, fileHash: string): CoreEvent[] {
  return core.events.events.filter(
    (event) => event.kind === 'partCorrupt' && event.fileHash === fileHash,
  );
}

describe('blocks that are given on before their part is whole', () => {
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'relay-'));
    const limits = { upload: SLOW, download: 0 };
    const start = (name: string, index: number): Promise<TestCore> =>
      startTestCore('embedded', join(root, name), loopbackAddress(index), undefined, limits);
    publisher = await start('publisher', 0);
    liar = await start('liar', 1);
    follower = await start('follower', 2);
    const cores = [publisher, liar, follower];
    for (const core of cores) {
      const others = cores.filter((other) => other !== core).map(({ endPoint }) => endPoint);
      await core.core.setTrust(trustOf(core.endPoint, [...others, friend]));
    }
  });

  after(async () => {
    for (const core of [publisher, liar, follower]) await core.stop();
    await rm(root, { recursive: true });
  });

  it('are told of, can be taken, and come with their leaves', async () => {
    const pack = await makeTestPack(publisher.folder, 2 * PART_SIZE - 1000, 1);
    await publisher.core.share([pack]);
    await follower.core.fetch(fetchOf(pack, follower.folder, [publisher.endPoint]));
    const peer = await wanting(follower, pack.fileHash);
    const { part, block } = await firstBlock(peer);
    const start = part * PART_SIZE + block * BLOCK_SIZE;
    const expected = blockOf(pack, part, block);
    assert.ok((await take(peer, pack.fileHash, start, start + expected.length)).equals(expected));
    assert.ok(!follower.events.verifiedParts(pack.fileHash).has(part), 'the part is not whole yet');

    const leaves = await leavesOf(peer, pack, part);
    const hashes = leaves.map((_, index) =>
      createHash('sha1')
        .update(blockOf(pack, part, index))
        .digest(),
    );
    assert.ok(leaves.length > 0);
    assert.deepEqual(leaves, hashes);
    peer.close();
    await follower.core.cancel(pack.fileHash);
  });

  it('are not asked for, nor looked at, while nobody else wants the file', async () => {
    const pack = await makeTestPack(publisher.folder, 600_000, 2);
    await publisher.core.share([pack]);
    await follower.core.fetch(fetchOf(pack, follower.folder, [publisher.endPoint]));
    await follower.events.until('complete', () => follower.events.isComplete(pack.fileHash));
    const peer = await wanting(follower, pack.fileHash);
    assert.equal((await leavesOf(peer, pack, 0)).length, 4, 'of a complete file they are computed');
    peer.close();
  });

  it('are not checked by wrong leaves, and who gave them is in the log once', async () => {
    const pack = await makeTestPack(publisher.folder, PART_SIZE + 1000, 4);
    const hash = Buffer.from(pack.fileHash, 'hex');
    await follower.core.fetch(fetchOf(pack, follower.folder, [friend]));
    const peer = await wanting(follower, pack.fileHash);
    const all = Buffer.concat([u32(1), Buffer.from([KIND.all]), hash]);
    peer.send(PROTOCOL.eMule, OPCODE.have, all);
    await packetOf(peer, PROTOCOL.ed2k, OPCODE.startUpload);
    peer.send(PROTOCOL.ed2k, OPCODE.acceptUpload, Buffer.alloc(0));
    // It asks again at once, of whom it has.
    for (let times = 0; times < 3; times += 1) {
      const { body } = await packetOf(peer, PROTOCOL.eMule, OPCODE.askLeaves);
      assert.deepEqual(body.subarray(0, HASH_SIZE), hash);
      const part = body.subarray(HASH_SIZE, HASH_SIZE + 4);
      const leaves = Buffer.concat([Buffer.from([53, 1]), Buffer.alloc(54 * LEAF_SIZE)]);
      peer.send(PROTOCOL.eMule, OPCODE.leaves, Buffer.concat([hash, part, leaves]));
    }
    const named = `Site ${siteIdAt(friend).toString('hex')} at ${friend.host}:${friend.port} gave`;
    const log = join(follower.folder, '..', 'core', 'logfile');
    // It was written before the core asked again, but may be in a buffer.
    while (!(await readFile(log, 'utf8')).includes(named)) await delay(50);
    assert.equal((await readFile(log, 'utf8')).split(named).length, 2);
    peer.close();
    await follower.core.cancel(pack.fileHash);
  });

  it('are checked: a wrong one is fetched again alone, from another source', async () => {
    const pack = await makeTestPack(publisher.folder, 4 * PART_SIZE, 3);
    const lie = await makeTestPack(liar.folder, pack.size, 3);
    await publisher.core.share([pack]);
    await liar.core.share([lie]);
    const file = await open(lie.path, 'r+');
    for (let part = 0; part < 4; part += 1) {
      const at = part * PART_SIZE + 20 * BLOCK_SIZE + 77;
      const byte = pack.bytes.readUInt8(at) ^ 1;
      await file.write(Buffer.from([byte]), 0, 1, at);
    }
    await file.close();

    const peer = await wanting(follower, pack.fileHash);
    const already = await receivedBy(follower);
    const sources = [publisher.endPoint, liar.endPoint];
    await follower.core.fetch(fetchOf(pack, follower.folder, sources));
    await follower.events.until('complete', () => follower.events.isComplete(pack.fileHash));
    const corrupt = corruptOf(follower, pack.fileHash);
    assert.ok(corrupt.length > 0, 'the liar was asked for a wrong block');
    for (const event of corrupt) {
      assert.ok(event.kind === 'partCorrupt');
      assert.equal(event.hash, 'aich');
      assert.deepEqual(event.sources, [liar.endPoint]);
    }
    const again = (await receivedBy(follower)) - already - pack.size;
    assert.ok(again < PART_SIZE, `${again} bytes were fetched again`);
    peer.close();
  });
});
