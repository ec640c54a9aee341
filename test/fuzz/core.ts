// SPDX-License-Identifier: GPL-2.0-or-later
// Fuzzes the parsers of a running core: `node --enable-source-maps dist/test/fuzz/core.js
// [--seconds 60] [--seed N] [--target NAME]`. Best on a build with a sanitizer, which ends the core
// at the first fault (scripts/core-sanitize address --fuzz SECONDS). Ends with 1 when it dies.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { pairKeyOf, siteIdAt, trustOf } from '../../scripts/lab/trust.ts';
import * as codec from '../../src/core/control-codec.ts';
import type { EndPoint } from '../../src/core/core.ts';
import { encodeFrame } from '../../src/ec/framing.ts';
import { EC_OP, MULEPLEX_OP as OP } from '../../src/ec/opcodes.ts';
import { Ed2kPeer, OPCODE, PROTOCOL, encodeEd2k, helloBody } from '../support/ed2k-peer.ts';
import type { Ed2kSite } from '../support/ed2k-peer.ts';
import { freePort } from '../support/free-port.ts';
import { loopbackAddress, startTestCore } from '../support/test-core.ts';
import type { TestCore } from '../support/test-core.ts';
import { fetchOf, makeTestPack } from '../support/test-pack.ts';
import type { TestPack } from '../support/test-pack.ts';
import { Mutator } from './mutator.ts';

/** Packets on one connection; a bad one ends it, and those after it are lost. */
const BURST = 20;
/** For what the core says to a burst, which nobody reads. */
const PAUSE_MS = 10;
const EC_HEADER_SIZE = 8;
const ED2K_HEADER_SIZE = 6;

const friend: EndPoint = { host: loopbackAddress(1), port: 4662 };

interface Bench {
  readonly site: TestCore;
  readonly ecPort: number;
  readonly shared: TestPack;
  readonly wanted: TestPack;
  readonly mutator: Mutator;
}

type Target = (bench: Bench) => Promise<void>;

function ecRequests({ site, shared, wanted }: Bench): Buffer[] {
  const fetch = fetchOf(wanted, site.folder, [friend]);
  const trust = trustOf(site.endPoint, [friend], true);
  return [
    codec.infoRequest(),
    codec.trustRequest(trust),
    codec.shareRequest([shared]),
    codec.fetchRequest({ ...fetch, seedPath: join(site.folder, 'seed') }),
    codec.addSourcesRequest(wanted.fileHash, [friend]),
    codec.fileRequest(OP.SOURCES, wanted.fileHash),
    codec.filesRequest(OP.PARTS, [wanted.fileHash, shared.fileHash]),
    codec.invalidateRequest(wanted.fileHash, 0),
    codec.avoidRequest(wanted.fileHash, friend, 1),
    codec.eventsRequest(1, 1n),
    codec.clientsRequest(),
    { opcode: EC_OP.GET_DLOAD_QUEUE, tags: [] },
  ].map((request) => encodeFrame(request, { utf8Numbers: false }));
}

/** The frame of changed contents, or a changed frame. */
function changedFrame(mutator: Mutator, frames: readonly Buffer[], count: number): Buffer {
  if (count % 4 === 0) {
    const frame = mutator.mutate(frames);
    return frame.includes(EC_OP.SHUTDOWN) ? frame.subarray(0, 7) : frame;
  }
  const payload = mutator.mutate(frames.map((frame) => frame.subarray(EC_HEADER_SIZE)));
  // It would do as it is told.
  if (payload[0] === EC_OP.SHUTDOWN) payload[0] = EC_OP.STAT_REQ;
  const header = Buffer.alloc(EC_HEADER_SIZE);
  // Also as UTF-8 numbers, and as a zlib stream, which it then is not.
  header.writeUInt32BE(count % 7 === 1 ? 0x22 : count % 11 === 1 ? 0x21 : 0x20);
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
}

async function opened(socket: Socket): Promise<Socket> {
  socket.on('error', () => undefined).resume();
  await once(socket, 'connect');
  return socket;
}

