// SPDX-License-Identifier: GPL-2.0-or-later
// Reads the body of a request within its limit: refused by its declared length before a byte is
// kept, and again while it arrives; ended when it stalls or takes too long.
import type { Http2Stream } from 'node:http2';
import { ReplicationError } from '../base/errors.ts';
import { PUSH_BODY_BYTES_MAX } from '../base/limits.ts';
import type { BodyLimit } from './routes.ts';
import type { ServerTimes } from './times.ts';

/** The bytes that bodies may hold in memory at a time, over all sessions of a server. */
export class BodyBudget {
  #free = PUSH_BODY_BYTES_MAX;

  /** ERR_PEER_BUSY when so much is not free now. */
  take(size: number): void {
    if (size > this.#free) {
      throw new ReplicationError('ERR_PEER_BUSY', 'too many bodies are being received');
    }
    this.#free -= size;
  }

  giveBack(size: number): void {
    this.#free += size;
  }
}

/** Content-Length of a request; ERR_REQUEST_MALFORMED, ERR_LIMIT_EXCEEDED when limit forbids it. */
export function checkedLength(header: string | undefined, limit: BodyLimit): number {
  if (header === undefined && limit.size === 0) return 0;
  if (header === undefined || !/^(0|[1-9][0-9]{0,14})$/.test(header)) {
    throw new ReplicationError('ERR_REQUEST_MALFORMED', 'the request has no valid content-length');
  }
  const length = Number(header);
  if (length > limit.size) {
    throw new ReplicationError(
      'ERR_LIMIT_EXCEEDED',
      `a body of ${length} bytes, at most ${limit.size} are allowed`,
      { length, limit: limit.size },
    );
  }
  if (limit.exact && length !== limit.size) {
    throw new ReplicationError(
      'ERR_REQUEST_MALFORMED',
      `a body of ${length} bytes, ${limit.size} were announced`,
    );
  }
  return length;
}

/**
 * Exactly length bytes of the stream. ERR_REQUEST_MALFORMED when it has more or fewer,
 * ERR_REQUEST_TIMEOUT when it stalls or takes too long.
 */
export function readBody(stream: Http2Stream, length: number, times: ServerTimes): Promise<Buffer> {
  const body = Buffer.allocUnsafe(length);
  let done = 0;
  return new Promise((resolve, reject) => {
    const timedOut = (): void => {
      finish(new ReplicationError('ERR_REQUEST_TIMEOUT', `only ${done} of ${length} bytes came`));
    };
    const idle = setTimeout(timedOut, times.requestIdleMs);
    const total = setTimeout(timedOut, times.requestTotalMs);
    const finish = (error?: Error): void => {
      clearTimeout(idle);
      clearTimeout(total);
      stream.off('data', onData).off('end', onEnd).off('close', onClose);
      if (error === undefined) resolve(body);
      else reject(error);
    };
    const wrongLength = (): void => {
      finish(
        new ReplicationError(
          'ERR_REQUEST_MALFORMED',
          `the body has not ${length} bytes as announced`,
        ),
      );
    };
    const onData = (chunk: Buffer): void => {
      idle.refresh();
      if (chunk.length > length - done) {
        wrongLength();
        return;
      }
      done += chunk.copy(body, done);
    };
    const onEnd = (): void => {
      if (done === length) finish();
      else wrongLength();
    };
    const onClose = (): void => {
      finish(new ReplicationError('ERR_PEER_UNREACHABLE', 'the request was given up by the peer'));
    };
    stream.on('data', onData).on('end', onEnd).on('close', onClose);
    if (stream.destroyed) onClose();
  });
}
