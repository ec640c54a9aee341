// SPDX-License-Identifier: GPL-2.0-or-later
// The child process of the embedded core, seen from muleplexd: a place to send packets to.
import type { ChildProcess } from 'node:child_process';
import { ReplicationError } from '../base/errors.ts';
import { EC_ANSWER_TIMEOUT_MS, EC_QUEUE_MAX } from '../base/limits.ts';
import { opcodeName } from '../ec/opcodes.ts';
import { decodePacket, encodePacket } from '../ec/packet.ts';
import type { EcPacket } from '../ec/tag.ts';
import { ChildLife } from './child-life.ts';
import type { HostMessage } from './host-messages.ts';

interface Pending {
  resolve(answer: EcPacket): void;
  reject(error: ReplicationError): void;
  readonly timer: NodeJS.Timeout;
}

export class HostLink {
  readonly ended: Promise<string>;
  readonly #child: ChildProcess;
  readonly #life: ChildLife;
  readonly #push: (packet: EcPacket) => void;
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;
  #failure = '';
  #isOver = false;

  /** Takes a new child; `push` gets the packets that the core sends by itself. */
  constructor(child: ChildProcess, push: (packet: EcPacket) => void) {
    this.#child = child;
    this.#life = new ChildLife(child);
    this.#push = push;
    this.ended = this.#life.ended.then((how) => this.#end(how));
    child.on('message', (message) => this.#receive(message as HostMessage));
  }

  exchange(request: EcPacket): Promise<EcPacket> {
    return new Promise((resolve, reject) => {
      if (this.#isOver || this.#pending.size >= EC_QUEUE_MAX) {
        reject(died('the core takes no requests'));
        return;
      }
      const id = ++this.#lastId;
      const timer = setTimeout(() => this.#hangs(request), EC_ANSWER_TIMEOUT_MS);
      this.#pending.set(id, { resolve, reject, timer });
      this.#child.send({ id, packet: encodePacket(request) }, (error) => {
        if (error !== null) this.#settle(id)?.reject(died(error.message));
      });
    });
  }

  /** Rejects when the process ends. */
  async thrown(): Promise<never> {
    throw died(`the core ended: ${await this.ended}`);
  }

  async stop(): Promise<void> {
    await this.#life.terminate();
    await this.ended;
  }

  #receive(message: HostMessage): void {
    try {
      this.#take(message);
    } catch (error) {
      if (!(error instanceof ReplicationError)) throw error;
      this.#giveUp(error.message);
    }
  }

  #take(message: HostMessage): void {
    switch (message.kind) {
      case 'answer':
        this.#answer(message.id, message.packet);
        return;
      case 'event':
        this.#push(decodePacket(bytesOf(message.packet)));
        return;
      case 'failed':
        this.#failure = message.text;
        return;
    }
  }

  #answer(id: number, packet: Uint8Array | undefined): void {
    const pending = this.#settle(id);
    if (packet === undefined) {
      pending?.reject(died('the core gave no answer'));
      return;
    }
    try {
      pending?.resolve(decodePacket(bytesOf(packet)));
    } catch (error) {
      if (error instanceof ReplicationError) pending?.reject(error);
      throw error;
    }
  }

  #settle(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    clearTimeout(pending?.timer);
    this.#pending.delete(id);
    return pending;
  }

  #hangs(request: EcPacket): void {
    this.#giveUp(`no answer to ${opcodeName(request.opcode)} within ${EC_ANSWER_TIMEOUT_MS} ms`);
  }

  /** A core that is silent or talks nonsense is given up: its supervisor starts another. */
  #giveUp(failure: string): void {
    this.#failure = failure;
    void this.#life.kill();
  }

  #end(how: string): string {
    this.#isOver = true;
    const reason = this.#failure === '' ? how : this.#failure;
    for (const id of [...this.#pending.keys()]) {
      this.#settle(id)?.reject(died(`the core ended: ${reason}`));
    }
    return reason;
  }
}

function bytesOf(packet: Uint8Array): Buffer {
  return Buffer.from(packet.buffer, packet.byteOffset, packet.byteLength);
}

function died(message: string): ReplicationError {
  return new ReplicationError('ERR_CORE_DIED', message);
}
