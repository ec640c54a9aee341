// SPDX-License-Identifier: GPL-2.0-or-later
// One request of a proved peer: found in the table of routes, its body read within the route's
// limit, answered with JSON; an error goes back with its code and sentence.
import { AssertionError } from 'node:assert/strict';
import { constants } from 'node:http2';
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { ReplicationError } from '../base/errors.ts';
import type { ErrorClass } from '../base/errors.ts';
import { PUSH_HEADER_LIST_SIZE_MAX } from '../base/limits.ts';
import type { Logger } from '../base/logger.ts';
import type { SiteId } from '../dataset/ids.ts';
import { BodyBudget, checkedLength, readBody } from './request-body.ts';
import { ROUTES } from './routes.ts';
import type { Reply, Route, RouteComponents } from './routes.ts';
import type { ServerTimes } from './times.ts';

const STATUS: Record<ErrorClass, number> = {
  usage: 400,
  malformed: 400,
  refused: 403,
  missing: 404,
  timeout: 408,
  limit: 413,
  corrupt: 422,
  daemon: 503,
  storage: 507,
};

const STATUS_OK = 200;

export class RequestHandler {
  readonly #components: RouteComponents;
  readonly #logger: Logger;
  readonly #times: ServerTimes;
  readonly #budget = new BodyBudget();

  constructor(components: RouteComponents, init: { logger: Logger; times: ServerTimes }) {
    this.#components = components;
    this.#logger = init.logger;
    this.#times = init.times;
  }

  /** Answers the request; resolves when the answer is written or the stream is gone. */
  async handle(
    siteId: SiteId,
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
  ): Promise<void> {
    // An error event always comes with a close, which ends whatever waits for the stream.
    stream.on('error', () => undefined);
    try {
      const reply = await this.#run(siteId, stream, headers);
      send(stream, STATUS_OK, reply);
    } catch (error) {
      this.#fail(siteId, stream, headers, error);
    }
  }

  async #run(
    siteId: SiteId,
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
  ): Promise<Reply> {
    checkHeaders(headers);
    const { route, argument } = findRoute(headers[':method'], headers[':path']);
    // Asked for each request: a session may outlive its peer's entry by a moment.
    const peer = this.#components.peers.get(siteId);
    if (peer === undefined) throw new ReplicationError('ERR_PEER_UNKNOWN', 'no longer a peer');
    const limit = await route.limit(this.#components, { peer, argument });
    const length = checkedLength(headers['content-length'], limit);
    this.#budget.take(length);
    try {
      const body = await readBody(stream, length, this.#times);
      return await route.handle(this.#components, { peer, argument, body });
    } finally {
      this.#budget.giveBack(length);
    }
  }

  #fail(
    siteId: SiteId,
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    error: unknown,
  ): void {
    // A broken assertion is a bug: the process must not go on, so it is thrown outside of any
    // catch.
    if (error instanceof AssertionError) {
      process.nextTick(() => {
        throw error;
      });
      return;
    }
    const path = headers[':path'];
    if (error instanceof ReplicationError) {
      this.#logger.info('request refused', { peer: siteId, path, code: error.code });
      send(stream, STATUS[error.errorClass], { code: error.code, message: error.message });
    } else {
      this.#logger.error('request failed', { peer: siteId, path, error });
      const message = 'the request failed for a reason of this site';
      send(stream, STATUS.daemon, { code: 'ERR_REQUEST_FAILED', message });
    }
  }
}

/** The size in SETTINGS is a wish (RFC 9113, 6.5.2), which nghttp2 does not enforce below 64 KB. */
function checkHeaders(headers: IncomingHttpHeaders): void {
  const size = Object.entries(headers).reduce(
    (sum, [name, value]) => sum + name.length + (value ?? '').length,
    0,
  );
  if (size > PUSH_HEADER_LIST_SIZE_MAX) {
    throw new ReplicationError('ERR_REQUEST_MALFORMED', 'the header fields are too long');
  }
}

function findRoute(
  method: string | undefined,
  path: string | undefined,
): { route: Route; argument: string } {
  for (const route of ROUTES) {
    if (route.method !== method || path === undefined) continue;
    if (path === route.path) return { route, argument: '' };
    if (route.path.endsWith('/') && path.startsWith(route.path)) {
      return { route, argument: path.slice(route.path.length) };
    }
  }
  throw new ReplicationError('ERR_REQUEST_MALFORMED', 'there is no such method and path');
}

/** Writes the answer. A request body that is not read to its end is cut off, not waited for. */
function send(stream: ServerHttp2Stream, status: number, reply: Reply): void {
  if (stream.destroyed || stream.closed || stream.headersSent) return;
  const body = Buffer.from(JSON.stringify(reply), 'utf8');
  stream.respond({
    ':status': status,
    'content-type': 'application/json',
    'content-length': body.length,
  });
  stream.end(body, () => {
    if (!stream.readableEnded) stream.close(constants.NGHTTP2_NO_ERROR);
  });
}
