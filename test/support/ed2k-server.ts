// SPDX-License-Identifier: GPL-2.0-or-later
// An eD2k server that does one thing: it tells each client that it can be reached (a high ID).
// Without a server or Kad, stock aMule asks no source for anything.
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import type { EndPoint } from '../../src/core/core.ts';
import { encodeEd2k } from './ed2k-peer.ts';

const PROTOCOL_ED2K = 0xe3;
const OP_LOGINREQUEST = 0x01;
const OP_IDCHANGE = 0x40;

export class Ed2kServer {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor() {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      socket.on('error', () => socket.destroy());
      // A login comes in one piece, and nothing else is answered.
      socket.on('data', (bytes: Buffer) => {
        if (bytes[0] === PROTOCOL_ED2K && bytes[5] === OP_LOGINREQUEST) socket.write(idOf(socket));
      });
    });
  }

  static async start({ host, port }: EndPoint): Promise<Ed2kServer> {
    const server = new Ed2kServer();
    await new Promise<void>((resolve) => server.#server.listen(port, host, resolve));
    return server;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** A high ID is the address itself; then come flags, of which it has none. */
function idOf(socket: Socket): Buffer {
  const octets = (socket.remoteAddress ?? '').split('.').map(Number);
  const body = Buffer.from([...octets, 0, 0, 0, 0]);
  return encodeEd2k({ protocol: PROTOCOL_ED2K, opcode: OP_IDCHANGE, body });
}
