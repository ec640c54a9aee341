// SPDX-License-Identifier: GPL-2.0-or-later
// Accepts exactly canonical bencode, in one pass, without recursion and without allocating by
// numbers that the input names. It builds nothing: after it the package decodes without surprises.
import { BENCODE_DEPTH_MAX, BENCODE_ITEMS_MAX, BENCODE_KEY_LENGTH_MAX } from '../base/limits.ts';
import { malformed, type Format } from './malformed.ts';

export interface BencodeLimits {
  readonly sizeMax: number;
  /** Lists and dictionaries around a value; BENCODE_DEPTH_MAX unless given. */
  readonly depthMax?: number;
  /** Values and keys in all; BENCODE_ITEMS_MAX unless given. */
  readonly itemsMax?: number;
}

/** Keys are words; so none is `__proto__`, which the package would set as a prototype. */
export const KEY_PATTERN = /^[A-Za-z][A-Za-z0-9]{0,15}$/;

const FORMAT: Format = { code: 'ERR_BENCODE_MALFORMED', name: 'bencode' };
/** Digits of Number.MAX_SAFE_INTEGER. */
const DIGITS_MAX = 16;
const [ZERO, NINE, COLON, MINUS] = [0x30, 0x39, 0x3a, 0x2d];
const [DICT, LIST, INTEGER, END] = [0x64, 0x6c, 0x69, 0x65];

/** A list or dictionary that is open. */
interface Open {
  readonly isDict: boolean;
  /** Dictionaries: the next string is a key. */
  keyNext: boolean;
  /** Dictionaries: the last key, as a range of the input; empty before the first. */
  keyStart: number;
  keyEnd: number;
}

/**
 * Grammar (each integer and length without leading zeros, no minus zero, keys ascending by bytes):
 * value = `i` [-] digits `e` | length `:` bytes | `l` value* `e` | `d` (key value)* `e`
 */
export function scanBencode(bytes: Buffer, limits: BencodeLimits): void {
  if (bytes.length > limits.sizeMax) {
    throw malformed(FORMAT, '', `has ${bytes.length} bytes, ${limits.sizeMax} are allowed`);
  }
  new Scanner(bytes, limits).run();
}

class Scanner {
  readonly #bytes: Buffer;
  readonly #depthMax: number;
  readonly #itemsMax: number;
  readonly #open: Open[] = [];
  #offset = 0;
  #items = 0;

  constructor(bytes: Buffer, limits: BencodeLimits) {
    this.#bytes = bytes;
    this.#depthMax = limits.depthMax ?? BENCODE_DEPTH_MAX;
    this.#itemsMax = limits.itemsMax ?? BENCODE_ITEMS_MAX;
  }

  run(): void {
    do {
      this.#step();
    } while (this.#open.length > 0);
    if (this.#offset !== this.#bytes.length) this.#fail('has bytes after its end');
  }

  /** Takes one token. */
  #step(): void {
    const token = this.#bytes[this.#offset];
    const top = this.#open.at(-1);
    if (token === END && top !== undefined) {
      if (top.isDict && !top.keyNext) this.#fail('has a key without a value');
      this.#offset += 1;
      this.#open.pop();
      return;
    }
    this.#items += 1;
    if (this.#items > this.#itemsMax) this.#fail(`has more than ${this.#itemsMax} items`);
    if (top?.isDict === true) {
      top.keyNext = !top.keyNext;
      if (!top.keyNext) {
        this.#key(top);
        return;
      }
    }
    this.#value(token);
  }

  #value(token: number | undefined): void {
    if (token === DICT || token === LIST) {
      if (this.#open.length >= this.#depthMax) this.#fail(`nests deeper than ${this.#depthMax}`);
      this.#offset += 1;
      this.#open.push({ isDict: token === DICT, keyNext: true, keyStart: 0, keyEnd: 0 });
    } else if (token === INTEGER) {
      this.#offset += 1;
      this.#number(END, true);
    } else {
      this.#string();
    }
  }

  #key(dict: Open): void {
    const [start, end] = this.#string();
    const text = this.#bytes.toString(
      'latin1',
      start,
      Math.min(end, start + BENCODE_KEY_LENGTH_MAX),
    );
    if (end - start > BENCODE_KEY_LENGTH_MAX || !KEY_PATTERN.test(text)) {
      this.#fail('has a key that is no word');
    }
    const order = this.#bytes.compare(this.#bytes, dict.keyStart, dict.keyEnd, start, end);
    // compare(target range, own range): positive when the new key sorts after the last one.
    if (order <= 0) this.#fail('has keys that are not sorted or not unique');
    dict.keyStart = start;
    dict.keyEnd = end;
  }

  /** Range of the string's bytes. */
  #string(): [number, number] {
    const length = this.#number(COLON, false);
    const start = this.#offset;
    if (length > this.#bytes.length - start) this.#fail('has a string that runs past its end');
    this.#offset = start + length;
    return [start, this.#offset];
  }

  /** Digits up to and including the end mark. */
  #number(endMark: number, signed: boolean): number {
    const isNegative = signed && this.#bytes[this.#offset] === MINUS;
    if (isNegative) this.#offset += 1;
    const start = this.#offset;
    let value = 0;
    for (;;) {
      const byte = this.#bytes[this.#offset];
      if (byte === undefined || byte < ZERO || byte > NINE) break;
      value = value * 10 + (byte - ZERO);
      this.#offset += 1;
      if (this.#offset - start > DIGITS_MAX) this.#fail('has a number beyond 2^53 - 1');
    }
    const digits = this.#offset - start;
    if (digits === 0 || this.#bytes[this.#offset] !== endMark) this.#fail('has no valid token');
    if (digits > 1 && this.#bytes[start] === ZERO) this.#fail('has a number with a leading zero');
    if (isNegative && value === 0) this.#fail('has a minus zero');
    if (value > Number.MAX_SAFE_INTEGER) this.#fail('has a number beyond 2^53 - 1');
    this.#offset += 1;
    return value;
  }

  #fail(problem: string): never {
    throw malformed(FORMAT, '', problem, this.#offset);
  }
}
