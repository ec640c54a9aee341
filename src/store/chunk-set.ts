// SPDX-License-Identifier: GPL-2.0-or-later
// A set of chunk ids without one JavaScript object a chunk: the ids lie in buffers, found through a
// table of numbers. Four million chunks (500 GB) take about 160 MB.
import assert from 'node:assert/strict';

const ID_SIZE = 32;
/** Ids in one buffer (2 MiB): growing allocates one more and copies nothing. */
const SEGMENT_COUNT = 65_536;
const SLOTS_MIN = 1_024;
/** Numbers of ids are kept in 32 bits, with 0 for a free slot. */
const COUNT_MAX = 0xffff_fffe;

/** Ids get numbers from 0 in the order they are added. Ids are hashes, so any bits spread well. */
export class ChunkSet {
  readonly #segments: Buffer[] = [];
  #slots = new Uint32Array(SLOTS_MIN);
  #count = 0;

  /** Ids in the set. */
  get size(): number {
    return this.#count;
  }

  /** The number of the id at ids[offset..offset+32); -1 when it is not in the set. */
  find(ids: Buffer, offset = 0): number {
    const { id } = this.#probe(ids, offset);
    return id;
  }

  has(ids: Buffer, offset = 0): boolean {
    return this.find(ids, offset) >= 0;
  }

  /** Adds an id (copied) unless it is there; its number in both cases. */
  add(ids: Buffer, offset = 0): number {
    const found = this.#probe(ids, offset);
    if (found.id >= 0) return found.id;
    assert(this.#count < COUNT_MAX);
    const id = this.#count;
    const within = id % SEGMENT_COUNT;
    if (within === 0) this.#segments.push(Buffer.alloc(SEGMENT_COUNT * ID_SIZE));
    const segment = this.#segment(id);
    ids.copy(segment, within * ID_SIZE, offset, offset + ID_SIZE);
    this.#slots[found.slot] = id + 1;
    this.#count += 1;
    if (this.#count * 2 > this.#slots.length) this.#grow();
    return id;
  }

  /** A copy of the id with that number. */
  idAt(number: number): Buffer {
    assert(number >= 0 && number < this.#count);
    const start = (number % SEGMENT_COUNT) * ID_SIZE;
    return Buffer.from(this.#segment(number).subarray(start, start + ID_SIZE));
  }

  /** The slot where the id is, or where it belongs. */
  #probe(ids: Buffer, offset: number): { slot: number; id: number } {
    assert(offset >= 0 && offset + ID_SIZE <= ids.length, 'an id has 32 bytes');
    const mask = this.#slots.length - 1;
    let slot = ids.readUInt32LE(offset) & mask;
    for (;;) {
      const id = (this.#slots[slot] ?? 0) - 1;
      if (id < 0) return { slot, id: -1 };
      const start = (id % SEGMENT_COUNT) * ID_SIZE;
      const segment = this.#segment(id);
      if (ids.compare(segment, start, start + ID_SIZE, offset, offset + ID_SIZE) === 0) {
        return { slot, id };
      }
      slot = (slot + 1) & mask;
    }
  }

  #grow(): void {
    const slots = new Uint32Array(this.#slots.length * 2);
    const mask = slots.length - 1;
    for (let id = 0; id < this.#count; id += 1) {
      const start = (id % SEGMENT_COUNT) * ID_SIZE;
      let slot = this.#segment(id).readUInt32LE(start) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = id + 1;
    }
    this.#slots = slots;
  }

  #segment(id: number): Buffer {
    const segment = this.#segments[Math.floor(id / SEGMENT_COUNT)];
    assert(segment !== undefined);
    return segment;
  }
}
