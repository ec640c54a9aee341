// SPDX-License-Identifier: GPL-2.0-or-later
// The packs of a snapshot, opened for reading: which chunk lies in which frame of which pack, and
// the chunks themselves, decrypted and checked against their ids off-thread.
import assert from 'node:assert/strict';
import {
  BASE_FRAMES_KEPT_SIZE_MAX,
  FRAMES_KEPT_SIZE_MAX,
  FRAME_RAW_SIZE_MAX,
  NATIVE_BATCH_ITEMS_MAX,
} from '../base/limits.ts';
import { ReplicationError, errnoOf, hasCode } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import type { PackDescriptor } from '../dataset/descriptor.ts';
import { CHUNK_ID_SIZE, type ChunkRef } from '../dataset/chunk-list.ts';
import type { ChunkId, PackId } from '../dataset/ids.ts';
import {
  deriveDomainKeys,
  epochKeysOf,
  type DomainSecrets,
  type EpochKeys,
} from '../dataset/keys.ts';
import type { FrameEntry } from '../dataset/pack-layout.ts';
import { BufferPool } from '../native/buffer-pool.ts';
import { copyChunks, nameChunks } from '../native/chunker.ts';
import { decodeFrames } from '../native/frame.ts';
import { copyBytes } from '../native/memory.ts';
import { ChunkIndex, type ChunkIndexInit } from './chunk-index.ts';
import type { IndexStore, LoadedIndex } from './index-store.ts';
import { KeptFrames } from './kept-frames.ts';
import { packCorrupt, packMissing, readTrailer } from './pack-reader.ts';
import type { PackStore } from './pack-store.ts';
import {
  batchesOf,
  failedIndex,
  isGroup,
  refuseBases,
  toDecode,
  type PlacedFrame,
  type WantedFrame,
} from './placed-frame.ts';

interface ReadOptions {
  /** Their ids are not checked: those of the chunks that the deltas restore are. */
  readonly isForBases: boolean;
  readonly kept: KeptFrames;
  readonly signal: AbortSignal | undefined;
}

/** Chunks that are read, and where they go. */
interface Wanted {
  readonly ids: readonly ChunkId[];
  readonly places: readonly Buffer[];
  readonly checksIds: boolean;
}

const NOTHING = Buffer.alloc(0);

interface Components {
  readonly packs: PackStore;
  readonly index: IndexStore;
  readonly logger?: Logger | undefined;
}

export interface PackSetInit extends ChunkIndexInit {
  readonly secrets: DomainSecrets;
}

export class PackSet {
  readonly #components: Components;
  readonly #secrets: DomainSecrets;
  readonly #idKey: Buffer;
  readonly #epochKeys: (epoch: number) => EpochKeys;
  readonly #chunks: ChunkIndex;
  readonly #kept = new KeptFrames(FRAMES_KEPT_SIZE_MAX);
  /** Those that a publish takes bases from. */
  readonly #keptBases = new KeptFrames(BASE_FRAMES_KEPT_SIZE_MAX);
  /** Bases of a frame that is being decoded. */
  readonly #bases = new BufferPool({ size: FRAME_RAW_SIZE_MAX });

  constructor(components: Components, init: PackSetInit) {
    this.#components = components;
    this.#secrets = init.secrets;
    this.#idKey = deriveDomainKeys(init.secrets).idKey;
    this.#epochKeys = epochKeysOf(init.secrets);
    this.#chunks = new ChunkIndex(components.index, init);
  }

  /** Packs in the set. */
  get packIds(): ReadonlySet<PackId> {
    return this.#chunks.packIds;
  }

  /** Chunks in the packs of the set; one in two packs counts twice. */
  get chunkCount(): number {
    return this.#chunks.count;
  }

  /** Bytes of memory by which chunks are found. */
  get tableBytes(): number {
    return this.#chunks.tableBytes;
  }

