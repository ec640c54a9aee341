// SPDX-License-Identifier: GPL-2.0-or-later
// Random changes of bytes that parsers stumble over, from one seed.

/** Numbers and marks at the edges of our formats. */
const TOKENS = [
  '0',
  '-',
  'i',
  'e',
  'd',
  'l',
  ':',
  '1:',
  '0:',
  'de',
  'le',
  'i-0e',
  '9007199254740992',
]
  .map((token) => Buffer.from(token))
  .concat([
    Buffer.alloc(4, 0xff),
    Buffer.alloc(8, 0xff),
    Buffer.alloc(4),
    Buffer.from([0, 0, 0, 0x80]),
  ]);
const LENGTH_MAX = 20_000;

export class Mutator {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0 || 1;
  }

  /** 1 to 6 changes of one of the inputs, sometimes mixed with a second one. */
  mutate(inputs: readonly Buffer[]): Buffer {
    let bytes = Buffer.from(this.#pick(inputs));
    const changes = 1 + this.#below(6);
    for (let change = 0; change < changes; change += 1) bytes = this.#change(bytes, inputs);
    return bytes.subarray(0, LENGTH_MAX);
  }

  #change(bytes: Buffer, inputs: readonly Buffer[]): Buffer<ArrayBuffer> {
    const start = this.#below(bytes.length + 1);
    const end = Math.min(bytes.length, start + this.#below(this.#below(40) + 1));
    const splice = (middle: Buffer, from = end): Buffer<ArrayBuffer> =>
      Buffer.concat([bytes.subarray(0, start), middle, bytes.subarray(from)]);
    switch (this.#below(7)) {
      case 0:
        return splice(Buffer.from([this.#below(256)]), start + 1);
      case 1:
        return splice(Buffer.from([(bytes[start] ?? 0) ^ (1 << this.#below(8))]), start + 1);
      case 2:
        return splice(this.#pick(TOKENS));
      case 3:
        return splice(this.#pick(TOKENS), start);
      case 4:
        return splice(Buffer.alloc(0));
      case 5:
        return splice(bytes.subarray(start, end), start);
      default: {
        const other = this.#pick(inputs);
        const from = this.#below(other.length + 1);
        return splice(other.subarray(from, from + this.#below(60)));
      }
    }
  }

  #pick(choices: readonly Buffer[]): Buffer {
    return choices[this.#below(choices.length)] ?? Buffer.alloc(0);
  }

  /** xorshift32: 0 to limit - 1. */
  #below(limit: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % Math.max(limit, 1);
  }
}
