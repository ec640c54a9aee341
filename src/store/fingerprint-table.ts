// SPDX-License-Identifier: GPL-2.0-or-later
// Where chunks are, by a few bits of their ids: about 11 bytes a chunk. What it finds is a hint;
// somebody has to confirm it by the whole id, which lies on disk.
import assert from 'node:assert/strict';

/** Chosen by the first byte of an id: growing copies one of them at a time. */
const TABLE_COUNT = 256;
const CAPACITY_MIN = 16;
/** Above it probes become long. */
const LOAD_MAX = 0.85;
const GROWTH = 1.25;
/** Of 40 bits of an id the first 8 choose the table, the others are kept. */
const BITS_MAX = 40;
/** Numbers are kept in 32 bits, with 0 for a free slot. */
const NUMBER_MAX = 0xffff_fffe;

/** Knows the whole ids. */
export interface IdCheck {
  /** True when the chunk with this number has the id at ids[offset..offset+32). */
  isAt(number: number, ids: Buffer, offset: number): boolean;
}

/** Open addressing; a slot is two numbers: fingerprint, and number of the chunk + 1. */
class Table {
  #slots = new Uint32Array(2 * CAPACITY_MIN);
  #count = 0;

  get byteLength(): number {
    return this.#slots.byteLength;
  }

  add(fingerprint: number, number: number): void {
    if (this.#count + 1 > (this.#slots.length / 2) * LOAD_MAX) this.#grow();
    this.#put(fingerprint, number + 1);
    this.#count += 1;
  }

  /** The first confirmed number of those that were added with the fingerprint; -1 for none. */
  find(fingerprint: number, check: IdCheck, ids: Buffer, offset: number): number {
    const slots = this.#slots;
    let at = this.#home(fingerprint);
    for (let taken = slots[at + 1] ?? 0; taken !== 0; taken = slots[at + 1] ?? 0) {
      if (slots[at] === fingerprint && check.isAt(taken - 1, ids, offset)) return taken - 1;
      at = at + 2 === slots.length ? 0 : at + 2;
    }
    return -1;
  }

  /** Ids are hashes: the upper bits of fingerprints are spread evenly. */
  #home(fingerprint: number): number {
    return 2 * Math.floor(((fingerprint >>> 8) * (this.#slots.length / 2)) / 0x100_0000);
  }

  #put(fingerprint: number, taken: number): void {
    const slots = this.#slots;
    let at = this.#home(fingerprint);
    while (slots[at + 1] !== 0) at = at + 2 === slots.length ? 0 : at + 2;
    slots[at] = fingerprint;
    slots[at + 1] = taken;
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Uint32Array(2 * Math.ceil((old.length / 2) * GROWTH));
    // From a free slot on, so that of equal fingerprints the first added stays the first found.
    let start = 0;
    while (old[start + 1] !== 0) start += 2;
    for (let step = 0; step < old.length; step += 2) {
      const at = (start + step) % old.length;
      const taken = old[at + 1] ?? 0;
      if (taken !== 0) this.#put(old[at] ?? 0, taken);
    }
  }
}

export class FingerprintTable {
  readonly #tables: (Table | undefined)[] = Array.from({ length: TABLE_COUNT });
  readonly #bits: number;
  #count = 0;

  /** bits of an id that are looked at, 8 to 40: with few of them most hints are false. */
  constructor(init: { readonly bits?: number } = {}) {
    this.#bits = init.bits ?? BITS_MAX;
    assert(this.#bits >= 8 && this.#bits <= BITS_MAX);
  }

  get count(): number {
    return this.#count;
  }

  /** Bytes of all tables. */
  get byteLength(): number {
    return this.#tables.reduce((sum, table) => sum + (table?.byteLength ?? 0), 0);
  }

  /** Adds a chunk; of several with one id the first added is found. */
  add(ids: Buffer, offset: number, number: number): void {
    assert(number >= 0 && number < NUMBER_MAX);
    const index = ids[offset] ?? 0;
    const table = (this.#tables[index] ??= new Table());
    table.add(this.#fingerprint(ids, offset), number);
    this.#count += 1;
  }

  /** Number of the chunk with the id at ids[offset..offset+32); -1 when it was not added. */
  find(ids: Buffer, offset: number, check: IdCheck): number {
    assert(offset >= 0 && offset + 32 <= ids.length, 'an id has 32 bytes');
    const table = this.#tables[ids[offset] ?? 0];
    return table?.find(this.#fingerprint(ids, offset), check, ids, offset) ?? -1;
  }

  #fingerprint(ids: Buffer, offset: number): number {
    const all = ids.readUInt32BE(offset + 1);
    const unused = BITS_MAX - this.#bits;
    return unused === 32 ? 0 : ((all >>> unused) << unused) >>> 0;
  }
}