async function ecBurst(bench: Bench, socket: Socket): Promise<void> {
  const frames = ecRequests(bench);
  for (let count = 0; count < BURST && !socket.destroyed; count += 1) {
    socket.write(changedFrame(bench.mutator, frames, count));
  }
  await delay(PAUSE_MS);
  socket.destroy();
}

/** Bodies that the core reads from a trusted client, or from any. */
function bodies({ shared, wanted }: Bench): Buffer[] {
  const hashes = [shared, wanted].map(({ fileHash }) => Buffer.from(fileHash, 'hex'));
  const numbers = (size: number, values: readonly number[]): Buffer =>
    Buffer.concat(
      values.map((value) => {
        const bytes = Buffer.alloc(8);
        bytes.writeBigUInt64LE(BigInt(value));
        return bytes.subarray(0, size);
      }),
    );
  return hashes.flatMap((hash) => [
    hash,
    Buffer.concat([Buffer.from([1, 0]), hash]),
    Buffer.concat([hash, Buffer.from([3, 0, 7])]),
    Buffer.concat([hash, numbers(8, [0, 184_320, 0, 184_320, 368_640, 0])]),
    Buffer.concat([hash, numbers(4, [0, 184_320, 0, 184_320, 368_640, 0])]),
    Buffer.concat([hash, numbers(8, [0, 10_240]), Buffer.alloc(10_240)]),
    Buffer.concat([hash, numbers(4, [0, 10_240]), Buffer.alloc(10_240)]),
    Buffer.concat([hash, Buffer.from([0, 0]), Buffer.alloc(20)]),
    Buffer.concat([hash, Buffer.from([2, 0]), hash, hash]),
    Buffer.concat([Buffer.from([0x58, 0x4f]), hash, Buffer.from([0x50]), hash]),
    // A request for leaves, an answer to one, and a packet of the have-stream with blocks.
    Buffer.concat([hash, numbers(4, [0, 1])]),
    Buffer.concat([hash, numbers(4, [0]), Buffer.from([6, 1]), Buffer.alloc(140)]),
    Buffer.concat([numbers(4, [0]), Buffer.from([0, 12]), hash, numbers(4, [0]), numbers(8, [5])]),
    helloBody(userHashOf(friend), friend.port),
  ]);
}

/** Of both protocols: what the core takes from a client, near enough. */
const OPCODES = [
  ...[0x40, 0x46, 0x47, 0x48, 0x4a, 0x4f, 0x50, 0x51, 0x52, 0x54, 0x55, 0x57, 0x58, 0x59, 0x60],
  ...[0x81, 0x82, 0x83, 0x84, 0x87, 0x92, 0x93, 0x9b, 0x9c, 0x9d, 0x9e, 0xa1, 0xa2, 0xa3, 0xa4],
  ...[0x01, 0x4c, 0xe0, 0xe1, 0xe2, 0xe3, 0xe4, 0xe5],
];

function burst(bench: Bench, send: (protocol: number, opcode: number, body: Buffer) => void): void {
  const { mutator } = bench;
  const seeds = bodies(bench);
  for (let count = 0; count < BURST; count += 1) {
    const [first = 0, second = 0] = mutator.mutate([Buffer.from([count, 255 - count])]);
    const protocol = first % 3 === 0 ? PROTOCOL.ed2k : PROTOCOL.eMule;
    send(protocol, OPCODES[second % OPCODES.length] ?? 0, mutator.mutate(seeds));
  }
}

function userHashOf(at: EndPoint): Buffer {
  return createHash('md5').update(at.host).digest();
}

function siteAt(at: EndPoint): Ed2kSite {
  return { siteId: siteIdAt(at), userHash: userHashOf(at), port: at.port };
}

let strangers = 0;

