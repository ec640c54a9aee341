// SPDX-License-Identifier: GPL-2.0-or-later
// The packs of a snapshot, opened for reading: which chunk lies in which frame of which pack, and
// the chunks themselves, decrypted and checked against their ids off-thread.
import assert from 'node:assert/strict';
import { NATIVE_BATCH_BYTES_MAX, NATIVE_BATCH_ITEMS_MAX } from '../base/limits.ts';
import { ReplicationError, errnoOf, hasCode } from '../base/errors.ts';
import type { PackDescriptor } from '../dataset/descriptor.ts';
import type { ChunkRef } from '../dataset/chunk-list.ts';
import type { ChunkId, PackId } from '../dataset/ids.ts';
import { deriveDomainKeys, deriveEpochKeys } from '../dataset/keys.ts';
import type { DomainSecrets } from '../dataset/keys.ts';
import type { FrameEntry } from '../dataset/pack-layout.ts';
import { decodeFrames } from '../native/frame.ts';
import type { FrameToDecode } from '../native/frame.ts';
import { ChunkSet } from './chunk-set.ts';
import { FrameTable, type FramePlace } from './frame-table.ts';
import { KeptFrames } from './kept-frames.ts';
import { packCorrupt, packMissing, readTrailer } from './pack-reader.ts';
import type { PackStore } from './pack-store.ts';
import type { SealedPack } from './pack-writer.ts';
import { NumberColumn } from './number-column.ts';

interface OpenPack {
  readonly packId: PackId;
  readonly path: string;
  readonly table: FrameTable;
}

/** A frame to decode. */
interface PlacedFrame {
  readonly pack: OpenPack;
  readonly frameIndex: number;
  readonly place: FramePlace;
}

/** A frame, and which of the wanted chunks it holds. */
interface WantedFrame extends PlacedFrame {
  /** Names the frame in the set. */
  readonly key: string;
  readonly chunks: { readonly wantedIndex: number; readonly start: number; readonly end: number }[];
}

interface ReadOptions {
  readonly isForBases: boolean;
  readonly signal: AbortSignal | undefined;
}

export interface PackSetInit {
  readonly secrets: DomainSecrets;
}

export class PackSet {
  readonly #packs: PackStore;
  readonly #secrets: DomainSecrets;
  readonly #idKey: Buffer;
  readonly #open: OpenPack[] = [];
  readonly #packIds = new Set<PackId>();
  readonly #ids = new ChunkSet();
  /** By number of the id: index of the pack, and of the chunk in it. */
  readonly #packOf = new NumberColumn();
  readonly #chunkOf = new NumberColumn();
  readonly #kept = new KeptFrames();

  constructor(packs: PackStore, init: PackSetInit) {
    this.#packs = packs;
    this.#secrets = init.secrets;
    this.#idKey = deriveDomainKeys(init.secrets).idKey;
  }

  /** Packs in the set. */
  get packIds(): ReadonlySet<PackId> {
    return this.#packIds;
  }

  /** Distinct chunks in the set. */
  get chunkCount(): number {
    return this.#ids.size;
  }

