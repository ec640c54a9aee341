// SPDX-License-Identifier: GPL-2.0-or-later
// Packets <=> the byte stream of an EC connection; pure.
//
//   frame => flags:u32be length:u32be payload[length]      (ECSocket.cpp, EC_HEADER_SIZE)
//
// flags: 0x20 always, 0x40 never; 0x01 the payload is one zlib stream; 0x02 UTF-8 numbers.
// We never pack what we send: requests are short, and the other end of the wire is this machine.
import { inflateSync } from 'node:zlib';
import { messageOf } from '../base/errors.ts';
import { EC_PAYLOAD_SIZE_MAX } from '../base/limits.ts';
import { malformed } from '../bytes/malformed.ts';
import { EC_PACKET_FORMAT, decodePacket, encodePacket } from './packet.ts';
import type { EcPacket } from './tag.ts';

export const EC_FLAG = { ZLIB: 0x01, UTF8_NUMBERS: 0x02, ALWAYS: 0x20, NEVER: 0x40 } as const;

/** Flags that aMule 2.3.3 closes a connection for (EC_FLAG_UNKNOWN_MASK). */
const FLAGS_UNKNOWN = 0xff7f7f08;
const HEADER_SIZE = 8;

/** The frame of a packet, unpacked. */
export function encodeFrame(packet: EcPacket, init: { readonly utf8Numbers: boolean }): Buffer {
  const payload = encodePacket(packet, init.utf8Numbers ? 'utf8' : 'plain');
  const header = Buffer.alloc(HEADER_SIZE);
  header.writeUInt32BE(EC_FLAG.ALWAYS | (init.utf8Numbers ? EC_FLAG.UTF8_NUMBERS : 0));
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
}

/**
 * Cuts a byte stream, however it is split, into packets. After it threw it must not be used again.
 */
export class FrameDecoder {
  /** Longest payload accepted, packed or unpacked; may be changed between packets. */
  payloadSizeMax: number;
  #chunks: Buffer[] = [];
  #buffered = 0;
  /** Set between the header of a frame and the end of its payload. */
  #header: { flags: number; length: number } | undefined;

  constructor(init: { readonly payloadSizeMax: number }) {
    this.payloadSizeMax = init.payloadSizeMax;
  }

  /**
   * The packets that this chunk completes; throws ERR_EC_MALFORMED. The chunk is kept, not copied.
   */
  *push(chunk: Buffer): Generator<EcPacket> {
    this.#chunks.push(chunk);
    this.#buffered += chunk.length;
    for (;;) {
      if (this.#header === undefined) {
        if (this.#buffered < HEADER_SIZE) return;
        this.#header = this.#readHeader(this.#take(HEADER_SIZE));
      }
      const { flags, length } = this.#header;
      if (this.#buffered < length) return;
      this.#header = undefined;
      yield this.#readPayload(flags, this.#take(length));
    }
  }

  #readHeader(bytes: Buffer): { flags: number; length: number } {
    const flags = bytes.readUInt32BE();
    const length = bytes.readUInt32BE(4);
    const mustBe = flags & (EC_FLAG.ALWAYS | EC_FLAG.NEVER);
    if (mustBe !== EC_FLAG.ALWAYS || (flags & FLAGS_UNKNOWN) !== 0) {
      throw malformed(EC_PACKET_FORMAT, 'flags', `0x${flags.toString(16)} are unknown`);
    }
    if (length > this.payloadSizeMax)
      throw malformed(EC_PACKET_FORMAT, 'length', `${length} is too long`);
    return { flags, length };
  }

  #readPayload(flags: number, bytes: Buffer): EcPacket {
    const payload = (flags & EC_FLAG.ZLIB) === 0 ? bytes : this.#unpack(bytes);
    return decodePacket(payload, (flags & EC_FLAG.UTF8_NUMBERS) === 0 ? 'plain' : 'utf8');
  }

  #unpack(bytes: Buffer): Buffer {
    const maxOutputLength = Math.min(this.payloadSizeMax, EC_PAYLOAD_SIZE_MAX);
    try {
      return inflateSync(bytes, { maxOutputLength });
    } catch (error) {
      throw malformed(EC_PACKET_FORMAT, 'payload', `does not unpack: ${messageOf(error)}`);
    }
  }

  #take(size: number): Buffer {
    const joined = this.#chunks.length === 1 ? this.#chunks[0] : Buffer.concat(this.#chunks);
    const bytes = joined ?? Buffer.alloc(0);
    const rest = bytes.subarray(size);
    this.#chunks = rest.length === 0 ? [] : [rest];
    this.#buffered = rest.length;
    return bytes.subarray(0, size);
  }
}
