// SPDX-License-Identifier: GPL-2.0-or-later
// Expectations on the errors of decoders.
import assert from 'node:assert/strict';
import { hasCode, ReplicationError, type ErrorCode } from '../../src/base/errors.ts';

/** The call throws a ReplicationError with this code, whose message the pattern matches. */
export function refuses(code: ErrorCode, call: () => unknown, message = /^/): void {
  assert.throws(call, (error: unknown) => {
    assert(hasCode(error, code), `threw ${String(error)}, expected ${code}`);
    assert.match(error.message, message);
    return true;
  });
}

/** The call returns, or throws a ReplicationError that blames the input. */
export function blamesInput(call: () => unknown): void {
  try {
    call();
  } catch (error) {
    const isBlame =
      error instanceof ReplicationError &&
      (error.errorClass === 'malformed' || error.errorClass === 'refused');
    if (!isBlame) throw error;
  }
}