  /** Reads and verifies a pack's trailer and adds its chunks. Errors as readTrailer. */
  async add(packId: PackId, descriptor: PackDescriptor): Promise<void> {
    if (this.#packIds.has(packId)) return;
    const entries = await readTrailer(this.#packs, { packId, descriptor }, this.#secrets);
    // Another call may have added it meanwhile.
    if (!this.#packIds.has(packId)) this.#addEntries(packId, entries);
  }

  /** Adds a pack that this process has just written. */
  addSealed(pack: SealedPack): void {
    if (!this.#packIds.has(pack.packId)) this.#addEntries(pack.packId, pack.entries);
  }

  /** True when a pack of the set holds the chunk with the id at ids[offset..offset+32). */
  has(ids: Buffer, offset = 0): boolean {
    return this.#ids.has(ids, offset);
  }

  /** The pack that the chunk with this number is read from. */
  packIdAt(number: number): PackId {
    const pack = this.#open[this.#packOf.at(number)];
    assert(pack !== undefined);
    return pack.packId;
  }

  /** The frames of a pack, in the order in which they lie in it. */
  *frames(packId: PackId): Generator<FrameEntry> {
    const table = this.#open.find((pack) => pack.packId === packId)?.table;
    assert(table !== undefined);
    for (let index = 0; index < table.frameCount; index += 1) yield table.entry(index);
  }

  /** The frames of all packs that have bases. */
  *framesWithBases(): Generator<{ readonly packId: PackId; readonly entry: FrameEntry }> {
    for (const { packId, table } of this.#open) {
      for (const index of table.framesWithBases()) yield { packId, entry: table.entry(index) };
    }
  }

  /**
   * The chunk's number, from 0 in the order of the packs and of the chunks in them; -1 when it is in
   * no pack of the set.
   */
  find(ids: Buffer, offset = 0): number {
    return this.#ids.find(ids, offset);
  }

  /** The id of the chunk with this number. */
  idAt(number: number): ChunkId {
    return this.#ids.idAt(number);
  }

  /** Numbers of all chunks of a pack of the set, in the order of its trailer. */
  *numbersOf(packId: PackId): Generator<number> {
    const table = this.#open.find((pack) => pack.packId === packId)?.table;
    for (let index = 0; index < (table?.chunkCount ?? 0); index += 1) {
      if (table !== undefined) yield table.chunkIdNumber(index);
    }
  }

  /** Bytes of the chunk. */
  lengthOf(number: number): number {
    const { start, end } = this.#place(number);
    return end - start;
  }

  /** The chunk's id when it can be a base: its frame needs none itself. */
  plainId(number: number): ChunkId | undefined {
    const { pack, frameIndex } = this.#place(number);
    const isPlain = pack.table.place(frameIndex).baseIds.length === 0;
    return isPlain ? this.#ids.idAt(number) : undefined;
  }

  /**
   * The chunk itself when its frame needs no base; else the base that lies where it does in the
   * frame.
   */
  baseFor(number: number): ChunkRef {
    const { pack, frameIndex, start, end } = this.#place(number);
    const { baseIds, rawLength } = pack.table.place(frameIndex);
    if (baseIds.length === 0) return { id: this.#ids.idAt(number), length: end - start };
    const id = baseIds[Math.floor((start * baseIds.length) / rawLength)];
    assert(id !== undefined);
    const base = this.#place(this.#numberOf(id));
    return { id, length: base.end - base.start };
  }

  /**
   * The chunks, in order. They share memory. ERR_CHUNK_MISSING when one is in no pack of the set,
   * ERR_PACK_CORRUPT with packId and partIndex when one is damaged, ERR_PACK_MISSING.
   */
  async readChunks(ids: readonly ChunkId[], signal?: AbortSignal): Promise<Buffer[]> {
    return this.readChunksInto(ids, undefined, signal);
  }

  /** The same in a buffer of the caller's, which has room for them. */
  async readChunksInto(
    ids: readonly ChunkId[],
    into: Buffer | undefined,
    signal?: AbortSignal,
  ): Promise<Buffer[]> {
    return this.#read(ids, into, { isForBases: false, signal });
  }

  async #read(
    ids: readonly ChunkId[],
    into: Buffer | undefined,
    { isForBases, signal }: ReadOptions,
  ): Promise<Buffer[]> {
    const frames = this.#framesOf(ids);
    const chunks = this.#roomFor(ids, into);
    const take = (frame: WantedFrame, raw: Buffer | undefined): void => {
      for (const { wantedIndex, start, end } of frame.chunks) {
        const chunk = chunks[wantedIndex];
        if (chunk !== undefined) raw?.copy(chunk, 0, start, end);
      }
    };
    for (const batch of batchesOf(frames.filter((frame) => !isGroup(frame)))) {
      signal?.throwIfAborted();
      const decoded = await this.#decode(batch, []);
      for (const [index, frame] of batch.entries()) take(frame, decoded[index]);
    }
    const groups = frames.filter(isGroup);
    if (isForBases) groups.forEach(refuseBases);
    // Two are decoded at the same time.
    for (let first = 0; first < groups.length; first += 2) {
      signal?.throwIfAborted();
      await Promise.all(
        groups.slice(first, first + 2).map(async (frame) => {
          const raw = await this.#kept.hold(frame.key, frame.place.rawLength, (room) =>
            this.#decodeGroup(frame, room, signal),
          );
          take(frame, raw.bytes);
          raw.release();
        }),
      );
    }
    return chunks;
  }

  /** A stretch of the buffer for each chunk, end to end. */
  #roomFor(ids: readonly ChunkId[], into: Buffer | undefined): Buffer[] {
    const lengths = ids.map((id) => this.lengthOf(this.#numberOf(id)));
    const size = lengths.reduce((sum, length) => sum + length, 0);
    const room = into ?? Buffer.allocUnsafeSlow(size);
    assert(room.length >= size);
    let end = 0;
    return lengths.map((length) => room.subarray(end, (end += length)));
  }

  async #decodeGroup(
    frame: WantedFrame,
    into: Buffer,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { baseIds } = frame.place;
    const bases = await this.#read(baseIds, undefined, { isForBases: true, signal });
    await this.#decode([frame], bases, into);
  }

  #addEntries(packId: PackId, entries: readonly FrameEntry[]): void {
    const table = new FrameTable(this.#ids, entries);
    const packIndex = this.#open.length;
    this.#open.push({ packId, path: this.#packs.path(packId), table });
    this.#packIds.add(packId);
    for (let chunkIndex = 0; chunkIndex < table.chunkCount; chunkIndex += 1) {
      const number = table.chunkIdNumber(chunkIndex);
      // A chunk that several packs hold is read from the first of them.
      if (number < this.#packOf.length) continue;
      this.#packOf.push(packIndex);
      this.#chunkOf.push(chunkIndex);
    }
  }

  #numberOf(id: ChunkId): number {
    const number = this.#ids.find(id);
    if (number >= 0) return number;
    const chunkId = id.toString('hex');
    throw new ReplicationError('ERR_CHUNK_MISSING', `no pack holds chunk ${chunkId}`, { chunkId });
  }

  #place(number: number): { pack: OpenPack; frameIndex: number; start: number; end: number } {
    const pack = this.#open[this.#packOf.at(number)];
    assert(pack !== undefined);
    const chunkIndex = this.#chunkOf.at(number);
    const frameIndex = pack.table.frameOf(chunkIndex);
    return { pack, frameIndex, ...pack.table.rangeInFrame(chunkIndex, frameIndex) };
  }

  /** Each frame once, in the order of pack and offset within a run of wanted chunks. */
  #framesOf(ids: readonly ChunkId[]): WantedFrame[] {
    const frames = new Map<string, WantedFrame>();
    for (const [wantedIndex, id] of ids.entries()) {
      const number = this.#numberOf(id);
      const { pack, frameIndex, start, end } = this.#place(number);
      const key = `${this.#packOf.at(number)}/${frameIndex}`;
      const frame = frames.get(key) ?? {
        key,
        pack,
        frameIndex,
        place: pack.table.place(frameIndex),
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
    into?: Buffer,
  ): Promise<Buffer[]> {
    const keyEpoch = batch[0]?.place.keyEpoch ?? 0;
    const keys = { ...deriveEpochKeys(this.#secrets, keyEpoch), idKey: this.#idKey };
    try {
      return await decodeFrames(
        keys,
        batch.map((frame) => ({ ...toDecode(frame), bases })),
        into,
      );
    } catch (error) {
      const frame = batch[failedIndex(error) ?? -1];
      if (frame === undefined) throw error;
      const { packId } = frame.pack;
      if (errnoOf(error) === 'ENOENT') throw packMissing(packId, error);
      const isDamage = hasCode(error, 'ERR_FRAME_CORRUPT') || hasCode(error, 'ERR_PACK_MALFORMED');
      throw isDamage ? packCorrupt(packId, frame.place.offset, error) : error;
    }
  }
}

/** Its bytes are of several chunks, or need some. */
function isGroup({ pack, frameIndex, place }: WantedFrame): boolean {
  return pack.table.chunkCountOf(frameIndex) > 1 || place.baseIds.length > 0;
}

/** A base is stored without bases: ERR_PACK_MALFORMED. */
function refuseBases({ pack: { packId }, place: { baseIds, offset } }: PlacedFrame): void {
  if (baseIds.length === 0) return;
  throw new ReplicationError(
    'ERR_PACK_MALFORMED',
    `pack ${packId} has a base at offset ${offset} that needs bases itself`,
    { packId, offset },
  );
}

function toDecode({ pack, frameIndex, place }: PlacedFrame): FrameToDecode {
  const { offset, length } = place;
  const chunks = pack.table.chunks(frameIndex);
  return { ...place, chunks, frame: { path: Buffer.from(pack.path), offset, length } };
}

/** Runs of frames of one key epoch, within the limits of a call of the addon. */
function* batchesOf(frames: readonly WantedFrame[]): Generator<WantedFrame[]> {
  let batch: WantedFrame[] = [];
  let rawSize = 0;
  for (const frame of frames) {
    const { keyEpoch, rawLength } = frame.place;
    const isOther = batch[0] !== undefined && batch[0].place.keyEpoch !== keyEpoch;
    const isFull =
      rawSize + rawLength > NATIVE_BATCH_BYTES_MAX || batch.length === NATIVE_BATCH_ITEMS_MAX;
    if (isOther || isFull) {
      yield batch;
      batch = [];
      rawSize = 0;
    }
    batch.push(frame);
    rawSize += rawLength;
  }
  if (batch.length > 0) yield batch;
}

/** The addon names the item that failed. */
function failedIndex(error: unknown): number | undefined {
  if (error instanceof ReplicationError) {
    const { index } = error.details;
    return typeof index === 'number' ? index : undefined;
  }
  if (error instanceof Error && 'index' in error) return Number(error.index);
  return undefined;
}