  /**
   * Adds the chunks of a pack, by its index; a missing or damaged one is made anew of the pack's
   * trailer. Errors as readTrailer.
   */
  async add(packId: PackId, descriptor: PackDescriptor): Promise<void> {
    if (this.#chunks.packIds.has(packId)) return;
    const loaded = (await this.#load(packId)) ?? (await this.makeIndex(packId, descriptor));
    this.#chunks.add(packId, loaded);
  }

  /** True when a pack of the set holds the chunk with the id at ids[offset..offset+32). */
  has(ids: Buffer, offset = 0): boolean {
    return this.find(ids, offset) >= 0;
  }

  /** The pack that the chunk with this number is read from. */
  packIdAt(number: number): PackId {
    return this.#chunks.packIdAt(number);
  }

  /** Which chunk of that pack it is, from 0. */
  indexInPack(number: number): number {
    return this.#chunks.indexInPack(number);
  }

  /** The frames of a pack, in the order in which they lie in it. */
  frames(packId: PackId): Generator<FrameEntry> {
    return this.#chunks.frames(packId);
  }

  /** The frames of all packs that have bases. */
  framesWithBases(): Generator<{ readonly packId: PackId; readonly entry: FrameEntry }> {
    return this.#chunks.framesWithBases();
  }

  /**
   * The chunk's number, from 0 in the order of the packs and of the chunks in them; -1 when no pack
   * of the set has it. Of a chunk that several packs hold it is that in the first of them.
   */
  find(ids: Buffer, offset = 0): number {
    return this.#chunks.find(ids, offset);
  }

  /** The id of the chunk with this number. */
  idAt(number: number): ChunkId {
    return this.#chunks.idAt(number);
  }

  /** Numbers of all chunks of a pack of the set, in the order of its trailer. */
  numbersOf(packId: PackId): Generator<number> {
    return this.#chunks.numbersOf(packId);
  }

  /** The first of them. */
  firstNumberOf(packId: PackId): number {
    return this.#chunks.firstNumberOf(packId);
  }

  /** Bytes of the chunk. */
  lengthOf(number: number): number {
    return this.#chunks.lengthOf(number);
  }

  /** The chunk's id when it can be a base: its frame needs none itself. */
  plainId(number: number): ChunkId | undefined {
    const { page, frameIndex } = this.#chunks.place(number);
    return page.baseCountOf(frameIndex) === 0 ? this.idAt(number) : undefined;
  }

  /**
   * The chunk itself when its frame needs no base; else the base that lies where it does in the
   * frame.
   */
  baseFor(number: number): ChunkRef {
    const { page, frameIndex, start, end } = this.#chunks.place(number);
    const { baseIds, rawLength } = page.place(frameIndex);
    if (baseIds.length === 0) return { id: this.idAt(number), length: end - start };
    const id = baseIds[Math.floor((start * baseIds.length) / rawLength)];
    assert(id !== undefined);
    const base = this.#chunks.place(this.#numberOf(id));
    return { id, length: base.end - base.start };
  }

  /**
   * The chunks, in order. They share memory. ERR_CHUNK_MISSING when one is in no pack of the set,
   * ERR_PACK_CORRUPT with packId and partIndex when one is damaged, ERR_PACK_MISSING.
   */
  async readChunks(ids: readonly ChunkId[], signal?: AbortSignal): Promise<Buffer[]> {
    return this.readChunksInto(ids, undefined, signal);
  }

  /** The same in a buffer of the caller's, if it has room for them. */
  async readChunksInto(
    ids: readonly ChunkId[],
    into: Buffer | undefined,
    signal?: AbortSignal,
  ): Promise<Buffer[]> {
    return this.#read(ids, into, { isForBases: false, kept: this.#kept, signal });
  }

  /** The same for chunks that are to be bases. Their frames are checked by their tags alone. */
  async readBasesInto(ids: readonly ChunkId[], into: Buffer): Promise<Buffer[]> {
    const kept = this.#keptBases;
    return this.#read(ids, into, { isForBases: true, kept, signal: undefined });
  }

  async #read(
    ids: readonly ChunkId[],
    into: Buffer | undefined,
    options: ReadOptions,
  ): Promise<Buffer[]> {
    const { isForBases, kept, signal } = options;
    const frames = this.#framesOf(ids);
    const places = this.#roomFor(ids, into);
    const wanted = { ids, places, checksIds: !isForBases };
    for (const batch of batchesOf(frames.filter((frame) => !isGroup(frame)))) {
      signal?.throwIfAborted();
      await this.#readPlain(batch, wanted);
    }
    const groups = frames.filter(isGroup);
    if (isForBases) groups.forEach(refuseBases);
    for (const frame of groups) {
      signal?.throwIfAborted();
      await kept.use(
        frame.key,
        frame.place.rawLength,
        (room) => this.#decodeGroup(frame, room, options),
        (raw) => this.#copyOut(frame, raw, wanted),
      );
    }
    return places;
  }

  /** Frames of one chunk each are decoded where it goes. */
  async #readPlain(batch: readonly WantedFrame[], wanted: Wanted): Promise<void> {
    const { ids, places, checksIds } = wanted;
    const firsts = batch.map(({ chunks }) => chunks[0]?.wantedIndex ?? -1);
    const raws = firsts.map((index) => places[index] ?? NOTHING);
    await this.#decode(batch, [], raws);
    if (checksIds) {
      const named = await nameChunks(this.#idKey, raws);
      for (const [index, frame] of batch.entries()) {
        checkId(frame, ids[firsts[index] ?? -1], named, index);
      }
    }
    for (const [index, { chunks }] of batch.entries()) {
      for (const { wantedIndex } of chunks.slice(1)) {
        copyBytes(raws[index] ?? NOTHING, places[wantedIndex] ?? NOTHING);
      }
    }
  }

  /** What is wanted of the frame goes to its places. ERR_PACK_CORRUPT when an id is another. */
  async #copyOut(frame: WantedFrame, raw: Buffer, wanted: Wanted): Promise<void> {
    const { ids, places, checksIds } = wanted;
    const copies = frame.chunks.map(({ wantedIndex, start, end }) => ({
      id: ids[wantedIndex],
      bytes: raw.subarray(start, end),
      place: places[wantedIndex] ?? NOTHING,
    }));
    if (!checksIds) {
      // For so little a thread takes longer to wake up.
      for (const { bytes, place } of copies) copyBytes(bytes, place);
      return;
    }
    // One chunk may be wanted any number of times.
    for (let first = 0; first < copies.length; first += NATIVE_BATCH_ITEMS_MAX) {
      const some = copies.slice(first, first + NATIVE_BATCH_ITEMS_MAX);
      const copied = await copyChunks(
        this.#idKey,
        some.map(({ bytes }) => bytes),
        some.map(({ place }) => place),
      );
      for (const [index, { id }] of some.entries()) checkId(frame, id, copied, index);
    }
  }

