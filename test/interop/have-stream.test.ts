// SPDX-License-Identifier: GPL-2.0-or-later
// Goal: what a core tells a trusted client of its files is all there is to know, once.
// Method: two real cores, one of which fetches from the other, and a client of ours that listens.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { pairKeyOf, siteIdAt, trustOf } from '../../scripts/lab/trust.ts';
import type { EndPoint } from '../../src/core/core.ts';
import { PART_SIZE } from '../../src/ed2k/constants.ts';
import { Ed2kPeer, OPCODE, PROTOCOL } from '../support/ed2k-peer.ts';
import type { Ed2kSite } from '../support/ed2k-peer.ts';
import { loopbackAddress, startTestCore } from '../support/test-core.ts';
import type { TestCore } from '../support/test-core.ts';
import { fetchOf, makeTestPack } from '../support/test-pack.ts';

const KIND = {
  reset: 0,
  want: 1,
  parts: 3,
  all: 4,
  none: 5,
  has: 6,
  begun: 7,
  lost: 8,
  ask: 9,
  alive: 10,
  again: 11,
  blocks: 12,
} as const;
const HASH_SIZE = 16;
const BLOCKS_SIZE = 8;

const friend: EndPoint = { host: loopbackAddress(10), port: 4662 };

let root: string;
let a: TestCore;
let b: TestCore;

interface Told {
  readonly kind: number;
  readonly fileHash?: string;
  /** Part, token, or count of parts. */
  readonly number?: number;
  readonly has?: number;
}

/** The client's end of the have-stream. */
class Listener {
  sentCount = 0;
  readonly #peer: Ed2kPeer;
  readonly #told: Told[] = [];
  #expected = 0;

  constructor(peer: Ed2kPeer) {
    this.#peer = peer;
  }

  get peer(): Ed2kPeer {
    return this.#peer;
  }

  say(kind: number, body: Buffer = Buffer.alloc(0)): void {
    const sequence = Buffer.alloc(4);
    sequence.writeUInt32LE(this.sentCount);
    this.sentCount += 1;
    this.#peer.send(
      PROTOCOL.eMule,
      OPCODE.have,
      Buffer.concat([sequence, Buffer.from([kind]), body]),
    );
  }

  want(fileHash: string): void {
    this.say(KIND.want, Buffer.from(fileHash, 'hex'));
  }

  /** The next record; the count of those before each packet must be right. */
  async next(): Promise<Told> {
    while (this.#told.length === 0) {
      const packet = await this.#peer.find(PROTOCOL.eMule, OPCODE.have);
      assert.ok(packet !== undefined, 'the core has closed the connection');
      assert.equal(packet.body.readUInt32LE(0), this.#expected);
      this.#told.push(...recordsOf(packet.body.subarray(4)));
      this.#expected += this.#told.length;
    }
    const told = this.#told.shift();
    assert.ok(told !== undefined);
    return told;
  }
}

function recordsOf(bytes: Buffer): Told[] {
  const records: Told[] = [];
  let at = 0;
  while (at < bytes.length) {
    const kind = bytes.readUInt8(at);
    at += 1;
    if (kind === KIND.reset || kind === KIND.again) {
      records.push({ kind });
    } else if (kind === KIND.ask || kind === KIND.alive) {
      records.push({ kind, number: bytes.readUInt32LE(at) });
      at += 4;
    } else {
      const fileHash = bytes.toString('hex', at, at + HASH_SIZE);
      at += HASH_SIZE;
      if (kind <= KIND.want || kind === KIND.all || kind === KIND.none) {
        records.push({ kind, fileHash });
        continue;
      }
      const number = bytes.readUInt32LE(at);
      at += 4;
      if (kind === KIND.parts) {
        records.push({ kind, fileHash, number, has: bytes.readUInt8(at) });
        at += 2 * Math.ceil(number / 8);
      } else {
        records.push({ kind, fileHash, number });
        if (kind === KIND.begun || kind === KIND.blocks) at += BLOCKS_SIZE;
      }
    }
  }
  return records;
}

