// SPDX-License-Identifier: GPL-2.0-or-later
// Which chunk lies in which frame of many packs: a table of fingerprints in memory, and the index
// files for the rest. Chunks have numbers, from 0 in the order of the packs as they were added and
// of the chunks in each, so a number says where its chunk lies.
import assert from 'node:assert/strict';
import type { ChunkId, PackId } from '../dataset/ids.ts';
import type { FrameEntry } from '../dataset/pack-layout.ts';
import { FingerprintTable, type IdCheck } from './fingerprint-table.ts';
import type { IndexStore, LoadedIndex } from './index-store.ts';
import type { IndexDirectory, IndexPage, PageEntry } from './pack-index.ts';

const ID_SIZE = 32;

interface OpenPack {
  readonly packId: PackId;
  readonly directory: IndexDirectory;
  /** Number of its first chunk; the others follow. */
  readonly firstNumber: number;
}

interface OpenPage {
  readonly packId: PackId;
  readonly page: IndexPage;
  /** Numbers of its first chunk, and after its last. */
  readonly firstNumber: number;
  readonly endNumber: number;
}

/** Where a chunk lies. */
export interface ChunkPlace extends OpenPage {
  /** In the page. */
  readonly frameIndex: number;
  /** In the raw bytes of the frame. */
  readonly start: number;
  readonly end: number;
}

export interface ChunkIndexInit {
  /** Bits of the table's fingerprints, as many as it can unless few are named. */
  readonly fingerprintBits?: number;
}

export class ChunkIndex implements IdCheck {
  readonly #store: IndexStore;
  /** By their first numbers. */
  readonly #open: OpenPack[] = [];
  readonly #byId = new Map<PackId, OpenPack>();
  readonly #packIds = new Set<PackId>();
  readonly #table: FingerprintTable;
  /** Used last. */
  #page: OpenPage | undefined;

  constructor(store: IndexStore, init: ChunkIndexInit = {}) {
    this.#store = store;
    const bits = init.fingerprintBits;
    this.#table = new FingerprintTable(bits === undefined ? {} : { bits });
  }

  get packIds(): ReadonlySet<PackId> {
    return this.#packIds;
  }

  /** Chunks; one in two packs counts twice. */
  get count(): number {
    return this.#table.count;
  }

  /** Bytes of memory that grow with the chunks. */
  get tableBytes(): number {
    return this.#table.byteLength;
  }

  /** Adds a pack, unless it is there. */
  add(packId: PackId, { directory, pages }: LoadedIndex): void {
    if (this.#packIds.has(packId)) return;
    const firstNumber = this.#table.count;
    const pack = { packId, directory, firstNumber };
    this.#open.push(pack);
    this.#byId.set(packId, pack);
    this.#packIds.add(packId);
    for (const { chunkCount, ids } of pages()) {
      for (let chunk = 0; chunk < chunkCount; chunk += 1) {
        this.#table.add(ids, chunk * ID_SIZE, this.#table.count);
      }
    }
    assert(this.#table.count === firstNumber + directory.chunkCount);
  }

  /** Number of the chunk in the first pack that has it; -1 for none. ERR_INDEX_CORRUPT. */
  find(ids: Buffer, offset = 0): number {
    return this.#table.find(ids, offset, this);
  }

  isAt(number: number, ids: Buffer, offset: number): boolean {
    const { page, firstNumber } = this.#pageAt(number);
    const at = (number - firstNumber) * ID_SIZE;
    return page.ids.compare(ids, offset, offset + ID_SIZE, at, at + ID_SIZE) === 0;
  }

  idAt(number: number): ChunkId {
    const { page, firstNumber } = this.#pageAt(number);
    const at = (number - firstNumber) * ID_SIZE;
    return Buffer.from(page.ids.subarray(at, at + ID_SIZE));
  }

  packIdAt(number: number): PackId {
    return this.#packAt(number).packId;
  }

  /** Which chunk of that pack it is, from 0. */
  indexInPack(number: number): number {
    return number - this.#packAt(number).firstNumber;
  }

  /** Bytes of the chunk. */
  lengthOf(number: number): number {
    const { page, firstNumber } = this.#pageAt(number);
    const chunk = number - firstNumber;
    const { start, end } = page.rangeInFrame(chunk, page.frameOf(chunk));
    return end - start;
  }

  // Spreads of objects would take most of the time of this.
  place(number: number): ChunkPlace {
    const { packId, page, firstNumber, endNumber } = this.#pageAt(number);
    const chunk = number - firstNumber;
    const frameIndex = page.frameOf(chunk);
    const { start, end } = page.rangeInFrame(chunk, frameIndex);
    return { packId, page, firstNumber, endNumber, frameIndex, start, end };
  }

  /** Numbers of all chunks of a pack, in the order of its trailer. */
  *numbersOf(packId: PackId): Generator<number> {
    const { firstNumber, directory } = this.#packOf(packId);
    for (let chunk = 0; chunk < directory.chunkCount; chunk += 1) yield firstNumber + chunk;
  }

  firstNumberOf(packId: PackId): number {
    return this.#packOf(packId).firstNumber;
  }

  /** The frames of a pack, in the order in which they lie in it. */
  *frames(packId: PackId): Generator<FrameEntry> {
    for (const page of this.#pagesOf(this.#packOf(packId))) {
      for (let index = 0; index < page.frameCount; index += 1) yield page.entry(index);
    }
  }

  /** The frames of all packs that have bases. */
  *framesWithBases(): Generator<{ readonly packId: PackId; readonly entry: FrameEntry }> {
    for (const pack of this.#open) {
      for (const page of this.#pagesOf(pack, ({ baseCount }) => baseCount > 0)) {
        for (let index = 0; index < page.frameCount; index += 1) {
          if (page.baseCountOf(index) > 0) yield { packId: pack.packId, entry: page.entry(index) };
        }
      }
    }
  }

  *#pagesOf(
    { packId, directory }: OpenPack,
    isWanted: (entry: PageEntry) => boolean = () => true,
  ): Generator<IndexPage> {
    for (let index = 0; index < directory.pageCount; index += 1) {
      const entry = directory.page(index);
      if (isWanted(entry)) yield this.#store.page(packId, entry);
    }
  }

  #packOf(packId: PackId): OpenPack {
    const pack = this.#byId.get(packId);
    assert(pack !== undefined);
    return pack;
  }

  #packAt(number: number): OpenPack {
    assert(number >= 0 && number < this.#table.count);
    let low = 0;
    let high = this.#open.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#open[middle]?.firstNumber ?? Infinity) <= number) low = middle;
      else high = middle - 1;
    }
    const pack = this.#open[low];
    assert(pack !== undefined);
    return pack;
  }

  #pageAt(number: number): OpenPage {
    const last = this.#page;
    if (last !== undefined && number >= last.firstNumber && number < last.endNumber) return last;
    const { packId, directory, firstNumber: packStart } = this.#packAt(number);
    const entry = directory.page(directory.pageOf(number - packStart));
    const page = this.#store.page(packId, entry);
    const firstNumber = packStart + entry.firstChunk;
    this.#page = { packId, page, firstNumber, endNumber: firstNumber + page.chunkCount };
    return this.#page;
  }
}
