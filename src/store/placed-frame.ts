// SPDX-License-Identifier: GPL-2.0-or-later
// Frames of packs that chunks are read from, and how many of them one call decodes.
import { NATIVE_BATCH_BYTES_MAX, NATIVE_BATCH_ITEMS_MAX } from '../base/limits.ts';
import { ReplicationError } from '../base/errors.ts';
import type { FrameToDecode } from '../native/frame.ts';
import type { ChunkPlace } from './chunk-index.ts';
import type { FramePlace } from './pack-index.ts';

/** A frame to decode. */
export interface PlacedFrame extends ChunkPlace {
  readonly place: FramePlace;
}

/** A frame, and which of the wanted chunks it holds. */
export interface WantedFrame extends PlacedFrame {
  /** Names the frame in the set. */
  readonly key: string;
  readonly chunks: { readonly wantedIndex: number; readonly start: number; readonly end: number }[];
}

/** Its bytes are of several chunks, or need some. */
export function isGroup({ page, frameIndex, place }: WantedFrame): boolean {
  return page.chunkCountOf(frameIndex) > 1 || place.baseIds.length > 0;
}

/** A base is stored without bases: ERR_PACK_MALFORMED. */
export function refuseBases({ packId, place: { baseIds, offset } }: PlacedFrame): void {
  if (baseIds.length === 0) return;
  throw new ReplicationError(
    'ERR_PACK_MALFORMED',
    `pack ${packId} has a base at offset ${offset} that needs bases itself`,
    { packId, offset },
  );
}

export function toDecode({ place }: PlacedFrame, path: string): FrameToDecode {
  const { offset, length } = place;
  return { ...place, frame: { path: Buffer.from(path), offset, length } };
}

/** Runs of frames of one key epoch, within the limits of a call of the addon. */
export function* batchesOf(frames: readonly WantedFrame[]): Generator<WantedFrame[]> {
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
export function failedIndex(error: unknown): number | undefined {
  if (error instanceof ReplicationError) {
    const { index } = error.details;
    return typeof index === 'number' ? index : undefined;
  }
  if (error instanceof Error && 'index' in error) return Number(error.index);
  return undefined;
}
