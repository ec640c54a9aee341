// SPDX-License-Identifier: GPL-2.0-or-later
// Operation codes of External Connections: aMule 2.3.3 (ECCodes.abstract, EC_OP_*) and those of the
// control surface that the patched core adds (0x60-0x6d, EC_OP_MULEPLEX_*).

/** aMule's, without the prefix EC_OP_. */
export const EC_OP = {
  NOOP: 0x01,
  AUTH_REQ: 0x02,
  AUTH_FAIL: 0x03,
  AUTH_OK: 0x04,
  FAILED: 0x05,
  STRINGS: 0x06,
  MISC_DATA: 0x07,
  SHUTDOWN: 0x08,
  ADD_LINK: 0x09,
  STAT_REQ: 0x0a,
  GET_CONNSTATE: 0x0b,
  STATS: 0x0c,
  GET_DLOAD_QUEUE: 0x0d,
  GET_ULOAD_QUEUE: 0x0e,
  GET_SHARED_FILES: 0x10,
  SHARED_SET_PRIO: 0x11,
  PARTFILE_SWAP_A4AF_THIS: 0x16,
  PARTFILE_SWAP_A4AF_THIS_AUTO: 0x17,
  PARTFILE_SWAP_A4AF_OTHERS: 0x18,
  PARTFILE_PAUSE: 0x19,
  PARTFILE_RESUME: 0x1a,
  PARTFILE_STOP: 0x1b,
  PARTFILE_PRIO_SET: 0x1c,
  PARTFILE_DELETE: 0x1d,
  PARTFILE_SET_CAT: 0x1e,
  DLOAD_QUEUE: 0x1f,
  ULOAD_QUEUE: 0x20,
  SHARED_FILES: 0x22,
  SHAREDFILES_RELOAD: 0x23,
  RENAME_FILE: 0x25,
  SEARCH_START: 0x26,
  SEARCH_STOP: 0x27,
  SEARCH_RESULTS: 0x28,
  SEARCH_PROGRESS: 0x29,
  DOWNLOAD_SEARCH_RESULT: 0x2a,
  IPFILTER_RELOAD: 0x2b,
  GET_SERVER_LIST: 0x2c,
  SERVER_LIST: 0x2d,
  SERVER_DISCONNECT: 0x2e,
  SERVER_CONNECT: 0x2f,
  SERVER_REMOVE: 0x30,
  SERVER_ADD: 0x31,
  SERVER_UPDATE_FROM_URL: 0x32,
  ADDLOGLINE: 0x33,
  ADDDEBUGLOGLINE: 0x34,
  GET_LOG: 0x35,
  GET_DEBUGLOG: 0x36,
  GET_SERVERINFO: 0x37,
  LOG: 0x38,
  DEBUGLOG: 0x39,
  SERVERINFO: 0x3a,
  RESET_LOG: 0x3b,
  RESET_DEBUGLOG: 0x3c,
  CLEAR_SERVERINFO: 0x3d,
  GET_LAST_LOG_ENTRY: 0x3e,
  GET_PREFERENCES: 0x3f,
  SET_PREFERENCES: 0x40,
  CREATE_CATEGORY: 0x41,
  UPDATE_CATEGORY: 0x42,
  DELETE_CATEGORY: 0x43,
  GET_STATSGRAPHS: 0x44,
  STATSGRAPHS: 0x45,
  GET_STATSTREE: 0x46,
  STATSTREE: 0x47,
  KAD_START: 0x48,
  KAD_STOP: 0x49,
  CONNECT: 0x4a,
  DISCONNECT: 0x4b,
  KAD_UPDATE_FROM_URL: 0x4d,
  KAD_BOOTSTRAP_FROM_IP: 0x4e,
  AUTH_SALT: 0x4f,
  AUTH_PASSWD: 0x50,
  IPFILTER_UPDATE: 0x51,
  GET_UPDATE: 0x52,
  CLEAR_COMPLETED: 0x53,
  CLIENT_SWAP_TO_ANOTHER_FILE: 0x54,
  SHARED_FILE_SET_COMMENT: 0x55,
  SERVER_SET_STATIC_PRIO: 0x56,
  FRIEND: 0x57,
} as const;

/**
 * Of the control surface. Requests carry the same code as the reply that has data; the others are
 * answered with EC_OP.NOOP, and all with EC_OP.FAILED when refused.
 */
export const MULEPLEX_OP = {
  INFO: 0x60,
  TRUST_SET: 0x61,
  SHARE: 0x62,
  UNSHARE: 0x63,
  FETCH: 0x64,
  ADD_SOURCES: 0x65,
  ASK_NOW: 0x66,
  SOURCES: 0x67,
  PARTS: 0x68,
  INVALIDATE: 0x69,
  AVOID: 0x6a,
  CANCEL: 0x6b,
  EVENTS: 0x6c,
  CLIENTS: 0x6d,
} as const;

const NAMES = new Map<number, string>([
  ...Object.entries(EC_OP).map(([name, code]) => [code, `EC_OP_${name}`] as const),
  ...Object.entries(MULEPLEX_OP).map(([name, code]) => [code, `EC_OP_MULEPLEX_${name}`] as const),
]);

/** True for the operations of the control surface. */
export function isMuleplexOp(code: number): boolean {
  return code >= MULEPLEX_OP.INFO && code <= MULEPLEX_OP.CLIENTS;
}

/** For messages: the name of an operation code, or its number. */
export function opcodeName(code: number): string {
  return NAMES.get(code) ?? `opcode 0x${code.toString(16).padStart(2, '0')}`;
}
