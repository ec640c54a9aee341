// SPDX-License-Identifier: GPL-2.0-or-later
// Tag names of the control surface (EC_TAG_MULEPLEX_*), valid only in packets with an operation of
// MULEPLEX_OP: elsewhere aMule gives some of the same numbers to its preferences.

/** Without the prefix EC_TAG_MULEPLEX_. Types are whole numbers where none is named. */
export const MULEPLEX_TAG = {
  /** IPV4: eD2k address of a trusted client. */
  CLIENT: 0x1800,
  /** HASH16: file hash; holds the tags of the file. */
  FILE: 0x1801,
  /** CUSTOM: absolute path, raw bytes. */
  PATH: 0x1802,
  /** Bytes. */
  SIZE: 0x1803,
  /** CUSTOM: 16 bytes a part. */
  PART_HASHES: 0x1804,
  /** CUSTOM: 20 bytes. */
  AICH_ROOT: 0x1805,
  /** STRING: name of the file in the network. */
  NAME: 0x1807,
  /** CUSTOM: 32 bytes a part. */
  PART_SHA256: 0x1808,
  /** IPV4: eD2k address of a source. */
  SOURCE: 0x1809,
  /** CUSTOM: absolute path of a file to take over as data. */
  SEED_PATH: 0x180a,
  /** CUSTOM: bitmap of parts, first part in the lowest bit. */
  HAVE_PARTS: 0x180b,
  /** 0 low, 1 normal, 2 high. */
  PRIORITY: 0x180c,
  /** Sequence number; holds the tags of the event. */
  EVENT: 0x180d,
  /** See core/control-codec.ts. */
  EVENT_KIND: 0x180e,
  /** Part index. */
  PART: 0x180f,
  /** STRING. */
  TEXT: 0x1810,
  /** Events after this sequence number. */
  SINCE: 0x1811,
  /** Newest sequence number. */
  LAST_SEQ: 0x1812,
  /** State of a fetch or of a source. */
  STATE: 0x1813,
  /** Payload bytes received. */
  BYTES_DOWN: 0x1814,
  /** Payload bytes sent. */
  BYTES_UP: 0x1815,
  /** Bytes per second now. */
  RATE: 0x1816,
  /** Bytes that are not in a gap. */
  BYTES_DONE: 0x1817,
  /** Verified parts to which a source contributed. */
  PARTS_DOWN: 0x1818,
  /** STRING. */
  CORE_VERSION: 0x1819,
  /** Version of the control surface. */
  SURFACE_VERSION: 0x181a,
  /** ED2k TCP port in use. */
  PORT: 0x181b,
  /** Random number drawn at the start of the core. */
  BOOT: 0x181c,
  /** 1 when an eD2k connection is up. */
  CONNECTED: 0x181d,
  /** 32 bytes: what a trusted client and we have in common. */
  PAIR_KEY: 0x181e,
  /** 32 bytes: of a trusted client, or our own. */
  SITE_ID: 0x181f,
  /** 1 when clients that are not on the list may connect too. */
  OPEN: 0x1820,
} as const;

const NAMES = new Map<number, string>(
  Object.entries(MULEPLEX_TAG).map(([name, id]) => [id, `EC_TAG_MULEPLEX_${name}`]),
);

/** For messages: the name of a tag in a packet of the control surface, or its number. */
export function muleplexTagName(id: number): string {
  return NAMES.get(id) ?? `tag 0x${id.toString(16).padStart(4, '0')}`;
}
