// SPDX-License-Identifier: GPL-2.0-or-later
// Packets that are none, sent to a real amuled over EC: it cuts the client off, frees its socket,
// and goes on. Before the login anybody on the machine can send them.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile, readdir } from 'node:fs/promises';
import { createConnection } from 'node:net';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { deflateSync } from 'node:zlib';
import { EC_FLAG, FrameDecoder, encodeFrame } from '../../src/ec/framing.ts';
import { login } from '../../src/ec/login.ts';
import type { EcPacket } from '../../src/ec/tag.ts';
import { freePort } from '../support/free-port.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { loopbackAddress, startTestCore } from '../support/test-core.ts';

const CLOSE_TIMEOUT_MS = 5000;
/** A socket that was closed lives on for a second in the core. */
const LINGER_MS = 2500;

function frame(payload: Buffer, flags: number = EC_FLAG.ALWAYS): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt32BE(flags);
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
}

/** INFO with one tag of this name, type, length and data. */
function oneTag(nameAndChildren: number, type: number, length: number, data: string): Buffer {
  const head = Buffer.alloc(10);
  head.writeUInt8(0x60);
  head.writeUInt16BE(1, 1);
  head.writeUInt16BE(nameAndChildren, 3);
  head.writeUInt8(type, 5);
  head.writeUInt32BE(length, 6);
  return Buffer.concat([head, Buffer.from(data, 'hex')]);
}

const NESTED = Buffer.concat([
  Buffer.from('600001', 'hex'),
  ...Array.from({ length: 200 }, () => Buffer.from('300301000000000001', 'hex')),
]);

const MALFORMED: Record<string, Buffer> = {
  'a packet that ends early': frame(Buffer.from('600001', 'hex')),
  'more tags than bytes': frame(Buffer.from('60ffff', 'hex')),
  'a tag of 4 GiB': frame(oneTag(0x3000, 1, 0xffffffff, '00')),
  'a tag shorter than its children': frame(oneTag(0x3001, 1, 1, '0001300202000000010700')),
  'a number of three bytes': frame(oneTag(0x3000, 4, 3, '010203')),
  'a hash of one byte': frame(oneTag(0x3000, 9, 1, '01')),
  'a string without its end': frame(oneTag(0x3000, 6, 2, '4141')),
  'tags in tags without end': frame(NESTED),
  'a zlib stream that ends early': frame(
    deflateSync(oneTag(0x3000, 1, 1000, '00')),
    EC_FLAG.ALWAYS | EC_FLAG.ZLIB,
  ),
  'no zlib stream': frame(Buffer.from('nonsense'), EC_FLAG.ALWAYS | EC_FLAG.ZLIB),
  'unknown flags': frame(Buffer.from('600000', 'hex'), 0),
};

async function connect(port: number): Promise<Socket> {
  const socket = createConnection({ host: '127.0.0.1', port });
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

/** Sends one frame and reads the answer to it. */
async function exchange(socket: Socket, request: EcPacket): Promise<EcPacket> {
  const decoder = new FrameDecoder({ payloadSizeMax: 1_000_000 });
  socket.write(encodeFrame(request, { utf8Numbers: false }));
  for (;;) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    for (const packet of decoder.push(chunk)) return packet;
  }
}

async function cutOff(socket: Socket, bytes: Buffer, what: string): Promise<void> {
  socket.resume();
  const closed = once(socket, 'close', { signal: AbortSignal.timeout(CLOSE_TIMEOUT_MS) });
  socket.write(bytes);
  await closed.catch(() => assert.fail(`the core kept the connection after ${what}`));
}

async function descriptorCount(pid: string): Promise<number> {
  return (await readdir(`/proc/${pid}/fd`)).length;
}

describe('malformed EC packets', () => {
  it('cost a client its connection, and the core nothing', async (test) => {
    const root = temporaryFolder(test);
    const port = await freePort();
    const { core, stop } = await startTestCore('managed', root, loopbackAddress(60), port);
    try {
      const password = (await readFile(join(root, 'core', 'ec-password'), 'utf8')).trim();
      const [pid = ''] = (await readFile(join(root, 'core', 'process'), 'latin1')).split(/\s/);
      const { boot } = await core.info();
      const before = await descriptorCount(pid);
      for (const [what, bytes] of Object.entries(MALFORMED)) {
        await cutOff(await connect(port), bytes, `${what}, before the login`);
        const socket = await connect(port);
        const init = { password, clientName: 'test', clientVersion: '1' };
        await login((request) => exchange(socket, request), {
          ...init,
          zlib: false,
          utf8Numbers: false,
        });
        await cutOff(socket, bytes, what);
      }
      await sleep(LINGER_MS);
      assert.ok((await descriptorCount(pid)) <= before + 1);
      assert.equal((await core.info()).boot, boot);
    } finally {
      await stop();
    }
  });
});