function siteAt(at: EndPoint): Ed2kSite {
  const userHash = createHash('md5').update(`${at.host}:${at.port}`).digest();
  return { siteId: siteIdAt(at), userHash, port: at.port };
}

async function listenTo(core: TestCore): Promise<Listener> {
  const peer = await Ed2kPeer.connect(core.endPoint, friend.host);
  const pairKey = pairKeyOf(friend, core.endPoint);
  assert.ok(await peer.prove(siteAt(friend), siteAt(core.endPoint), pairKey));
  return new Listener(peer);
}

describe('what a core tells a trusted client of its files', () => {
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'have-'));
    a = await startTestCore('embedded', join(root, 'a'), loopbackAddress(0));
    b = await startTestCore('embedded', join(root, 'b'), loopbackAddress(1));
    await a.core.setTrust(trustOf(a.endPoint, [b.endPoint, friend]));
    await b.core.setTrust(trustOf(b.endPoint, [a.endPoint, friend]));
  });

  after(async () => {
    await a.stop();
    await b.stop();
    await rm(root, { recursive: true });
  });

  it('is each part once when it is begun and once when it is verified', async () => {
    const pack = await makeTestPack(a.folder, 4 * PART_SIZE + 1000, 1);
    const listener = await listenTo(b);
    listener.want(pack.fileHash);
    assert.deepEqual(await listener.next(), { kind: KIND.none, fileHash: pack.fileHash });

    // The source is not to be had yet, so that what is told at the order does not hold a part.
    await b.core.fetch(fetchOf(pack, b.folder, [a.endPoint]));
    listener.want(pack.fileHash);
    const parts = await listener.next();
    assert.deepEqual(parts, { kind: KIND.parts, fileHash: pack.fileHash, number: 5, has: 0 });
    await a.core.share([pack]);

    const begun = new Set<number>();
    const has = new Set<number>();
    while (has.size < 5) {
      const { kind, fileHash, number } = await listener.next();
      // Blocks are the subject of another test.
      if (kind === KIND.want || kind === KIND.blocks) continue;
      assert.equal(fileHash, pack.fileHash);
      assert.ok(number !== undefined && (kind === KIND.begun || kind === KIND.has));
      assert.ok(kind === KIND.begun || begun.has(number), 'a part is begun before it is there');
      const told = kind === KIND.has ? has : begun;
      assert.ok(!told.has(number), 'nothing is told twice');
      told.add(number);
    }
    listener.peer.close();
  });

  it('begins anew for who has missed something, and asks for that itself', async () => {
    const pack = await makeTestPack(a.folder, 1_000_000, 2);
    await a.core.share([pack]);
    const listener = await listenTo(a);
    listener.want(pack.fileHash);
    const all = { kind: KIND.all, fileHash: pack.fileHash };
    assert.deepEqual(await listener.next(), all);

    listener.say(KIND.again);
    assert.deepEqual(await listener.next(), { kind: KIND.reset });
    assert.deepEqual(await listener.next(), all);

    listener.sentCount += 1;
    listener.say(KIND.ask, Buffer.from([1, 2, 3, 4]));
    assert.deepEqual(await listener.next(), { kind: KIND.again });
    listener.say(KIND.ask, Buffer.from([5, 0, 0, 0]));
    listener.say(KIND.reset);
    listener.want(pack.fileHash);
    listener.say(KIND.ask, Buffer.from([6, 0, 0, 0]));
    assert.deepEqual(await listener.next(), all);
    assert.deepEqual(await listener.next(), { kind: KIND.alive, number: 6 });
    listener.peer.close();
  });

  it('ends with the connection for who says what is no record', async () => {
    for (const [kind, body] of [
      [13, Buffer.alloc(0)],
      [KIND.want, Buffer.alloc(HASH_SIZE - 1)],
      [KIND.has, Buffer.alloc(HASH_SIZE + 4, 0xff)],
    ] as const) {
      const listener = await listenTo(a);
      listener.say(kind, body);
      await listener.peer.closed();
    }
  });
});
