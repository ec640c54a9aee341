// SPDX-License-Identifier: GPL-2.0-or-later
// One EC connection: TCP or a Unix socket, login, then requests whose answers come in the order of
// the requests. It never reconnects: whoever owns it decides that (core/ec-link.ts).
import { createConnection } from 'node:net';
import type { Socket } from 'node:net';
import { ReplicationError, messageOf } from '../base/errors.ts';
import { socketAddress } from '../base/socket-address.ts';
import { FrameDecoder, encodeFrame } from './framing.ts';
import {
  EC_ANSWER_TIMEOUT_MS,
  EC_CLOSE_TIMEOUT_MS,
  EC_IN_FLIGHT_MAX,
  EC_LOGIN_PAYLOAD_SIZE_MAX,
  EC_LOGIN_TIMEOUT_MS,
  EC_PAYLOAD_SIZE_MAX,
  EC_QUEUE_MAX,
} from '../base/limits.ts';
import { login } from './login.ts';
import type { LoginInit } from './login.ts';
import { opcodeName } from './opcodes.ts';
import type { EcPacket } from './tag.ts';

/** A TCP port, or the path of a control socket. */
export type EcAddress =
  { readonly host: string; readonly port: number } | { readonly socketPath: string };

export interface EcConnectionInit extends LoginInit {
  readonly address: EcAddress;
  /** For an answer; default EC_ANSWER_TIMEOUT_MS. */
  readonly answerTimeoutMs?: number;
  /** For connect and login together; default EC_LOGIN_TIMEOUT_MS. */
  readonly loginTimeoutMs?: number;
}

interface Pending {
  readonly request: EcPacket;
  readonly resolve: (answer: EcPacket) => void;
  readonly reject: (error: ReplicationError) => void;
}

export class EcConnection {
  /** Version text of the core, from the login. */
  serverVersion = '';
  /** Settles when the connection is over, with what ended it; undefined after close(). */
  readonly ended: Promise<ReplicationError | undefined>;

  readonly #init: EcConnectionInit;
  readonly #socket: Socket;
  readonly #decoder = new FrameDecoder({ payloadSizeMax: EC_LOGIN_PAYLOAD_SIZE_MAX });
  readonly #waiting: Pending[] = [];
  readonly #inFlight: Pending[] = [];
  #utf8Numbers = false;
  #timer: NodeJS.Timeout | undefined;
  #over = false;
  #settleEnded!: (error: ReplicationError | undefined) => void;

