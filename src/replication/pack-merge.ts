// SPDX-License-Identifier: GPL-2.0-or-later
// Copies frames of packs into new packs, as they are. What is copied is checked first: each part of
// the old pack that holds some of it must have its SHA-256.
import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';
import {
  COPY_BATCH_SIZE,
  PACK_GROWTH,
  PACK_OVERHEAD,
  PACK_TARGET_SIZE_MAX,
} from '../base/limits.ts';
import type { PackDescriptor } from '../dataset/descriptor.ts';
import type { PackId } from '../dataset/ids.ts';
import { PART_SIZE } from '../ed2k/constants.ts';
import type { DiskFile } from '../store/disk.ts';
import { packCorrupt, packMissing } from '../store/pack-reader.ts';
import { PackSession, type PackSessionInit } from '../store/pack-session.ts';
import type { PackStore } from '../store/pack-store.ts';
import type { FrameToStore, SealedPack, WrittenPack } from '../store/pack-writer.ts';
import { Reservation } from '../store/reservation.ts';
import type { FramesOfPack } from './live-chunks.ts';

const SHA256_SIZE = 32;
/** Parts of a pack that are kept: a frame touches no more. */
const PARTS_KEPT = 3;

export interface MergeInit {
  readonly packsFolder: string;
  /** Encrypts the trailers. */
  readonly keys: PackSessionInit['keys'];
  readonly signal: AbortSignal;
  /** Called with the bytes copied so far. */
  readonly onBytes?: (bytes: number) => void;
  /** Called for each pack when it is durable; when it rejects all of them are removed. */
  readonly onPack?: (pack: WrittenPack) => Promise<void>;
}

/** Bytes of frames. */
export function sizeOfFrames(from: readonly FramesOfPack[]): number {
  return from.reduce((sum, { frames }) => frames.reduce((own, { length }) => own + length, sum), 0);
}

/**
 * Writes packs of these frames in this order, as long as packs may be. The same frames and keys
 * give the same packs. When it rejects none of them is left: ERR_PACK_CORRUPT, ERR_PACK_MISSING,
 * ERR_SPACE_SHORT, AbortError.
 */
export async function mergePacks(
  packs: PackStore,
  from: readonly FramesOfPack[],
  init: MergeInit,
): Promise<SealedPack[]> {
  const bytes = Math.ceil(sizeOfFrames(from) * PACK_GROWTH) + PACK_OVERHEAD;
  const space = await Reservation.take(init.packsFolder, bytes);
  const sealed: SealedPack[] = [];
  const session = new PackSession(packs, {
    keys: init.keys,
    firstTargetSize: PACK_TARGET_SIZE_MAX,
    onPack: async (pack) => {
      const { packId, descriptor } = pack;
      sealed.push({ packId, descriptor });
      await init.onPack?.(pack);
    },
  });
  try {
    let copied = 0;
    for (const source of from) {
      for await (const batch of readFrames(packs, source)) {
        init.signal.throwIfAborted();
        await space.shrink(batch.bytes.length);
        await session.append(batch.bytes, batch.frames);
        copied += batch.bytes.length;
        init.onBytes?.(copied);
      }
    }
    await session.finish();
    return sealed;
  } catch (error) {
    await session.abort();
    for (const { packId } of sealed) await packs.remove(packId);
    throw error;
  } finally {
    await space.release();
  }
}

interface FrameBatch {
  readonly bytes: Buffer;
  readonly frames: readonly FrameToStore[];
}

async function* readFrames(packs: PackStore, source: FramesOfPack): AsyncGenerator<FrameBatch> {
  const { packId, descriptor, frames } = source;
  const file = await packs.open(packId);
  if (file === undefined) throw packMissing(packId);
  try {
    const reader = new VerifiedReader(file, packId, descriptor);
    let pieces: Buffer[] = [];
    let batch: FrameToStore[] = [];
    let size = 0;
    for (const [index, { offset, ...frame }] of frames.entries()) {
      pieces.push(await reader.read(offset, frame.length));
      batch.push(frame);
      size += frame.length;
      if (size < COPY_BATCH_SIZE && index + 1 < frames.length) continue;
      yield { bytes: Buffer.concat(pieces), frames: batch };
      pieces = [];
      batch = [];
      size = 0;
    }
  } finally {
    await file.close();
  }
}

/** Reads of ascending offsets; only bytes of parts whose SHA-256 is right. */
class VerifiedReader {
  readonly #file: DiskFile;
  readonly #packId: PackId;
  readonly #descriptor: PackDescriptor;
  readonly #parts = new Map<number, Buffer>();

  constructor(file: DiskFile, packId: PackId, descriptor: PackDescriptor) {
    this.#file = file;
    this.#packId = packId;
    this.#descriptor = descriptor;
  }

  async read(offset: number, length: number): Promise<Buffer> {
    const pieces: Buffer[] = [];
    const end = offset + length;
    for (let at = offset; at < end;) {
      const partIndex = Math.floor(at / PART_SIZE);
      const partStart = partIndex * PART_SIZE;
      const stop = Math.min(end, partStart + PART_SIZE);
      const part = await this.#part(partIndex);
      pieces.push(part.subarray(at - partStart, stop - partStart));
      at = stop;
    }
    return Buffer.concat(pieces);
  }

  async #part(partIndex: number): Promise<Buffer> {
    const known = this.#parts.get(partIndex);
    if (known !== undefined) return known;
    const offset = partIndex * PART_SIZE;
    const length = Math.min(PART_SIZE, this.#descriptor.size - offset);
    assert(length > 0, 'frames lie in their pack');
    const bytes = await this.#file.read(length, offset);
    const digest = Buffer.from(await webcrypto.subtle.digest('SHA-256', bytes));
    const start = partIndex * SHA256_SIZE;
    const wanted = this.#descriptor.partSha256.subarray(start, start + SHA256_SIZE);
    if (!digest.equals(wanted)) throw packCorrupt(this.#packId, offset);
    this.#parts.set(partIndex, bytes);
    const [oldest] = this.#parts.keys();
    if (this.#parts.size > PARTS_KEPT && oldest !== undefined) this.#parts.delete(oldest);
    return bytes;
  }
}
