// SPDX-License-Identifier: GPL-2.0-or-later
// Every error a user or another component can meet: class by who must act, code by what happened.
// docs/errors.md documents each code; a test keeps the two equal.

/** Who must act, and the exit code the CLI ends with (docs/errors.md). */
const CLASSES = {
  usage: { exitCode: 2, retryable: false },
  malformed: { exitCode: 65, retryable: false },
  corrupt: { exitCode: 65, retryable: false },
  missing: { exitCode: 69, retryable: true },
  daemon: { exitCode: 70, retryable: true },
  limit: { exitCode: 74, retryable: false },
  storage: { exitCode: 74, retryable: false },
  refused: { exitCode: 77, retryable: false },
  timeout: { exitCode: 124, retryable: true },
} as const;

export type ErrorClass = keyof typeof CLASSES;

/** Code => class. Codes are ERR_<NOUN>_<STATE>. */
export const ERROR_CODES = {
  ERR_ADDON_MISSING: 'daemon',
  ERR_ANNOUNCEMENT_FORK: 'refused',
  ERR_ANNOUNCEMENT_GAP: 'missing',
  ERR_ANNOUNCEMENT_STALE: 'refused',
  ERR_ARGUMENT_INVALID: 'usage',
  ERR_BENCODE_MALFORMED: 'malformed',
  ERR_CATALOGUE_LOCKED: 'usage',
  ERR_CHUNK_MISSING: 'corrupt',
  ERR_CONFIG_INVALID: 'usage',
  ERR_CORE_DIED: 'daemon',
  ERR_CORE_MISSING: 'usage',
  ERR_CORE_REFUSED: 'daemon',
  ERR_DAEMON_ABSENT: 'usage',
  ERR_DAEMON_LOST: 'daemon',
  ERR_DAEMON_RUNNING: 'usage',
  ERR_DATASET_AMBIGUOUS: 'usage',
  ERR_DATASET_BUSY: 'usage',
  ERR_DATASET_UNKNOWN: 'usage',
  ERR_EC_AUTH_REFUSED: 'daemon',
  ERR_EC_CLOSED: 'daemon',
  ERR_EC_MALFORMED: 'malformed',
  ERR_ENVELOPE_MALFORMED: 'malformed',
  ERR_FOLDER_INVALID: 'usage',
  ERR_FOLLOW_CONFLICT: 'usage',
  ERR_FORMAT_MALFORMED: 'malformed',
  ERR_FRAME_CORRUPT: 'corrupt',
  ERR_HOME_EXISTS: 'usage',
  ERR_HOME_INVALID: 'usage',
  ERR_HOOK_FAILED: 'usage',
  ERR_INDEX_CORRUPT: 'corrupt',
  ERR_KEY_MISSING: 'missing',
  ERR_LIMIT_EXCEEDED: 'limit',
  ERR_LINK_MALFORMED: 'malformed',
  ERR_MANIFEST_FORK: 'refused',
  ERR_MANIFEST_MALFORMED: 'malformed',
  ERR_MANIFEST_STALE: 'refused',
  ERR_PACK_CORRUPT: 'corrupt',
  ERR_PACK_MALFORMED: 'malformed',
  ERR_PACK_MISSING: 'missing',
  ERR_PART_UNAVAILABLE: 'missing',
  ERR_PEER_BUSY: 'daemon',
  ERR_PEER_UNAUTHENTICATED: 'refused',
  ERR_PEER_UNKNOWN: 'refused',
  ERR_PEER_UNREACHABLE: 'missing',
  ERR_PORT_TAKEN: 'usage',
  ERR_RECIPE_MALFORMED: 'malformed',
  ERR_RECORD_MALFORMED: 'malformed',
  ERR_REPLICA_CORRUPT: 'corrupt',
  ERR_REQUEST_FAILED: 'daemon',
  ERR_REQUEST_MALFORMED: 'malformed',
  ERR_REQUEST_TIMEOUT: 'timeout',
  ERR_RIGHT_MISSING: 'refused',
  ERR_SECRETS_MALFORMED: 'malformed',
  ERR_SECRETS_REFUSED: 'refused',
  ERR_SIGNATURE_INVALID: 'refused',
  ERR_SITE_RECORD_CONFLICT: 'refused',
  ERR_SITE_RECORD_MALFORMED: 'malformed',
  ERR_SITE_RECORD_STALE: 'refused',
  ERR_SNAPSHOT_FORGOTTEN: 'refused',
  ERR_SNAPSHOT_UNKNOWN: 'missing',
  ERR_SOURCE_CHANGED: 'storage',
  ERR_SPACE_SHORT: 'storage',
  ERR_STORAGE_FAILED: 'storage',
  ERR_WAIT_TIMEOUT: 'timeout',
  ERR_WRITER_OTHER: 'refused',
} as const satisfies Record<string, ErrorClass>;

export type ErrorCode = keyof typeof ERROR_CODES;

/** JSON-safe facts that identify what failed: ids in hex, sizes in bytes, indexes from 0. */
export type ErrorDetails = Readonly<Record<string, string | number | boolean | readonly string[]>>;

/**
 * An error with a code of the table above. The message is one sentence in lower case that says what
 * and which; what to do about it is in docs/errors.md under the code.
 */
export class ReplicationError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'ReplicationError';
    this.code = code;
    this.details = details;
  }

  get errorClass(): ErrorClass {
    return ERROR_CODES[this.code];
  }

  /** Exit code of a command that ends with this error. */
  get exitCode(): number {
    return CLASSES[this.errorClass].exitCode;
  }

  /** True when the same call may succeed later without anybody acting. */
  get retryable(): boolean {
    return CLASSES[this.errorClass].retryable;
  }

  toJSON(): { code: ErrorCode; message: string; details: ErrorDetails } {
    return { code: this.code, message: this.message, details: this.details };
  }
}

/** True when error is a ReplicationError with this code. */
export function hasCode(error: unknown, code: ErrorCode): error is ReplicationError {
  return error instanceof ReplicationError && error.code === code;
}

/** The system's error name (ENOENT, ENOSPC ...) of a failed system call, else undefined. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * Wraps a failed file-system call as ERR_STORAGE_FAILED, or ERR_SPACE_SHORT for ENOSPC and EDQUOT.
 */
export function storageError(path: string, error: unknown): ReplicationError {
  if (error instanceof ReplicationError) return error;
  const errno = errnoOf(error) ?? 'UNKNOWN';
  const code = errno === 'ENOSPC' || errno === 'EDQUOT' ? 'ERR_SPACE_SHORT' : 'ERR_STORAGE_FAILED';
  return new ReplicationError(code, `${path}: ${messageOf(error)}`, { path, errno }, error);
}