  private constructor(socket: Socket, init: EcConnectionInit) {
    this.#socket = socket;
    this.#init = init;
    this.ended = new Promise((resolve) => {
      this.#settleEnded = resolve;
    });
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', (error) => this.#end(this.#closed(messageOf(error), error)));
    socket.on('close', () => this.#end(this.#closed('the core closed it')));
  }

  /**
   * Connects and logs in. Rejects with ERR_EC_CLOSED (nobody there, or gone), ERR_EC_AUTH_REFUSED
   * or ERR_EC_MALFORMED; with the signal's reason when it fires.
   */
  static async open(init: EcConnectionInit, signal?: AbortSignal): Promise<EcConnection> {
    signal?.throwIfAborted();
    const socket = connectTo(init.address);
    const connection = new EcConnection(socket, init);
    const limitMs = init.loginTimeoutMs ?? EC_LOGIN_TIMEOUT_MS;
    const timer = setTimeout(() => {
      connection.#end(connection.#closed(`no login within ${limitMs} ms`));
    }, limitMs);
    const abort = () => connection.#end(connection.#closed('cancelled'));
    signal?.addEventListener('abort', abort, { once: true });
    try {
      connection.serverVersion = await login((request) => connection.exchange(request), init);
    } catch (error) {
      connection.#end(connection.#closed('the login failed'));
      signal?.throwIfAborted();
      throw error;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    }
    connection.#utf8Numbers = init.utf8Numbers;
    connection.#decoder.payloadSizeMax = EC_PAYLOAD_SIZE_MAX;
    return connection;
  }

  /**
   * Sends a request; its answer, of whatever operation. Rejects with ERR_EC_CLOSED when the
   * connection ends first, ERR_LIMIT_EXCEEDED when too many requests wait.
   */
  exchange(request: EcPacket): Promise<EcPacket> {
    return new Promise((resolve, reject) => {
      if (this.#over) {
        reject(this.#closed('it is over'));
        return;
      }
      if (this.#waiting.length >= EC_QUEUE_MAX) {
        reject(
          new ReplicationError('ERR_LIMIT_EXCEEDED', 'too many requests wait for the core', {
            limit: 'EC_QUEUE_MAX',
            value: EC_QUEUE_MAX,
          }),
        );
        return;
      }
      this.#waiting.push({ request, resolve, reject });
      this.#send();
    });
  }

  /** Ends the connection; requests without an answer reject. Resolves when the socket is gone. */
  async close(): Promise<void> {
    this.#end(undefined);
    await this.ended;
  }

  #send(): void {
    while (this.#inFlight.length < EC_IN_FLIGHT_MAX) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#inFlight.push(next);
      this.#socket.write(encodeFrame(next.request, { utf8Numbers: this.#utf8Numbers }));
      if (this.#inFlight.length === 1) this.#watch(next);
    }
  }

  /** Gives the oldest request its time: the ones behind it cannot be answered before it. */
  #watch(oldest: Pending): void {
    clearTimeout(this.#timer);
    const limitMs = this.#init.answerTimeoutMs ?? EC_ANSWER_TIMEOUT_MS;
    this.#timer = setTimeout(() => {
      const name = opcodeName(oldest.request.opcode);
      this.#end(this.#closed(`no answer to ${name} within ${limitMs} ms`));
    }, limitMs);
  }

  #receive(chunk: Buffer): void {
    try {
      for (const answer of this.#decoder.push(chunk)) {
        if (this.#over) return;
        this.#answer(answer);
      }
    } catch (error) {
      if (!(error instanceof ReplicationError)) throw error;
      this.#end(error);
    }
  }

  #answer(answer: EcPacket): void {
    const request = this.#inFlight.shift();
    if (request === undefined) {
      throw new ReplicationError(
        'ERR_EC_MALFORMED',
        `EC: ${opcodeName(answer.opcode)} answers no request`,
      );
    }
    const next = this.#inFlight[0];
    if (next === undefined) clearTimeout(this.#timer);
    else this.#watch(next);
    request.resolve(answer);
    this.#send();
  }

  #end(error: ReplicationError | undefined): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timer);
    const reason = error ?? this.#closed('closed by us');
    for (const pending of [...this.#inFlight, ...this.#waiting]) pending.reject(reason);
    this.#inFlight.length = 0;
    this.#waiting.length = 0;
    if (this.#socket.destroyed) {
      this.#settleEnded(error);
      return;
    }
    this.#socket.once('close', () => this.#settleEnded(error));
    if (error === undefined) {
      this.#socket.end();
      const timer = setTimeout(() => this.#socket.destroy(), EC_CLOSE_TIMEOUT_MS);
      this.#socket.once('close', () => clearTimeout(timer));
    } else {
      this.#socket.destroy();
    }
  }

  #closed(what: string, cause?: unknown): ReplicationError {
    return closed(this.#init.address, what, cause);
  }
}

function closed(to: EcAddress, what: string, cause?: unknown): ReplicationError {
  const address = 'host' in to ? `${to.host}:${to.port}` : to.socketPath;
  const text = `EC connection to ${address}: ${what}`;
  return new ReplicationError('ERR_EC_CLOSED', text, { address }, cause);
}

function connectTo(address: EcAddress): Socket {
  if ('host' in address) return createConnection(address);
  try {
    const name = socketAddress(address.socketPath);
    // The name is used before this returns, whatever comes of it.
    const socket = createConnection({ path: name.path });
    name.release();
    return socket;
  } catch (error) {
    // The folder of a long path is opened first.
    throw closed(address, messageOf(error), error);
  }
}
