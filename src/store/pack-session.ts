// SPDX-License-Identifier: GPL-2.0-or-later
// The packs that one publish makes. The first are small, so that first bytes are on the wire early;
// each may be twice as long as the one before, so that many data make few packs.
import type { FrameEncoderKeys } from '../native/frame.ts';
import { PACK_TARGET_SIZE_MAX, PACK_TARGET_SIZE_MIN } from '../base/limits.ts';
import { isTrailerFull, trailerEntrySize } from '../dataset/pack-layout.ts';
import type { PackStore } from './pack-store.ts';
import { PackWriter } from './pack-writer.ts';
import type { FrameToStore, WrittenPack } from './pack-writer.ts';

export interface PackSessionInit {
  /** Encrypts the trailers. */
  readonly keys: FrameEncoderKeys;
  /** Called once for each pack, in order, when it is durable; awaited before the next. */
  readonly onPack: (pack: WrittenPack) => Promise<void>;
  /** Bytes at which the first pack ends. */
  readonly firstTargetSize?: number;
}

export class PackSession {
  readonly #packs: PackStore;
  readonly #init: PackSessionInit;
  #targetSize: number;
  /** Of the open pack: what the limits of a trailer count. */
  #entriesSize = 0;
  #chunkCount = 0;
  #writer: PackWriter | undefined;
  /** The pack before the open one, while it is made durable. */
  #sealing: Promise<void> = Promise.resolve();

  constructor(packs: PackStore, init: PackSessionInit) {
    this.#packs = packs;
    this.#init = init;
    this.#targetSize = init.firstTargetSize ?? PACK_TARGET_SIZE_MIN;
  }

  /**
   * Appends frames whose bytes lie end to end in bytes, which are the caller's again when this
   * resolves; a pack ends with the frame that fills it. Calls must not overlap. After a failure
   * only abort is left to do.
   */
  async append(bytes: Buffer, frames: readonly FrameToStore[]): Promise<void> {
    let start = 0;
    let end = 0;
    let first = 0;
    for (const [index, frame] of frames.entries()) {
      end += frame.length;
      this.#entriesSize += trailerEntrySize({ ...frame, offset: 0 });
      this.#chunkCount += frame.chunks.length;
      const size = (this.#writer?.size ?? 0) + end - start;
      const isFull = isTrailerFull(this.#entriesSize, this.#chunkCount);
      if (size < this.#targetSize && !isFull && index < frames.length - 1) continue;
      this.#writer ??= await PackWriter.create(this.#packs, { keys: this.#init.keys });
      await this.#writer.append(bytes.subarray(start, end), frames.slice(first, index + 1));
      start = end;
      first = index + 1;
      if (size >= this.#targetSize || isFull) await this.#roll();
    }
  }

  /** Seals the open pack; all packs are durable and handed over when it resolves. */
  async finish(): Promise<void> {
    if (this.#writer?.isEmpty === false) await this.#roll();
    await this.#sealing;
  }

  /** Gives up the open pack. Packs that were handed over stay. */
  async abort(): Promise<void> {
    await this.#sealing.catch(() => undefined);
    await this.#writer?.abort();
    this.#writer = undefined;
  }

  async #roll(): Promise<void> {
    const writer = this.#writer;
    if (writer === undefined) return;
    await this.#sealing;
    this.#writer = undefined;
    this.#entriesSize = 0;
    this.#chunkCount = 0;
    this.#targetSize = Math.min(this.#targetSize * 2, PACK_TARGET_SIZE_MAX);
    this.#sealing = this.#seal(writer);
    // The failure is thrown by the next call, which awaits it.
    this.#sealing.catch(() => undefined);
  }

  async #seal(writer: PackWriter): Promise<void> {
    let pack: WrittenPack;
    try {
      pack = await writer.seal();
    } catch (error) {
      await writer.abort().catch(() => undefined);
      throw error;
    }
    await this.#init.onPack(pack);
  }
}
