// SPDX-License-Identifier: GPL-2.0-or-later
// A line between two sites on loopback that can be cut (resets) or go silent (nothing passes,
// nobody is told), as real lines do.
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

export class Line {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isSilent = false;
  #isCut = false;

  private constructor(target: number) {
    this.#server = createServer((inner) => {
      if (this.#isCut) {
        inner.destroy();
        return;
      }
      const outer = connect(target, '127.0.0.1');
      for (const [from, to] of [
        [inner, outer],
        [outer, inner],
      ] as const) {
        this.#sockets.add(from);
        from.on('data', (bytes) => {
          if (!this.#isSilent) to.write(bytes);
        });
        from.on('error', () => undefined);
        from.on('close', () => {
          this.#sockets.delete(from);
          if (!this.#isSilent) to.destroy();
        });
      }
    });
  }

  /** Leads to that port of 127.0.0.1; ends with the test. */
  static async create(context: TestContext, target: number): Promise<Line> {
    const line = new Line(target);
    await new Promise<void>((resolve) => {
      line.#server.listen(0, '127.0.0.1', resolve);
    });
    context.after(() => {
      line.cut();
      line.#server.close();
    });
    return line;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** From now on nothing passes, on connections that there are and on new ones. */
  silence(): void {
    this.#isSilent = true;
  }

  /** Ends all connections, and refuses new ones. */
  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  /** New connections pass again; those that went through silence are gone. */
  mend(): void {
    this.cut();
    this.#isSilent = false;
    this.#isCut = false;
  }
}
