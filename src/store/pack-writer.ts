// SPDX-License-Identifier: GPL-2.0-or-later
// Writes one pack: frames as they come, hashed off-thread while they are written, then the
// encrypted trailer and the footer. The file gets its name when it is durable and its hashes are
// known.
import assert from 'node:assert/strict';
import { packIdOf } from '../dataset/descriptor.ts';
import type { PackDescriptor } from '../dataset/descriptor.ts';
import type { PackId } from '../dataset/ids.ts';
import {
  PACK_FOOTER_SIZE,
  TrailerWriter,
  encodeFooter,
  encodePackHeader,
  packPadding,
} from '../dataset/pack-layout.ts';
import type { FrameCodec, FrameEntry } from '../dataset/pack-layout.ts';
import { PackHasher } from '../native/file-hasher.ts';
import { encodeFrames } from '../native/frame.ts';
import type { FrameEncoderKeys } from '../native/frame.ts';
import type { DiskFile } from './disk.ts';
import type { PackStore } from './pack-store.ts';
import { WriteBehind } from './write-behind.ts';

/** A frame on its way into a pack: its entry, but where it lies. */
export type FrameToStore = Omit<FrameEntry, 'offset'>;

export interface SealedPack {
  readonly packId: PackId;
  readonly descriptor: PackDescriptor;
}

/** With what is to be kept only until it is indexed: 36 bytes a chunk and more. */
export interface WrittenPack extends SealedPack {
  /** Its plaintext. */
  readonly trailer: Buffer;
}

export interface PackWriterInit {
  /** Encrypts the trailer. */
  readonly keys: FrameEncoderKeys;
}

export class PackWriter {
  readonly #packs: PackStore;
  readonly #keys: FrameEncoderKeys;
  readonly #path: string;
  readonly #file: DiskFile;
  readonly #hasher = new PackHasher();
  readonly #trailer = new TrailerWriter();
  readonly #behind: WriteBehind;
  #size = 0;

  private constructor(packs: PackStore, init: PackWriterInit, path: string, file: DiskFile) {
    this.#packs = packs;
    this.#keys = init.keys;
    this.#path = path;
    this.#file = file;
    this.#behind = new WriteBehind((offset, length) => file.startWriteback(offset, length));
  }

  static async create(packs: PackStore, init: PackWriterInit): Promise<PackWriter> {
    const path = packs.newPath();
    const writer = new PackWriter(packs, init, path, await packs.disk.open(path, 'create'));
    await writer.#write(encodePackHeader());
    return writer;
  }

  /** Bytes so far, without trailer and footer. */
  get size(): number {
    return this.#size;
  }

  get isEmpty(): boolean {
    return this.#trailer.frameCount === 0;
  }

  /**
   * Appends frames whose bytes lie end to end in bytes, which are the caller's again when this
   * resolves. Calls must not overlap. After a failure only abort is left to do.
   */
  async append(bytes: Buffer, frames: readonly FrameToStore[]): Promise<void> {
    const length = frames.reduce((sum, frame) => sum + frame.length, 0);
    assert(length === bytes.length, 'the frames are the bytes');
    let offset = this.#size;
    for (const frame of frames) {
      this.#trailer.add({ ...frame, offset });
      offset += frame.length;
    }
    await this.#write(bytes);
  }

  /** Ends the pack; it is durable under its id when this resolves. */
  async seal(): Promise<WrittenPack> {
    const trailer = this.#trailer.finish();
    const encoded = await encodeFrames(this.#keys, [trailer]);
    const [frame] = encoded.frames;
    assert(frame !== undefined, 'one frame for one trailer');
    await this.#write(Buffer.alloc(packPadding(this.#size + frame.length + PACK_FOOTER_SIZE)));
    const trailerOffset = this.#size;
    const { keyEpoch } = this.#keys;
    const footer = encodeFooter({
      trailerOffset,
      trailerLength: frame.length,
      rawLength: frame.rawLength,
      codec: frame.codec as FrameCodec,
      keyEpoch,
    });
    await this.#write(Buffer.concat([frame.frame, footer]));
    await this.#behind.settle();
    await this.#file.close();
    const hashes = await this.#hasher.finish();
    assert(hashes.size === this.#size, 'all bytes are hashed');
    const descriptor: PackDescriptor = {
      size: this.#size,
      fileHash: hashes.fileHash,
      partHashes: hashes.partHashes.length === 0 ? hashes.fileHash : hashes.partHashes,
      aichRoot: hashes.aichRoot,
      partSha256: hashes.sha256,
      trailerOffset,
      trailerLength: frame.length,
      keyEpoch,
    };
    const packId = packIdOf(descriptor);
    await this.#packs.adopt(packId, this.#path);
    return { packId, descriptor, trailer };
  }

  /** Gives the pack up and removes its file; for after a failure too. */
  async abort(): Promise<void> {
    await this.#behind.settle();
    await this.#file.close().catch(() => undefined);
    await this.#packs.disk.remove(this.#path);
  }

  async #write(bytes: Buffer): Promise<void> {
    const offset = this.#size;
    this.#size += bytes.length;
    const done = [this.#file.write(bytes, offset), this.#hasher.update(bytes)];
    const failed = (await Promise.allSettled(done)).find(({ status }) => status === 'rejected');
    if (failed?.status === 'rejected') throw failed.reason;
    this.#behind.wrote(this.#size);
  }
}
