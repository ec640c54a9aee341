// SPDX-License-Identifier: GPL-2.0-or-later
// Typed reading of a packet that came from outside: every access checks presence, type and range,
// and names the field when it throws ERR_EC_MALFORMED.
import type { ReplicationError } from '../base/errors.ts';
import { malformed } from '../bytes/malformed.ts';
import { muleplexTagName } from './muleplex-tags.ts';
import { isMuleplexOp, opcodeName } from './opcodes.ts';
import { EC_PACKET_FORMAT } from './packet.ts';
import { EC_TYPE } from './tag.ts';
import type { EcAddress, EcPacket, EcTag } from './tag.ts';
import { tagName } from './tags.ts';

const INT_SIZES: ReadonlyMap<number, number> = new Map([
  [EC_TYPE.UINT8, 1],
  [EC_TYPE.UINT16, 2],
  [EC_TYPE.UINT32, 4],
  [EC_TYPE.UINT64, 8],
]);

type NameOf = (id: number) => string;

/** A tag, or a packet seen as the tag that holds its tags. */
export class TagView {
  readonly #tag: EcTag;
  readonly #path: string;
  readonly #nameOf: NameOf;

  private constructor(tag: EcTag, path: string, nameOf: NameOf) {
    this.#tag = tag;
    this.#path = path;
    this.#nameOf = nameOf;
  }

  /** A view of the packet's tags; fields are named as its operation names them. */
  static of(packet: EcPacket): TagView {
    const root = { id: 0, type: EC_TYPE.CUSTOM, data: Buffer.alloc(0), children: packet.tags };
    const nameOf = isMuleplexOp(packet.opcode) ? muleplexTagName : tagName;
    return new TagView(root, opcodeName(packet.opcode), nameOf);
  }

  get id(): number {
    return this.#tag.id;
  }

  /** All children with this id, in order. */
  all(id: number): TagView[] {
    return this.#tag.children
      .filter((child) => child.id === id)
      .map((child, index) => this.#child(child, `[${index}]`));
  }

  /** The first child with this id. */
  find(id: number): TagView | undefined {
    const child = this.#tag.children.find((one) => one.id === id);
    return child === undefined ? undefined : this.#child(child, '');
  }

  /** The first child with this id, which must be there. */
  need(id: number): TagView {
    const child = this.find(id);
    if (child !== undefined) return child;
    throw malformed(EC_PACKET_FORMAT, `${this.#path}.${this.#nameOf(id)}`, 'is missing');
  }

  /** A whole number of any width up to `max`. */
  int(max: number = Number.MAX_SAFE_INTEGER): number {
    const value = this.bigint();
    if (value > BigInt(max)) throw this.#wrong(`is ${value}, more than ${max}`);
    return Number(value);
  }

  /** A whole number of any width. */
  bigint(): bigint {
    const { type, data } = this.#tag;
    if (INT_SIZES.get(type) !== data.length) throw this.#wrong('is no whole number');
    return BigInt(`0x${data.toString('hex')}`);
  }

  /** Text without its final NUL. */
  text(): string {
    const { type, data } = this.#tag;
    if (type !== EC_TYPE.STRING || data.at(-1) !== 0) throw this.#wrong('is no text');
    return data.toString('utf8', 0, data.length - 1);
  }

  /** A text or number of any type (statistics use them all). */
  value(): string | number {
    const { type, data } = this.#tag;
    if (type === EC_TYPE.STRING) return this.text();
    if (type !== EC_TYPE.DOUBLE) return this.int();
    const number = Number(data.toString('latin1').replace('\0', ''));
    if (Number.isNaN(number)) throw this.#wrong('is no number');
    return number;
  }

  /** 32 lower-case hex digits. */
  hash(): string {
    const { type, data } = this.#tag;
    if (type !== EC_TYPE.HASH16 || data.length !== 16) throw this.#wrong('is no hash');
    return data.toString('hex');
  }

  address(): EcAddress {
    const { type, data } = this.#tag;
    if (type !== EC_TYPE.IPV4 || data.length !== 6) throw this.#wrong('is no address');
    return { host: data.subarray(0, 4).join('.'), port: data.readUInt16BE(4) };
  }

  /** The raw value, which must have this size when one is given. */
  bytes(size?: number): Buffer {
    const { data } = this.#tag;
    if (size !== undefined && data.length !== size) {
      throw this.#wrong(`has ${data.length} bytes instead of ${size}`);
    }
    return data;
  }

  #child(tag: EcTag, index: string): TagView {
    const name = this.#nameOf(tag.id);
    return new TagView(tag, `${this.#path}.${name}${index}`, this.#nameOf);
  }

  #wrong(what: string): ReplicationError {
    return malformed(EC_PACKET_FORMAT, this.#path, what);
  }
}
