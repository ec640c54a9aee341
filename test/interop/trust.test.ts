// SPDX-License-Identifier: GPL-2.0-or-later
// Goal: what a stranger gets from a core is nothing, and the trusted connection does not notice it.
// Method: two real cores that trust each other, a friend whose key the first one has, and clients
// of our own that have seen and can say everything but the key.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { pairKeyOf, siteIdAt, trustOf } from '../../scripts/lab/trust.ts';
import type { EndPoint } from '../../src/core/core.ts';
import { PART_SIZE } from '../../src/ed2k/constants.ts';
import { Ed2kPeer, OPCODE, PROTOCOL, helloBody } from '../support/ed2k-peer.ts';
import type { Ed2kSite } from '../support/ed2k-peer.ts';
import { loopbackAddress, startTestCore } from '../support/test-core.ts';
import type { TestCore } from '../support/test-core.ts';
import { fetchOf, makeTestPack } from '../support/test-pack.ts';
import type { TestPack } from '../support/test-pack.ts';

const PORT = 4662;
/** Many more than the 16 that the core lets wait from one address. */
const FLOOD = 200;

const friend: EndPoint = { host: loopbackAddress(10), port: PORT };
const stranger = loopbackAddress(11);
const relayAt: EndPoint = { host: loopbackAddress(12), port: PORT };
const mirrorAt: EndPoint = { host: loopbackAddress(13), port: PORT };

let root: string;
let a: TestCore;
let b: TestCore;
let secret: TestPack;
let packCount = 0;

function siteAt(at: EndPoint, userHash = userHashOf(at)): Ed2kSite {
  return { siteId: siteIdAt(at), userHash, port: at.port };
}

function userHashOf(at: EndPoint): Buffer {
  return createHash('md5').update(`${at.host}:${at.port}`).digest();
}

function trustEverybody(): Promise<void> {
  return a.core.setTrust(trustOf(a.endPoint, [b.endPoint, friend, mirrorAt]));
}

function downCount(): number {
  const isDown = (core: TestCore, other: TestCore): number =>
    core.events.events.filter(
      (event) => event.kind === 'clientDown' && event.client.host === other.endPoint.host,
    ).length;
  return isDown(a, b) + isDown(b, a);
}

/** `b` fetches something new from `a`. */
async function transfer(size = 2 * PART_SIZE): Promise<void> {
  packCount += 1;
  const pack = await makeTestPack(a.folder, size + packCount, packCount);
  await a.core.share([pack]);
  const request = fetchOf(pack, b.folder, [a.endPoint]);
  await b.core.fetch(request);
  await b.events.until('complete', () => b.events.isComplete(pack.fileHash));
  assert.ok(pack.bytes.equals(await readFile(request.path)));
}

/** Runs the attack beside a transfer; the trusted connection must outlive both. */
async function undisturbed(attack: () => Promise<void>): Promise<void> {
  await transfer();
  const before = downCount();
  await Promise.all([attack(), transfer()]);
  await transfer();
  assert.equal(downCount(), before, 'the trusted connection was lost');
}

/** Asks for the secret in every way that aMule answers. */
function askForFiles(peer: Ed2kPeer): void {
  const hash = Buffer.from(secret.fileHash, 'hex');
  peer.send(PROTOCOL.ed2k, OPCODE.requestFileName, hash);
  peer.send(PROTOCOL.ed2k, OPCODE.setRequestedFile, hash);
  peer.send(PROTOCOL.ed2k, OPCODE.startUpload, hash);
  peer.send(PROTOCOL.ed2k, OPCODE.askSharedFiles);
  peer.send(PROTOCOL.eMule, OPCODE.have, Buffer.concat([Buffer.from([0, 0, 0, 0, 1]), hash]));
}

function assertNothingSaid(peer: Ed2kPeer): void {
  const bytes = Buffer.concat(peer.received);
  assert.ok(!bytes.includes(Buffer.from(secret.fileHash, 'hex')));
  assert.ok(!bytes.includes(secret.path.slice(secret.path.lastIndexOf('/') + 1)));
}