  /** A stretch of the buffer for each chunk, end to end. */
  #roomFor(ids: readonly ChunkId[], into: Buffer | undefined): Buffer[] {
    const lengths = ids.map((id) => this.lengthOf(this.#numberOf(id)));
    const size = lengths.reduce((sum, length) => sum + length, 0);
    const room = into !== undefined && into.length >= size ? into : Buffer.allocUnsafeSlow(size);
    let end = 0;
    return lengths.map((length) => room.subarray(end, (end += length)));
  }

  async #decodeGroup(frame: WantedFrame, into: Buffer, options: ReadOptions): Promise<void> {
    const { baseIds } = frame.place;
    if (baseIds.length === 0) {
      await this.#decode([frame], [], [into]);
      return;
    }
    const data = this.#bases.take();
    try {
      const bases = await this.#read(baseIds, data.bytes, { ...options, isForBases: true });
      await this.#decode([frame], bases, [into]);
    } finally {
      data.release();
    }
  }

  /** The index as it lies here; a damaged one counts as none. */
  async #load(packId: PackId): Promise<LoadedIndex | undefined> {
    const { index, logger } = this.#components;
    try {
      return await index.load(packId);
    } catch (error) {
      if (!hasCode(error, 'ERR_INDEX_CORRUPT')) throw error;
      logger?.warn('index file made anew', { error: error.message, packId });
      return undefined;
    }
  }

  /** Writes the index file of a pack anew. Errors as readTrailer. */
  async makeIndex(packId: PackId, descriptor: PackDescriptor): Promise<LoadedIndex> {
    const { index, packs } = this.#components;
    const trailer = await readTrailer(packs, { packId, descriptor }, this.#secrets);
    return index.put(packId, trailer);
  }

  #numberOf(id: ChunkId): number {
    const number = this.find(id);
    if (number >= 0) return number;
    const chunkId = id.toString('hex');
    throw new ReplicationError('ERR_CHUNK_MISSING', `no pack holds chunk ${chunkId}`, { chunkId });
  }

  /** Each frame once, in the order of pack and offset within a run of wanted chunks. */
  #framesOf(ids: readonly ChunkId[]): WantedFrame[] {
    const frames = new Map<string, WantedFrame>();
    for (const [wantedIndex, id] of ids.entries()) {
      const placed = this.#chunks.place(this.#numberOf(id));
      const { start, end } = placed;
      const key = `${placed.firstNumber}/${placed.frameIndex}`;
      const frame = frames.get(key) ?? {
        ...placed,
        key,
        place: placed.page.place(placed.frameIndex),
        chunks: [],
      };
      frames.set(key, frame);
      frame.chunks.push({ wantedIndex, start, end });
    }
    return [...frames.values()];
  }

  /** All of one key epoch; bases are those of the one frame that needs any. */
  async #decode(
    batch: readonly PlacedFrame[],
    bases: readonly Buffer[],
    places: readonly Buffer[],
  ): Promise<void> {
    const { packs } = this.#components;
    const keyEpoch = batch[0]?.place.keyEpoch ?? 0;
    try {
      await decodeFrames(
        { encKey: this.#epochKeys(keyEpoch).encKey },
        batch.map((frame) => ({ ...toDecode(frame, packs.path(frame.packId)), bases })),
        places,
      );
    } catch (error) {
      const frame = batch[failedIndex(error) ?? -1];
      if (frame === undefined) throw error;
      const { packId } = frame;
      if (errnoOf(error) === 'ENOENT') throw packMissing(packId, error);
      const isDamage = hasCode(error, 'ERR_FRAME_CORRUPT') || hasCode(error, 'ERR_PACK_MALFORMED');
      throw isDamage ? packCorrupt(packId, frame.place.offset, error) : error;
    }
  }
}

/** ERR_PACK_CORRUPT when the id at this index of `named` is another. */
function checkId(
  { packId, place }: PlacedFrame,
  id: ChunkId | undefined,
  named: Buffer,
  index: number,
): void {
  const at = index * CHUNK_ID_SIZE;
  if (id?.compare(named, at, at + CHUNK_ID_SIZE) === 0) return;
  throw packCorrupt(packId, place.offset);
}
