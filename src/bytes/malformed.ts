// SPDX-License-Identifier: GPL-2.0-or-later
// How a decoder says that bytes from outside do not have the declared layout.
import { AssertionError } from 'node:assert/strict';
import { ERROR_CODES, ReplicationError, type ErrorCode } from '../base/errors.ts';

/** The codes of class malformed: a decoder throws one of these. */
export type MalformedCode = {
  [Code in ErrorCode]: (typeof ERROR_CODES)[Code] extends 'malformed' ? Code : never;
}[ErrorCode];

/** The format that is being decoded: the code of its errors and its name in their sentences. */
export interface Format {
  readonly code: MalformedCode;
  readonly name: string;
}

/** For callers that have no format of their own. */
export const PLAIN_FORMAT: Format = { code: 'ERR_FORMAT_MALFORMED', name: 'input' };

/**
 * The error for a field that breaks its rule. path names the field from the outermost value on
 * (`frames[3].chunks[0].id`), offset is the byte where it starts, when known.
 */
export function malformed(
  format: Format,
  path: string,
  problem: string,
  offset?: number,
): ReplicationError {
  const at = offset === undefined ? '' : ` at offset ${offset}`;
  const field = path === '' ? '' : ` ${path}`;
  return new ReplicationError(
    format.code,
    `${format.name}:${field} ${problem}${at}`,
    offset === undefined ? { path } : { path, offset },
  );
}

/**
 * Pair assertion of every encoder: what it made must be what its decoder accepts. A value that
 * breaks a rule of its format is a bug of the caller, so it ends in an AssertionError.
 */
export function assertDecodes(name: string, decode: () => unknown): void {
  try {
    decode();
  } catch (error) {
    throw new AssertionError({
      message: `encoding a ${name} that breaks its format: ${String(error)}`,
    });
  }
}
