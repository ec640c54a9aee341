// SPDX-License-Identifier: GPL-2.0-or-later
// The packs of a snapshot, opened for reading: which chunk lies in which frame of which pack, and
// the chunks themselves, decrypted and checked against their ids off-thread.
import assert from 'node:assert/strict';
import { NATIVE_BATCH_BYTES_MAX, NATIVE_BATCH_ITEMS_MAX } from '../base/limits.ts';
import { ReplicationError, errnoOf, hasCode } from '../base/errors.ts';
import type { PackDescriptor } from '../dataset/descriptor.ts';
import type { ChunkId, PackId } from '../dataset/ids.ts';
import { deriveDomainKeys, deriveEpochKeys } from '../dataset/keys.ts';
import type { DomainSecrets } from '../dataset/keys.ts';
import type { FrameEntry } from '../dataset/pack-layout.ts';
import { decodeFrames } from '../native/frame.ts';
import type { FrameToDecode } from '../native/frame.ts';
import { ChunkSet } from './chunk-set.ts';
import { FrameTable } from './frame-table.ts';
import { packCorrupt, packMissing, readTrailer } from './pack-reader.ts';
import type { PackStore } from './pack-store.ts';
import type { SealedPack } from './pack-writer.ts';
import { NumberColumn } from './number-column.ts';

interface OpenPack {
  readonly packId: PackId;
  readonly path: string;
  readonly table: FrameTable;
}

/** A frame to decode, and which of the wanted chunks it holds. */
interface WantedFrame {
  readonly pack: OpenPack;
  readonly entry: FrameEntry;
  readonly chunks: { readonly wantedIndex: number; readonly start: number; readonly end: number }[];
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

  /** The number of the chunk with the id at ids[offset..offset+32); -1 when no pack holds it. */
  numberOf(ids: Buffer, offset = 0): number {
    return this.#ids.find(ids, offset);
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
   * The chunks, in order. They may share memory. ERR_CHUNK_MISSING when one is in no pack of the
   * set, ERR_PACK_CORRUPT with packId and partIndex when one is damaged, ERR_PACK_MISSING.
   */
  async readChunks(ids: readonly ChunkId[], signal?: AbortSignal): Promise<Buffer[]> {
    const frames = this.#framesOf(ids);
    const chunks = new Array<Buffer>(ids.length);
    for (const batch of batchesOf(frames)) {
      signal?.throwIfAborted();
      const decoded = await this.#decode(batch);
      for (const [index, frame] of batch.entries()) {
        const raw = decoded[index];
        assert(raw !== undefined);
        for (const { wantedIndex, start, end } of frame.chunks) {
          chunks[wantedIndex] = raw.subarray(start, end);
        }
      }
    }
    return chunks;
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
      const number = this.#ids.find(id);
      if (number < 0) {
        const chunkId = id.toString('hex');
        throw new ReplicationError('ERR_CHUNK_MISSING', `no pack holds chunk ${chunkId}`, {
          chunkId,
        });
      }
      const { pack, frameIndex, start, end } = this.#place(number);
      const key = `${this.#packOf.at(number)}/${frameIndex}`;
      const frame = frames.get(key) ?? { pack, entry: pack.table.entry(frameIndex), chunks: [] };
      frames.set(key, frame);
      frame.chunks.push({ wantedIndex, start, end });
    }
    return [...frames.values()];
  }

  async #decode(batch: readonly WantedFrame[]): Promise<Buffer[]> {
    const keyEpoch = batch[0]?.entry.keyEpoch ?? 0;
    const keys = { ...deriveEpochKeys(this.#secrets, keyEpoch), idKey: this.#idKey };
    try {
      return await decodeFrames(keys, batch.map(toDecode));
    } catch (error) {
      const frame = batch[failedIndex(error) ?? -1];
      if (frame === undefined) throw error;
      const { packId } = frame.pack;
      if (errnoOf(error) === 'ENOENT') throw packMissing(packId, error);
      const isDamage = hasCode(error, 'ERR_FRAME_CORRUPT') || hasCode(error, 'ERR_PACK_MALFORMED');
      throw isDamage ? packCorrupt(packId, frame.entry.offset, error) : error;
    }
  }
}

function toDecode({ pack, entry }: WantedFrame): FrameToDecode {
  const { offset, length } = entry;
  return { ...entry, frame: { path: Buffer.from(pack.path), offset, length } };
}

/** Runs of frames of one key epoch, within the limits of a call of the addon. */
function* batchesOf(frames: readonly WantedFrame[]): Generator<WantedFrame[]> {
  let batch: WantedFrame[] = [];
  let rawSize = 0;
  for (const frame of frames) {
    const { keyEpoch, rawLength } = frame.entry;
    const isOther = batch[0] !== undefined && batch[0].entry.keyEpoch !== keyEpoch;
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
