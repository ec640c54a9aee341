// SPDX-License-Identifier: GPL-2.0-or-later
// The local API: HTTP with JSON on a Unix socket that only the owner of the home can reach. A call
// that takes long answers with NDJSON: lines {"progress":...}, then one {"result":...} or
// {"error":...}. A caller that goes away cancels its call.
import { chmod, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { ReplicationError, messageOf } from '../base/errors.ts';
import { CONTROL_BODY_SIZE_MAX } from '../base/limits.ts';
import type { Logger } from '../base/logger.ts';
import { socketAddress } from '../base/socket-address.ts';
import { ProgressLines } from './progress-lines.ts';

export interface Call {
  readonly query: URLSearchParams;
  /** Parsed JSON of the request body; undefined without one. */
  readonly body: unknown;
  /** Fires when the caller goes away or the daemon stops. */
  readonly signal: AbortSignal;
  /** Sends a line to the caller of a streamed route. */
  readonly progress: (event: object) => void;
}

export interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  /** True: the answer is NDJSON with progress lines. */
  readonly streamed: boolean;
  readonly handle: (call: Call) => Promise<object>;
}

export class ControlServer {
  readonly #routes: Map<string, Route>;
  readonly #logger: Logger;
  readonly #socketPath: string;
  readonly #server: Server;
  readonly #stopping = new AbortController();

  constructor(
    components: { readonly logger: Logger; readonly routes: readonly Route[] },
    init: { readonly socketPath: string },
  ) {
    this.#logger = components.logger;
    this.#routes = new Map(
      components.routes.map((route) => [`${route.method} ${route.path}`, route]),
    );
    this.#socketPath = init.socketPath;
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  /** The caller holds the lock of the home, so a socket file that exists is a left-over. */
  async start(): Promise<void> {
    await rm(this.#socketPath, { force: true });
    const address = socketAddress(this.#socketPath);
    try {
      await new Promise<void>((resolve, reject) => {
        this.#server.once('error', reject);
        this.#server.listen(address.path, resolve);
      });
      await chmod(this.#socketPath, 0o600);
    } finally {
      address.release();
    }
  }

  /** Cancels running calls and resolves when every caller has its answer. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    if (!this.#server.listening) return;
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeIdleConnections();
    });
    await rm(this.#socketPath, { force: true });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://muleplexd');
    const route = this.#routes.get(`${request.method ?? ''} ${url.pathname}`);
    response.setHeader('connection', 'close');
    if (route === undefined) {
      const error = new ReplicationError('ERR_REQUEST_MALFORMED', `no route ${url.pathname}`);
      sendJson(response, 404, { error });
      return;
    }
    const gone = new AbortController();
    response.on('close', () => gone.abort());
    const signal = AbortSignal.any([gone.signal, this.#stopping.signal]);
    const lines = new ProgressLines(response);
    const progress = (event: object): void => {
      if (route.streamed) lines.report(event);
    };
    try {
      const body = await readBody(request);
      if (route.streamed) {
        response.writeHead(200, { 'content-type': 'application/x-ndjson' });
        response.flushHeaders();
      }
      const result = await route.handle({ query: url.searchParams, body, signal, progress });
      lines.finish();
      sendEnd(response, route, { result });
    } catch (error) {
      if (!gone.signal.aborted) {
        this.#logger.debug('call failed', { path: url.pathname, error: messageOf(error) });
      }
      lines.finish();
      sendEnd(response, route, { error: describe(error) });
    }
  }
}

function sendEnd(response: ServerResponse, route: Route, end: object): void {
  if (response.destroyed) return;
  if (response.headersSent && route.streamed) response.end(`${JSON.stringify(end)}\n`);
  else sendJson(response, 'error' in end ? 400 : 200, end);
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify(body)}\n`);
}

/** What goes over the socket of an error: a ReplicationError, or name and message. */
function describe(error: unknown): object {
  if (error instanceof ReplicationError) return error.toJSON();
  return { name: error instanceof Error ? error.name : 'Error', message: messageOf(error) };
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    size += piece.length;
    if (size > CONTROL_BODY_SIZE_MAX) {
      throw new ReplicationError('ERR_REQUEST_MALFORMED', 'request body is too large');
    }
    pieces.push(piece);
  }
  if (size === 0) return undefined;
  try {
    return JSON.parse(Buffer.concat(pieces).toString('utf8')) as unknown;
  } catch (error) {
    throw new ReplicationError('ERR_REQUEST_MALFORMED', 'request body is not JSON', {}, error);
  }
}