async function greet(from: string, port: number, userHash: Buffer): Promise<Ed2kPeer> {
  const peer = await Ed2kPeer.connect(a.endPoint, from);
  peer.send(PROTOCOL.ed2k, OPCODE.hello, helloBody(userHash, port));
  return peer;
}

/** The user hash that `a` knows `b` by, as anybody on the path has seen it. */
async function userHashOfB(): Promise<Buffer> {
  const { host } = b.endPoint;
  await b.core.setTrust(trustOf(b.endPoint, [a.endPoint, friend]));
  const peer = await Ed2kPeer.connect(b.endPoint, friend.host);
  peer.send(PROTOCOL.ed2k, OPCODE.hello, helloBody(userHashOf(friend), friend.port));
  const answer = await peer.find(PROTOCOL.ed2k, OPCODE.helloAnswer);
  peer.close();
  assert.ok(answer !== undefined, `${host} does not answer`);
  return Buffer.from(answer.body.subarray(0, 16));
}

/** Carries bytes between the two cores; `change` sees those of `a` for `b`. */
async function relay(change: (bytes: Buffer) => Buffer): Promise<Server> {
  const server = createServer((incoming: Socket) => {
    const { host, port } = a.endPoint;
    const outgoing = connect({ host, port, localAddress: b.endPoint.host });
    const end = () => {
      incoming.destroy();
      outgoing.destroy();
    };
    for (const socket of [incoming, outgoing]) socket.on('error', end).on('close', end);
    incoming.on('data', (bytes: Buffer) => outgoing.write(bytes));
    outgoing.on('data', (bytes: Buffer) => incoming.write(change(bytes)));
  });
  server.listen(relayAt.port, relayAt.host);
  await once(server, 'listening');
  return server;
}

