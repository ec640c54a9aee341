// SPDX-License-Identifier: GPL-2.0-or-later
// An eD2k client of our own at a loopback address, friend or adversary of a real core: packets over
// TCP, and the handshake of docs/formats.md when it has a key.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import type { EndPoint } from '../../src/core/core.ts';
import { ReferenceDecoder, ReferenceEncoder, ReferenceHandshake } from './noise-reference.ts';
import type { NoiseRole } from './noise-reference.ts';
import { Watchers } from './watchers.ts';

export const PROTOCOL = { ed2k: 0xe3, eMule: 0xc5 } as const;
export const OPCODE = {
  hello: 0x01,
  helloAnswer: 0x4c,
  handshake: 0xe0,
  noFile: 0x48,
  askSharedFiles: 0x4a,
  setRequestedFile: 0x4f,
  fileStatus: 0x50,
  startUpload: 0x54,
  acceptUpload: 0x55,
  requestFileName: 0x58,
  sendingPart: 0x46,
  requestParts: 0x47,
  have: 0xe1,
  askLeaves: 0xe2,
  leaves: 0xe3,
} as const;

const HEADER_SIZE = 6;
const WAIT_MS = 30_000;

export interface Ed2kPacket {
  readonly protocol: number;
  readonly opcode: number;
  readonly body: Buffer;
}

export function encodeEd2k({ protocol, opcode, body }: Ed2kPacket): Buffer {
  const header = Buffer.alloc(HEADER_SIZE);
  header.writeUInt8(protocol, 0);
  header.writeUInt32LE(body.length + 1, 1);
  header.writeUInt8(opcode, 5);
  return Buffer.concat([header, body]);
}

/** Body of a Hello as an extended client sends it. */
export function helloBody(userHash: Buffer, port: number): Buffer {
  const numbers = Buffer.alloc(10);
  numbers.writeUInt16LE(port, 4);
  numbers.writeUInt32LE(3, 6);
  const name = Buffer.from('\x02\x01\x00\x01\x04\x00peer', 'latin1');
  const version = Buffer.from('030100113c000000', 'hex');
  const options = Buffer.from('030100ef80000000', 'hex');
  const size = Buffer.from([16]);
  return Buffer.concat([size, userHash, numbers, name, version, options, Buffer.alloc(6)]);
}

function lengthAnd(bytes: Buffer): Buffer[] {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  return [length, bytes];
}

/** What a handshake binds: who is who, and what both said. */
export function prologueOf(
  initiator: { readonly siteId: Buffer; readonly hello: Buffer },
  responder: { readonly siteId: Buffer; readonly hello: Buffer },
): Buffer {
  return Buffer.concat([
    Buffer.from('muleplex core link 1\0', 'latin1'),
    initiator.siteId,
    responder.siteId,
    ...lengthAnd(initiator.hello),
    ...lengthAnd(responder.hello),
  ]);
}

export class Ed2kPeer {
  /** All bytes that were sent, as they went over the wire. */
  readonly sent: Buffer[] = [];
  /** All bytes that came. */
  readonly received: Buffer[] = [];
  readonly #socket: Socket;
  #pending: Buffer = Buffer.alloc(0);
  #isClosed = false;
  #encoder: ReferenceEncoder | undefined;
  #decoder: ReferenceDecoder | undefined;
  readonly #watchers = new Watchers();

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (bytes: Buffer) => {
      this.received.push(bytes);
      const plain = this.#decoder === undefined ? bytes : this.#decoder.decode(bytes);
      this.#pending = Buffer.concat([this.#pending, plain]);
      this.#watchers.notify();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#isClosed = true;
      this.#watchers.notify();
    });
  }

  /** A connection to that core, from that address. */
  static async connect(core: EndPoint, localAddress: string): Promise<Ed2kPeer> {
    const socket = connect({ host: core.host, port: core.port, localAddress });
    await once(socket, 'connect');
    return new Ed2kPeer(socket);
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  send(protocol: number, opcode: number, body: Buffer = Buffer.alloc(0)): void {
    const packet = encodeEd2k({ protocol, opcode, body });
    this.sendRaw(this.#encoder === undefined ? packet : this.#encoder.encode(packet));
  }

  sendRaw(bytes: Buffer): void {
    this.sent.push(bytes);
    this.#socket.write(bytes);
  }

  /** The next packet; undefined when the core has closed the connection before it. */
  async next(): Promise<Ed2kPacket | undefined> {
    await this.#until(() => this.#packetSize() !== undefined || this.#isClosed);
    const size = this.#packetSize();
    if (size === undefined) return undefined;
    const packet = {
      protocol: this.#pending.readUInt8(0),
      opcode: this.#pending.readUInt8(5),
      body: this.#pending.subarray(HEADER_SIZE, size),
    };
    this.#pending = this.#pending.subarray(size);
    return packet;
  }

  /** The next packet of that opcode; those before it are thrown away. */
  async find(protocol: number, opcode: number): Promise<Ed2kPacket | undefined> {
    for (;;) {
      const packet = await this.next();
      if (packet === undefined) return undefined;
      if (packet.protocol === protocol && packet.opcode === opcode) return packet;
    }
  }

  async closed(): Promise<void> {
    await this.#until(() => this.#isClosed);
  }

  close(): void {
    this.#socket.destroy();
  }

  /** From here on, both directions are records. What came after the handshake is decoded. */
  startRecords(handshake: ReferenceHandshake): void {
    const { send, receive } = handshake.keys();
    this.#encoder = new ReferenceEncoder(send);
    this.#decoder = new ReferenceDecoder(receive);
    this.#pending = this.#decoder.decode(this.#pending);
  }

  /**
   * Hello and handshake as the side that connects. False when the core ends it, which it does when
   * the key is not that of the pair.
   */
  async prove(own: Ed2kSite, core: Ed2kSite, pairKey: Buffer): Promise<boolean> {
    const hello = helloBody(own.userHash, own.port);
    this.send(PROTOCOL.ed2k, OPCODE.hello, hello);
    const answer = await this.find(PROTOCOL.ed2k, OPCODE.helloAnswer);
    if (answer === undefined) return false;
    const prologue = prologueOf(
      { siteId: own.siteId, hello },
      { siteId: core.siteId, hello: Buffer.from(answer.body) },
    );
    const role: NoiseRole = 'initiator';
    const handshake = new ReferenceHandshake(role, pairKey, prologue, randomBytes(32));
    this.send(PROTOCOL.eMule, OPCODE.handshake, handshake.write());
    const second = await this.next();
    if (second?.opcode !== OPCODE.handshake) return false;
    handshake.read(second.body);
    this.startRecords(handshake);
    return true;
  }

  #packetSize(): number | undefined {
    if (this.#pending.length < HEADER_SIZE) return undefined;
    const size = HEADER_SIZE - 1 + this.#pending.readUInt32LE(1);
    return this.#pending.length < size ? undefined : size;
  }

  #until(condition: () => boolean): Promise<void> {
    return this.#watchers.until(condition, WAIT_MS, 'the core neither answers nor closes');
  }
}

/** What a side says and proves. */
export interface Ed2kSite {
  readonly siteId: Buffer;
  readonly userHash: Buffer;
  /** The port of its Hello. */
  readonly port: number;
}
