// SPDX-License-Identifier: GPL-2.0-or-later
// A core that speaks EC over a real socket and misbehaves on purpose: it shows how errors are met
// that a real core cannot be made to show. What a core does right is tested with real ones.
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { EC_PAYLOAD_SIZE_MAX } from '../../src/base/limits.ts';
import type { EcAddress } from '../../src/ec/connection.ts';
import { FrameDecoder, encodeFrame } from '../../src/ec/framing.ts';
import { passwordAnswer } from '../../src/ec/login.ts';
import { EC_OP } from '../../src/ec/opcodes.ts';
import { emptyTag, intTag, textTag } from '../../src/ec/tag.ts';
import type { EcPacket } from '../../src/ec/tag.ts';
import { EC_TAG } from '../../src/ec/tags.ts';

export const FAKE_PASSWORD = 'a password';
const SALT = 0x0123456789abcdefn;

/** A packet, raw bytes for the wire, no answer at all, or the end of the connection. */
export type FakeAnswer = EcPacket | Buffer | 'silence' | 'close';

export type FakeBehaviour = (request: EcPacket) => FakeAnswer;

export class FakeCore {
  /** What it does after the login; may be changed at any time. */
  behaviour: FakeBehaviour;
  /** Replaces the login when set. */
  login: FakeBehaviour | undefined;
  /** Operations of all requests after the login. */
  readonly opcodes: number[] = [];
  #address: EcAddress = { socketPath: '' };
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(behaviour: FakeBehaviour) {
    this.behaviour = behaviour;
    this.#server = createServer((socket) => this.#serve(socket));
  }

  /** At a port of 127.0.0.1, or at the path of a socket, where the login needs no password. */
  static async start(
    behaviour: FakeBehaviour = () => noop(),
    socketPath?: string,
  ): Promise<FakeCore> {
    const core = new FakeCore(behaviour);
    const listening = once(core.#server, 'listening');
    if (socketPath === undefined) core.#server.listen(0, '127.0.0.1');
    else core.#server.listen(socketPath);
    await listening;
    const address = core.#server.address();
    if (typeof address === 'object' && address !== null) {
      core.#address = { host: '127.0.0.1', port: address.port };
    } else {
      core.#address = { socketPath: socketPath ?? '' };
      core.login = welcome;
    }
    return core;
  }

  /** Stays known after stop(). */
  get address(): EcAddress {
    return this.#address;
  }

  /** Breaks all connections and goes on listening. */
  breakConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    this.breakConnections();
    if (!this.#server.listening) return;
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    const decoder = new FrameDecoder({ payloadSizeMax: EC_PAYLOAD_SIZE_MAX });
    socket.on('data', (chunk: Buffer) => {
      for (const request of decoder.push(chunk)) this.#answer(socket, request);
    });
  }

  #answer(socket: Socket, request: EcPacket): void {
    const isLogin = request.opcode === EC_OP.AUTH_REQ || request.opcode === EC_OP.AUTH_PASSWD;
    if (!isLogin) this.opcodes.push(request.opcode);
    const answer = isLogin ? (this.login ?? checkLogin)(request) : this.behaviour(request);
    if (answer === 'silence') return;
    if (answer === 'close') socket.destroy();
    else if (Buffer.isBuffer(answer)) socket.write(answer);
    else socket.write(encodeFrame(answer, { utf8Numbers: false }));
  }
}

export function noop(): EcPacket {
  return { opcode: EC_OP.NOOP, tags: [] };
}

export function failed(text: string): EcPacket {
  return { opcode: EC_OP.FAILED, tags: [textTag(EC_TAG.STRING, text)] };
}

function welcome(): EcPacket {
  return { opcode: EC_OP.AUTH_OK, tags: [textTag(EC_TAG.SERVER_VERSION, 'fake')] };
}

function checkLogin(request: EcPacket): EcPacket {
  if (request.opcode === EC_OP.AUTH_REQ) {
    return { opcode: EC_OP.AUTH_SALT, tags: [intTag(EC_TAG.PASSWD_SALT, SALT)] };
  }
  const expected = passwordAnswer(FAKE_PASSWORD, SALT);
  const given = request.tags.find((tag) => tag.id === EC_TAG.PASSWD_HASH)?.data.toString('hex');
  if (given === expected) return welcome();
  const text = textTag(EC_TAG.STRING, 'Authentication failed: wrong password.');
  return { opcode: EC_OP.AUTH_FAIL, tags: [text, emptyTag(EC_TAG.SERVER)] };
}
