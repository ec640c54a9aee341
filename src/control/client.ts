// SPDX-License-Identifier: GPL-2.0-or-later
// The other end of server.ts, for the command line.
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { createInterface } from 'node:readline';
import {
  ERROR_CODES,
  ReplicationError,
  errnoOf,
  type ErrorCode,
  type ErrorDetails,
} from '../base/errors.ts';
import { socketAddress } from '../base/socket-address.ts';

export interface CallOptions {
  readonly body?: object;
  /** Called for each progress line of a streamed route. */
  readonly onProgress?: (event: unknown) => void;
  /** Ends the connection, and with that the call in the daemon. */
  readonly signal?: AbortSignal;
}

interface End {
  readonly result?: unknown;
  readonly progress?: unknown;
  readonly error?: {
    readonly code?: string;
    readonly name?: string;
    readonly message: string;
    readonly details?: ErrorDetails;
  };
}

export class ControlClient {
  readonly #socketPath: string;

  constructor(init: { readonly socketPath: string }) {
    this.#socketPath = init.socketPath;
  }

  /**
   * Resolves with the result of the call. Rejects with the daemon's error, with ERR_DAEMON_ABSENT
   * when nobody listens, ERR_DAEMON_LOST when it ends before its answer, or AbortError.
   */
  async call(method: string, path: string, options: CallOptions = {}): Promise<unknown> {
    const response = await this.#send(method, path, options);
    for await (const line of linesOf(response)) {
      const end = JSON.parse(line) as End;
      if (end.error !== undefined) throw toError(end.error);
      if ('result' in end) return end.result;
      options.onProgress?.(end.progress);
    }
    options.signal?.throwIfAborted();
    throw new ReplicationError('ERR_DAEMON_LOST', 'muleplexd ended before it answered');
  }

  #send(method: string, path: string, options: CallOptions): Promise<IncomingMessage> {
    const address = socketAddress(this.#socketPath);
    return new Promise<IncomingMessage>((resolve, reject) => {
      const body = options.body === undefined ? undefined : JSON.stringify(options.body);
      const request = httpRequest(
        {
          socketPath: address.path,
          method,
          path,
          headers: { host: 'muleplexd', 'content-type': 'application/json' },
          ...(options.signal === undefined ? {} : { signal: options.signal }),
        },
        resolve,
      );
      request.on('error', (error) => reject(this.#explain(error)));
      request.end(body);
    }).finally(() => address.release());
  }

  #explain(error: Error): Error {
    const errno = errnoOf(error);
    if (errno !== 'ENOENT' && errno !== 'ECONNREFUSED') return error;
    return new ReplicationError(
      'ERR_DAEMON_ABSENT',
      `no muleplexd answers on ${this.#socketPath}`,
      { path: this.#socketPath },
      error,
    );
  }
}

/** Whole lines; a connection that breaks ends them as one that is closed does. */
async function* linesOf(response: IncomingMessage): AsyncGenerator<string> {
  try {
    for await (const line of createInterface({ input: response, crlfDelay: Infinity })) {
      if (line !== '') yield line;
    }
  } catch (error) {
    if (!response.destroyed) throw error;
  }
}

function toError(described: NonNullable<End['error']>): Error {
  const { code, message, details } = described;
  if (code !== undefined && Object.hasOwn(ERROR_CODES, code)) {
    return new ReplicationError(code as ErrorCode, message, details ?? {});
  }
  const error = new Error(message);
  error.name = described.name ?? 'Error';
  return error;
}
