// SPDX-License-Identifier: GPL-2.0-or-later
// The tag of External Connections in memory: builders for what is sent. Values of numbers are
// big-endian in the smallest type that holds them, as aMule writes them (ECTag.cpp).
import assert from 'node:assert/strict';

/** Value types (ECTagTypes.h). */
export const EC_TYPE = {
  CUSTOM: 1,
  UINT8: 2,
  UINT16: 3,
  UINT32: 4,
  UINT64: 5,
  STRING: 6,
  DOUBLE: 7,
  IPV4: 8,
  HASH16: 9,
  UINT128: 10,
} as const;

export interface EcTag {
  /** 0-0x7fff. */
  readonly id: number;
  /** One of EC_TYPE, or what the sender wrote. */
  readonly type: number;
  /** The tag's own value, without children. */
  readonly data: Buffer;
  readonly children: readonly EcTag[];
}

export interface EcPacket {
  /** 0-255. */
  readonly opcode: number;
  readonly tags: readonly EcTag[];
}

/** An IPv4 address and a TCP port. */
export interface EcAddress {
  /** Dotted. */
  readonly host: string;
  readonly port: number;
}

const EMPTY = Buffer.alloc(0);
const UINT64_MAX = 2n ** 64n - 1n;

/** A tag without a value of its own. */
export function emptyTag(id: number, children: readonly EcTag[] = []): EcTag {
  return { id, type: EC_TYPE.CUSTOM, data: EMPTY, children };
}

/** The bytes are not copied. */
export function bytesTag(id: number, data: Buffer, children: readonly EcTag[] = []): EcTag {
  return { id, type: EC_TYPE.CUSTOM, data, children };
}

/** A whole number from 0 to 2^64-1; a `number` must be a safe integer. */
export function intTag(id: number, value: number | bigint, children: readonly EcTag[] = []): EcTag {
  if (typeof value === 'number') assert(Number.isSafeInteger(value));
  const big = BigInt(value);
  assert(big >= 0n && big <= UINT64_MAX);
  const [type, size] =
    big <= 0xffn
      ? [EC_TYPE.UINT8, 1]
      : big <= 0xffffn
        ? [EC_TYPE.UINT16, 2]
        : big <= 0xffffffffn
          ? [EC_TYPE.UINT32, 4]
          : [EC_TYPE.UINT64, 8];
  const wide = Buffer.alloc(8);
  wide.writeBigUInt64BE(big);
  return { id, type, data: wide.subarray(8 - size), children };
}

/** UTF-8 with a final NUL; the text itself must have none. */
export function textTag(id: number, text: string, children: readonly EcTag[] = []): EcTag {
  assert(!text.includes('\0'));
  return { id, type: EC_TYPE.STRING, data: Buffer.from(`${text}\0`, 'utf8'), children };
}

/** 16 bytes given as 32 hex digits. */
export function hashTag(id: number, hex: string, children: readonly EcTag[] = []): EcTag {
  assert(/^[0-9a-f]{32}$/.test(hex));
  return { id, type: EC_TYPE.HASH16, data: Buffer.from(hex, 'hex'), children };
}

export function addressTag(id: number, address: EcAddress, children: readonly EcTag[] = []): EcTag {
  const parts = address.host.split('.').map(Number);
  assert(parts.length === 4 && parts.every((part) => part >= 0 && part <= 255));
  const data = Buffer.alloc(6);
  data.set(parts);
  data.writeUInt16BE(address.port, 4);
  return { id, type: EC_TYPE.IPV4, data, children };
}
