// SPDX-License-Identifier: GPL-2.0-or-later
// How requests to the core end early.
import { ReplicationError, hasCode, messageOf } from '../base/errors.ts';

/** The core is away for a moment; when it is back everything is asked for again. */
export function isAway(error: unknown): boolean {
  return hasCode(error, 'ERR_CORE_DIED') || hasCode(error, 'ERR_EC_CLOSED');
}

/** What a request to the core ended with, as an error with a code. */
export function toError(error: unknown): ReplicationError {
  if (error instanceof ReplicationError) return error;
  return new ReplicationError('ERR_CORE_REFUSED', messageOf(error), {}, error);
}

/** Rejects when the signal fires; dispose() when nobody waits any more. */
export function abortOf(signal: AbortSignal): { promise: Promise<never>; dispose: () => void } {
  let onAbort: () => void = () => undefined;
  const promise = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
  promise.catch(() => undefined);
  return { promise, dispose: () => signal.removeEventListener('abort', onAbort) };
}

/** For a request about a file that the core may never have heard of. */
export function ignoreUnknown(error: unknown): void {
  const isUnknown = error instanceof ReplicationError && error.details['reason'] === 'NOT_FOUND';
  if (!isUnknown) throw error;
}
