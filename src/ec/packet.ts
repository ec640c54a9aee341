// SPDX-License-Identifier: GPL-2.0-or-later
// Payload of External Connections <=> EcPacket; pure. This is also the form in which packets cross
// the C interface of the embedded core (there always with plain numbers).
//
//   payload => opcode:u8 tagCount:u16be tag*
//   tag     => (id << 1 | hasChildren):u16be type:u8 length:u32be
//              [childCount:u16be tag*]  when hasChildren
//              data
//   length  => size of data + for each child: its length + 7, + 2 when the child has children
//
// With UTF-8 numbers each of these numbers (never data) is a UTF-8 sequence of 1 to 6 bytes; length
// is counted as if they were plain. Source of the layout: ECPacket.cpp, ECTag.cpp of aMule 2.3.3.
import assert from 'node:assert/strict';
import { EC_PAYLOAD_SIZE_MAX, EC_TAG_COUNT_MAX, EC_TAG_DEPTH_MAX } from '../base/limits.ts';
import type { ReplicationError } from '../base/errors.ts';
import { malformed } from '../bytes/malformed.ts';
import type { Format } from '../bytes/malformed.ts';
import type { EcPacket, EcTag } from './tag.ts';
import { UTF8_NUMBER_SIZE_MAX, readUtf8Number, writeUtf8Number } from './utf8-number.ts';

export type NumberForm = 'plain' | 'utf8';

/** Of errors about packets. */
export const EC_PACKET_FORMAT: Format = { code: 'ERR_EC_MALFORMED', name: 'EC packet' };

const TAG_HEADER_SIZE = 7;
const CHILD_COUNT_SIZE = 2;
const CHILDREN_MAX = 0xffff;

/** The payload of a packet; asserts what a caller must keep to (count of tags, range of ids). */
export function encodePacket(packet: EcPacket, numbers: NumberForm = 'plain'): Buffer {
  assert(packet.opcode >= 0 && packet.opcode <= 0xff);
  assert(packet.tags.length <= CHILDREN_MAX);
  const writer = new PayloadWriter(numbers);
  writer.number(packet.opcode, 1);
  writer.number(packet.tags.length, 2);
  for (const tag of packet.tags) writer.tag(tag);
  return writer.finish();
}

/**
 * The packet of a payload. Values of tags are views of `payload`. Throws ERR_EC_MALFORMED when the
 * layout is broken, a bound of limits.ts is passed, or bytes are left over.
 */
export function decodePacket(payload: Buffer, numbers: NumberForm = 'plain'): EcPacket {
  if (payload.length > EC_PAYLOAD_SIZE_MAX) {
    throw malformed(EC_PACKET_FORMAT, 'payload', `has ${payload.length} bytes`);
  }
  return new PayloadReader(payload, numbers).packet();
}

class PayloadWriter {
  readonly #numbers: NumberForm;
  readonly #pieces: Buffer[] = [];

  constructor(numbers: NumberForm) {
    this.#numbers = numbers;
  }

  number(value: number, size: 1 | 2 | 4): void {
    if (this.#numbers === 'utf8') {
      this.#pieces.push(writeUtf8Number(value));
      return;
    }
    const bytes = Buffer.allocUnsafe(size);
    bytes.writeUIntBE(value, 0, size);
    this.#pieces.push(bytes);
  }

  tag(tag: EcTag): void {
    assert(tag.id >= 0 && tag.id <= 0x7fff);
    assert(tag.children.length <= CHILDREN_MAX);
    const hasChildren = tag.children.length > 0;
    this.number((tag.id << 1) | (hasChildren ? 1 : 0), 2);
    this.number(tag.type, 1);
    this.number(tagLength(tag), 4);
    if (hasChildren) this.number(tag.children.length, 2);
    for (const child of tag.children) this.tag(child);
    this.#pieces.push(tag.data);
  }

  finish(): Buffer {
    return Buffer.concat(this.#pieces);
  }
}

function tagLength(tag: EcTag): number {
  let length = tag.data.length;
  for (const child of tag.children) {
    length += tagLength(child) + TAG_HEADER_SIZE;
    if (child.children.length > 0) length += CHILD_COUNT_SIZE;
  }
  return length;
}

class PayloadReader {
  readonly #bytes: Buffer;
  readonly #numbers: NumberForm;
  #offset = 0;
  #tagCount = 0;

  constructor(bytes: Buffer, numbers: NumberForm) {
    this.#bytes = bytes;
    this.#numbers = numbers;
  }

  packet(): EcPacket {
    const opcode = this.#number(1, 'opcode');
    const tags = this.#tags(this.#number(2, 'tagCount'), 'packet', 1);
    if (this.#offset !== this.#bytes.length) {
      const rest = this.#bytes.length - this.#offset;
      throw this.#malformed('packet', `has ${rest} bytes more`);
    }
    return { opcode, tags: tags.map(({ tag }) => tag) };
  }

  /** The tags with what each adds to the length of its parent. */
  #tags(count: number, path: string, depth: number): { tag: EcTag; span: number }[] {
    this.#tagCount += count;
    if (this.#tagCount > EC_TAG_COUNT_MAX) throw this.#malformed(path, 'has too many tags');
    // A tag takes 3 bytes at least; a count that the rest cannot hold is refused before it costs.
    if (count * 3 > this.#bytes.length - this.#offset) {
      throw this.#malformed(path, `says it has ${count} tags`);
    }
    return Array.from({ length: count }, (_, index) => this.#tag(`${path}[${index}]`, depth));
  }

  #tag(path: string, depth: number): { tag: EcTag; span: number } {
    if (depth > EC_TAG_DEPTH_MAX) throw this.#malformed(path, 'lies too deep');
    const idAndFlag = this.#number(2, path);
    const type = this.#number(1, path);
    const length = this.#number(4, path);
    const hasChildren = (idAndFlag & 1) === 1;
    const children = hasChildren ? this.#tags(this.#number(2, path), path, depth + 1) : [];
    if (hasChildren && children.length === 0) throw this.#malformed(path, 'has no children');
    const size = children.reduce((rest, child) => rest - child.span, length);
    if (size < 0) throw this.#malformed(path, 'is shorter than its children');
    const data = this.#take(size, path);
    const span = length + TAG_HEADER_SIZE + (hasChildren ? CHILD_COUNT_SIZE : 0);
    return {
      tag: { id: idAndFlag >> 1, type, data, children: children.map((child) => child.tag) },
      span,
    };
  }

  #take(size: number, path: string): Buffer {
    const end = this.#offset + size;
    if (end > this.#bytes.length) throw this.#malformed(path, 'ends too early');
    const bytes = this.#bytes.subarray(this.#offset, end);
    this.#offset = end;
    return bytes;
  }

  #malformed(path: string, problem: string): ReplicationError {
    return malformed(EC_PACKET_FORMAT, path, problem, this.#offset);
  }

  #number(size: 1 | 2 | 4, path: string): number {
    if (this.#numbers === 'plain') return this.#take(size, path).readUIntBE(0, size);
    const rest = this.#bytes.subarray(this.#offset, this.#offset + UTF8_NUMBER_SIZE_MAX);
    const read = readUtf8Number(rest);
    if (read === undefined || read.value >= 2 ** (8 * size)) {
      throw this.#malformed(path, 'is no number');
    }
    this.#offset += read.size;
    return read.value;
  }
}