describe('a core and those whose key it does not have', () => {
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'trust-'));
    a = await startTestCore('embedded', join(root, 'a'), loopbackAddress(0));
    b = await startTestCore('embedded', join(root, 'b'), loopbackAddress(1));
    await trustEverybody();
    await b.core.setTrust(trustOf(b.endPoint, [a.endPoint]));
    secret = await makeTestPack(a.folder, 3_000_000, 1000);
    await a.core.share([secret]);
  });

  after(async () => {
    await a.stop();
    await b.stop();
    await rm(root, { recursive: true });
  });

  it('answers a client of another program that has the key', async () => {
    const peer = await Ed2kPeer.connect(a.endPoint, friend.host);
    const pairKey = pairKeyOf(friend, a.endPoint);
    assert.ok(await peer.prove(siteAt(friend), siteAt(a.endPoint), pairKey));
    await a.events.until('up', () =>
      a.events.events.some(
        (event) => event.kind === 'clientUp' && event.client.host === friend.host,
      ),
    );
    askForFiles(peer);
    const status = await peer.find(PROTOCOL.eMule, OPCODE.have);
    assert.equal(status?.body.subarray(5, 21).toString('hex'), secret.fileHash);
    assertNothingSaid(peer);
    peer.close();
  });

  it('says nothing at all to an address that it does not know', async () => {
    await undisturbed(async () => {
      const peer = await greet(stranger, PORT, randomBytes(16));
      askForFiles(peer);
      await peer.closed();
      assert.equal(Buffer.concat(peer.received).length, 0);
    });
  });

  it('gives nothing for the user hash of a trusted client', async () => {
    const userHash = await userHashOfB();
    await undisturbed(async () => {
      for (const from of [stranger, friend.host, b.endPoint.host]) {
        const peer = await greet(from, PORT + 1, userHash);
        askForFiles(peer);
        await peer.closed();
        assert.equal(Buffer.concat(peer.received).length, 0);
      }
    });
  });

  it('gives nothing for the address and port of a trusted client', async () => {
    const userHash = await userHashOfB();
    await undisturbed(async () => {
      const asking = await greet(b.endPoint.host, PORT, userHash);
      askForFiles(asking);
      await asking.closed();
      assertNothingSaid(asking);
      const proving = await Ed2kPeer.connect(a.endPoint, b.endPoint.host);
      const claimed = siteAt(b.endPoint, userHash);
      assert.ok(!(await proving.prove(claimed, siteAt(a.endPoint), randomBytes(32))));
      await proving.closed();
      assertNothingSaid(proving);
      // The key of another pair is as good as none.
      const other = await Ed2kPeer.connect(a.endPoint, b.endPoint.host);
      const wrongKey = pairKeyOf(friend, a.endPoint);
      assert.ok(!(await other.prove(claimed, siteAt(a.endPoint), wrongKey)));
      await other.closed();
    });
  });

  it('does not answer a handshake that it has seen before', async () => {
    const first = await Ed2kPeer.connect(a.endPoint, friend.host);
    const pairKey = pairKeyOf(friend, a.endPoint);
    assert.ok(await first.prove(siteAt(friend), siteAt(a.endPoint), pairKey));
    askForFiles(first);
    assert.ok((await first.find(PROTOCOL.ed2k, OPCODE.fileStatus)) !== undefined);
    first.close();
    await undisturbed(async () => {
      const replay = await Ed2kPeer.connect(a.endPoint, friend.host);
      const [hello, ...rest] = first.sent;
      assert.ok(hello !== undefined && rest.length > 1);
      replay.sendRaw(hello);
      assert.equal((await replay.next())?.opcode, OPCODE.helloAnswer);
      for (const bytes of rest) replay.sendRaw(bytes);
      assert.equal(await replay.next(), undefined);
      assertNothingSaid(replay);
    });
  });

  it('does not take its own messages for those of the other side', async () => {
    const server = createServer();
    server.listen(mirrorAt.port, mirrorAt.host);
    await once(server, 'listening');
    const wanted = await makeTestPack(b.folder, 2000, 2000);
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    await a.core.fetch(fetchOf(wanted, a.folder, [mirrorAt]));
    const outer = new Ed2kPeer((await accepted)[0]);
    const hello = await outer.next();
    assert.equal(hello?.opcode, OPCODE.hello);
    const inner = await Ed2kPeer.connect(a.endPoint, mirrorAt.host);
    inner.send(PROTOCOL.ed2k, OPCODE.hello, hello.body);
    const answer = await inner.next();
    assert.equal(answer?.opcode, OPCODE.helloAnswer);
    outer.send(PROTOCOL.ed2k, OPCODE.helloAnswer, answer.body);
    const first = await outer.next();
    assert.equal(first?.opcode, OPCODE.handshake);
    inner.send(PROTOCOL.eMule, OPCODE.handshake, first.body);
    assert.equal(await inner.next(), undefined);
    // Nor is its own first message the answer to it.
    outer.send(PROTOCOL.eMule, OPCODE.handshake, first.body);
    assert.equal(await outer.next(), undefined);
    await a.core.cancel(wanted.fileHash);
    server.close();
  });

  it('takes nothing that was changed on the way, and goes on when it is not', async () => {
    let through = 0;
    let cuts = 0;
    const server = await relay((bytes) => {
      const before = through;
      through += bytes.length;
      // One bit, well behind the handshake, on the first connection only.
      if (cuts > 0 || through < 1_000_000) return bytes;
      cuts += 1;
      const changed = Buffer.from(bytes);
      const at = Math.max(0, 1_000_000 - before) % changed.length;
      changed[at] = (changed[at] ?? 0) ^ 0x01;
      return changed;
    });
    const { siteId } = siteAt(a.endPoint);
    const pairKey = pairKeyOf(a.endPoint, b.endPoint);
    const viaRelay = { ...relayAt, siteId, pairKey };
    await b.core.setTrust({ siteId: siteIdAt(b.endPoint), clients: [viaRelay], isOpen: false });
    const pack = await makeTestPack(a.folder, 3 * PART_SIZE, 3000);
    await a.core.share([pack]);
    const request = fetchOf(pack, b.folder, [relayAt]);
    await b.core.fetch(request);
    await b.events.until('complete', () => b.events.isComplete(pack.fileHash));
    assert.ok(pack.bytes.equals(await readFile(request.path)));
    assert.equal(cuts, 1);
    assert.deepEqual(b.events.corruptParts(pack.fileHash), []);
    const ups = b.events.events.filter(
      (event) => event.kind === 'clientUp' && event.client.host === relayAt.host,
    );
    assert.ok(ups.length >= 2, 'the changed connection was not given up');
    await b.core.setTrust(trustOf(b.endPoint, [a.endPoint]));
    server.close();
  });

  it('lets only so many wait for their proof, and serves the trusted client meanwhile', async () => {
    await undisturbed(async () => {
      const peers: Ed2kPeer[] = [];
      for (let i = 0; i < FLOOD; i++) {
        peers.push(await Ed2kPeer.connect(a.endPoint, b.endPoint.host));
      }
      // The surplus is closed at once, the rest when its time is up.
      let closed = 0;
      const answered = peers.map(async (peer) => {
        await peer.closed();
        closed += 1;
        return Buffer.concat(peer.received).length;
      });
      assert.deepEqual(new Set(await Promise.all(answered)), new Set([0]));
      assert.equal(closed, FLOOD);
    });
  });

  it('keeps one of two connections that both sides make at the same time', async () => {
    for (let round = 0; round < 5; round++) {
      // No connection at first, and both have a reason to make one.
      await a.core.setTrust(trustOf(a.endPoint, []));
      await b.core.setTrust(trustOf(b.endPoint, []));
      await trustEverybody();
      await b.core.setTrust(trustOf(b.endPoint, [a.endPoint]));
      const forA = await makeTestPack(b.folder, 50_000 + round, 4000 + round);
      const forB = await makeTestPack(a.folder, 60_000 + round, 5000 + round);
      await Promise.all([a.core.share([forB]), b.core.share([forA])]);
      const before = downCount();
      await Promise.all([
        a.core.fetch(fetchOf(forA, a.folder, [b.endPoint])),
        b.core.fetch(fetchOf(forB, b.folder, [a.endPoint])),
      ]);
      await a.events.until('complete', () => a.events.isComplete(forA.fileHash));
      await b.events.until('complete', () => b.events.isComplete(forB.fileHash));
      await transfer();
      assert.equal(downCount(), before, 'a connection was made and lost again');
    }
  });

  it('makes a new connection when the key of the pair has changed', async () => {
    await transfer();
    const before = downCount();
    const pairKey = randomBytes(32);
    const withKey = (own: EndPoint, other: EndPoint) => ({
      siteId: siteIdAt(own),
      clients: [{ ...other, siteId: siteIdAt(other), pairKey }],
      isOpen: false,
    });
    await a.core.setTrust(withKey(a.endPoint, b.endPoint));
    await b.core.setTrust(withKey(b.endPoint, a.endPoint));
    assert.ok(downCount() > before);
    await transfer();
    await trustEverybody();
    await b.core.setTrust(trustOf(b.endPoint, [a.endPoint]));
  });

  it('greets strangers in an open swarm, and still gives them no pack and trusts none', async () => {
    const userHash = await userHashOfB();
    await a.core.setTrust({ ...trustOf(a.endPoint, [b.endPoint, friend], true) });
    await undisturbed(async () => {
      const peer = await greet(stranger, PORT, userHash);
      assert.ok((await peer.find(PROTOCOL.ed2k, OPCODE.helloAnswer)) !== undefined);
      askForFiles(peer);
      // aMule answers a second Hello or hangs up; either comes after what it says to the requests.
      peer.send(PROTOCOL.ed2k, OPCODE.hello, helloBody(userHash, PORT));
      for (;;) {
        const packet = await peer.next();
        if (packet === undefined || packet.opcode === OPCODE.helloAnswer) break;
        // That there is no such file it says of the hash that it was asked for, whatever that is.
        const isAboutIt = packet.body.includes(Buffer.from(secret.fileHash, 'hex'));
        assert.ok(!isAboutIt || packet.opcode === OPCODE.noFile, `opcode ${packet.opcode}`);
        assert.ok(!packet.body.includes(secret.path.slice(secret.path.lastIndexOf('/') + 1)));
      }
      const claiming = await greet(b.endPoint.host, PORT, userHash);
      askForFiles(claiming);
      await claiming.closed();
      assertNothingSaid(claiming);
      peer.close();
    });
    await trustEverybody();
  });
});
