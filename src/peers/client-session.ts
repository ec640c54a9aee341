// SPDX-License-Identifier: GPL-2.0-or-later
// One HTTP/2 connection to a peer whose key was checked: requests with JSON replies, and the answer
// to "does the other end still live".
import { connect, constants } from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import { ERROR_CODES, ReplicationError, messageOf } from '../base/errors.ts';
import type { ErrorCode } from '../base/errors.ts';
import type { SiteId } from '../dataset/ids.ts';
import { PUSH_REPLY_SIZE_MAX, PUSH_REPLY_TIMEOUT_MS } from '../base/limits.ts';
import type { Route } from './routes.ts';
import type { LinkTimes } from './times.ts';

export interface PushRequest {
  readonly method: Route['method'];
  readonly path: string;
  readonly body?: Buffer;
}

export class ClientSession {
  readonly #siteId: SiteId;
  readonly #times: LinkTimes;
  readonly #session: ClientHttp2Session;
  /** Why the peer, or this site, ended the connection; set before it closes. */
  #reason: ReplicationError | undefined;
  readonly #closed: Promise<ReplicationError>;

  constructor(siteId: SiteId, socket: TLSSocket, times: LinkTimes) {
    this.#siteId = siteId;
    this.#times = times;
    this.#session = connect('https://peer', {
      createConnection: () => socket,
      settings: { enablePush: false },
    });
    this.#session.on('goaway', (_code: number, _lastStream: number, data?: Buffer) => {
      this.#reason ??= refusal(siteId, data?.toString('latin1') ?? '');
    });
    this.#session.on('error', (error) => {
      this.#reason ??= lost(siteId, messageOf(error), error);
    });
    const pinger = setInterval(() => this.#ping(), times.pingIntervalMs);
    this.#closed = new Promise((resolve) => {
      this.#session.once('close', () => {
        clearInterval(pinger);
        resolve(this.#why());
      });
    });
  }

  /** Resolves, with the reason, when the connection is gone. */
  get closed(): Promise<ReplicationError> {
    return this.#closed;
  }

  /** Ends the connection; requests under way fail with this reason. */
  destroy(reason: ReplicationError): void {
    this.#reason ??= reason;
    this.#session.destroy();
  }

  /** The peer's reply; its refusal is thrown with the code it named. */
  request(request: PushRequest, signal?: AbortSignal): Promise<unknown> {
    if (this.#session.destroyed || this.#session.closed) return Promise.reject(this.#why());
    const body = request.body ?? Buffer.alloc(0);
    const stream = this.#session.request(
      {
        ':method': request.method,
        ':path': request.path,
        ...(request.method === 'GET' ? {} : { 'content-length': body.length }),
      },
      { endStream: body.length === 0 },
    );
    if (body.length > 0) stream.end(body);
    return this.#reply(stream, signal);
  }

  #reply(stream: ClientHttp2Stream, signal: AbortSignal | undefined): Promise<unknown> {
    let status = 0;
    const chunks: Buffer[] = [];
    let size = 0;
    return new Promise((resolve, reject) => {
      const giveUp = (reason: Error): void => {
        reject(reason);
        stream.close(constants.NGHTTP2_CANCEL);
      };
      const onAbort = (): void => giveUp(signal?.reason as Error);
      const timer = setTimeout(
        () => giveUp(lost(this.#siteId, 'no reply in time')),
        PUSH_REPLY_TIMEOUT_MS,
      );
      signal?.addEventListener('abort', onAbort);
      stream.on('response', (headers) => {
        status = headers[':status'] ?? 0;
      });
      stream.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > PUSH_REPLY_SIZE_MAX) giveUp(badReply(this.#siteId, 'it is too long'));
        else chunks.push(chunk);
      });
      stream.on('end', () => {
        if (status === 0) return;
        // A refusal is thrown inside of the promise's own chain.
        const whole = Buffer.concat(chunks);
        resolve(Promise.resolve().then(() => replyOf(this.#siteId, status, whole)));
      });
      // The close event follows and tells why.
      stream.on('error', () => undefined);
      stream.on('close', () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
        reject(this.#why());
      });
      if (signal?.aborted === true) onAbort();
    });
  }

  #ping(): void {
    const dead = setTimeout(() => {
      this.destroy(lost(this.#siteId, 'it does not answer'));
    }, this.#times.pingTimeoutMs);
    const isSent =
      !this.#session.destroyed &&
      this.#session.ping(() => {
        clearTimeout(dead);
      });
    if (!isSent) clearTimeout(dead);
  }

  #why(): ReplicationError {
    return this.#reason ?? lost(this.#siteId, 'the connection is closed');
  }
}

function replyOf(siteId: SiteId, status: number, body: Buffer): unknown {
  let json: unknown;
  try {
    json = JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw badReply(siteId, messageOf(error));
  }
  if (status === 200) return json;
  const { code, message } = (json ?? {}) as { code?: unknown; message?: unknown };
  throw new ReplicationError(
    isCode(code) ? code : 'ERR_REQUEST_FAILED',
    `${siteId} answers ${status}: ${typeof message === 'string' ? message : 'no reason'}`,
    { peer: siteId, status },
  );
}

function isCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(ERROR_CODES, code);
}

/** A GOAWAY of our servers carries a code; any other one is a connection that went away. */
function refusal(siteId: SiteId, code: string): ReplicationError {
  if (!isCode(code)) return lost(siteId, 'it ended the connection');
  const message = `${siteId} refuses this site: ${code}`;
  return new ReplicationError(code, message, { peer: siteId });
}

function lost(siteId: SiteId, reason: string, cause?: unknown): ReplicationError {
  return new ReplicationError(
    'ERR_PEER_UNREACHABLE',
    `${siteId}: ${reason}`,
    { peer: siteId },
    cause,
  );
}

function badReply(siteId: SiteId, reason: string): ReplicationError {
  return new ReplicationError('ERR_REQUEST_FAILED', `${siteId} sent a bad reply: ${reason}`, {
    peer: siteId,
  });
}