const TARGETS: Readonly<Record<string, Target>> = {
  controlSocket: async (bench) => {
    const path = join(bench.site.folder, '..', 'core', 'control.sock');
    await ecBurst(bench, await opened(connect({ path })));
  },
  ecOverTcp: async (bench) => {
    await ecBurst(bench, await opened(connect({ host: '127.0.0.1', port: bench.ecPort })));
  },
  trustedClient: async (bench) => {
    const { endPoint } = bench.site;
    const peer = await Ed2kPeer.connect(endPoint, friend.host);
    if (await peer.prove(siteAt(friend), siteAt(endPoint), pairKeyOf(friend, endPoint))) {
      burst(bench, (protocol, opcode, body) => peer.send(protocol, opcode, body));
      await delay(PAUSE_MS);
    }
    peer.close();
  },
  records: async (bench) => {
    const { endPoint } = bench.site;
    const peer = await Ed2kPeer.connect(endPoint, friend.host);
    if (await peer.prove(siteAt(friend), siteAt(endPoint), pairKeyOf(friend, endPoint))) {
      peer.sendRaw(bench.mutator.mutate(bodies(bench)));
      await delay(PAUSE_MS);
    }
    peer.close();
  },
  handshake: async (bench) => {
    const peer = await Ed2kPeer.connect(bench.site.endPoint, friend.host);
    const hello = helloBody(userHashOf(friend), friend.port);
    const { mutator } = bench;
    const greeting = mutator.mutate([Buffer.from([1])]).length % 2 === 0 ? hello : undefined;
    peer.send(PROTOCOL.ed2k, OPCODE.hello, greeting ?? mutator.mutate([hello]));
    for (const body of [Buffer.alloc(48), Buffer.alloc(96, 1)]) {
      peer.send(PROTOCOL.eMule, OPCODE.handshake, mutator.mutate([body]));
    }
    await delay(PAUSE_MS);
    peer.close();
  },
  stranger: async (bench) => {
    // From many addresses: aMule bans one that says too much.
    strangers += 1;
    const [, second = '0', third = '0'] = friend.host.split('.');
    const host = `127.${second}.${third}.${10 + (strangers % 200)}`;
    const peer = await Ed2kPeer.connect(bench.site.endPoint, host);
    const hello = helloBody(userHashOf({ host, port: 4662 }), 4662);
    peer.send(PROTOCOL.ed2k, OPCODE.hello, strangers % 2 ? hello : bench.mutator.mutate([hello]));
    burst(bench, (protocol, opcode, body) => {
      const packet = encodeEd2k({ protocol, opcode, body });
      // Lengths that are not those of the body, too.
      if (body.length % 16 === 0) packet.writeUInt32LE(body.length * 7, 1);
      peer.sendRaw(packet.length < ED2K_HEADER_SIZE ? body : packet);
    });
    await delay(PAUSE_MS);
    peer.close();
  },
};

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    target: { type: 'string' },
  },
});
process.stdout.write(`SEED=${values.seed}\n`);
const root = await mkdtemp(join(tmpdir(), 'muleplex-fuzz-'));
const ecPort = await freePort();
const site = await startTestCore('managed', root, loopbackAddress(0), ecPort);
const shared = await makeTestPack(site.folder, 1_000_000, 1);
const wanted = await makeTestPack(site.folder, 12_000_000, 2);
const bench: Bench = { site, ecPort, shared, wanted, mutator: new Mutator(Number(values.seed)) };

/** The state that the packets are about; a packet may have changed it. */
async function setUp(): Promise<void> {
  await site.core.setTrust(trustOf(site.endPoint, [friend], true));
  await site.core.share([shared]);
  await site.core.fetch(fetchOf(wanted, site.folder, [])).catch(() => undefined);
}

let failure: unknown;
try {
  for (const [name, target] of Object.entries(TARGETS)) {
    if (values.target !== undefined && values.target !== name) continue;
    const endMs = performance.now() + Number(values.seconds) * 1000;
    let rounds = 0;
    for (; performance.now() < endMs; rounds += 1) {
      if (rounds % 50 === 0) await setUp();
      await target(bench);
      if (site.events.restartCount > 0) throw new Error(`the core died of ${name}`);
    }
    await site.core.info();
    process.stdout.write(`${name}: ${rounds} connections\n`);
  }
} catch (error) {
  failure = error;
  process.stdout.write(`${error instanceof Error ? error.message : String(error)}\n`);
} finally {
  await site.stop();
  if (failure === undefined) await rm(root, { recursive: true });
  else process.stdout.write(`what is left: ${root}\n`);
}
process.exit(failure === undefined ? 0 : 1);
