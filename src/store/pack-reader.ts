// SPDX-License-Identifier: GPL-2.0-or-later
// Reads what a pack holds: its footer, then the trailer, decrypted and verified. Nothing of a pack
// is believed that the descriptor or an authenticated frame does not say.
import { ReplicationError } from '../base/errors.ts';
import type { PackDescriptor } from '../dataset/descriptor.ts';
import type { PackId } from '../dataset/ids.ts';
import { deriveEpochKeys } from '../dataset/keys.ts';
import type { DomainSecrets } from '../dataset/keys.ts';
import { PACK_FOOTER_SIZE, decodeFooter, scanTrailer } from '../dataset/pack-layout.ts';
import { partIndexAt } from '../ed2k/part-arithmetic.ts';
import { decodeFrames } from '../native/frame.ts';
import type { PackStore } from './pack-store.ts';

/**
 * The trailer of a pack that lies in the store, decrypted and checked. ERR_PACK_MISSING when it is
 * not here, ERR_PACK_CORRUPT when its bytes are not what was encrypted, ERR_KEY_MISSING.
 */
export async function readTrailer(
  packs: PackStore,
  pack: { readonly packId: PackId; readonly descriptor: PackDescriptor },
  secrets: DomainSecrets,
): Promise<Buffer> {
  const { packId, descriptor } = pack;
  const { trailerOffset, trailerLength, keyEpoch } = descriptor;
  const tail = await readTail(packs, packId, descriptor);
  const keys = deriveEpochKeys(secrets, keyEpoch);
  try {
    const footer = decodeFooter(tail.subarray(trailerLength));
    const isSame =
      footer.trailerOffset === trailerOffset &&
      footer.trailerLength === trailerLength &&
      footer.keyEpoch === keyEpoch;
    if (!isSame) throw new Error('footer and descriptor differ');
    const { codec, rawLength } = footer;
    const item = { frame: tail.subarray(0, trailerLength), codec, keyEpoch, rawLength };
    const [trailer] = await decodeFrames(keys, [item]);
    if (trailer === undefined) throw new Error('no trailer');
    scanTrailer(trailer);
    return trailer;
  } catch (error) {
    throw packCorrupt(packId, trailerOffset, error);
  }
}

/** ERR_PACK_CORRUPT that names pack and part, so that the part can be fetched again. */
export function packCorrupt(packId: PackId, offset: number, cause?: unknown): ReplicationError {
  const partIndex = partIndexAt(offset);
  return new ReplicationError(
    'ERR_PACK_CORRUPT',
    `pack ${packId} is damaged in part ${partIndex}, at offset ${offset}`,
    { packId, partIndex, offset },
    cause,
  );
}

export function packMissing(packId: PackId, cause?: unknown): ReplicationError {
  return new ReplicationError('ERR_PACK_MISSING', `pack ${packId} is not here`, { packId }, cause);
}

/** Trailer and footer. */
async function readTail(
  packs: PackStore,
  packId: PackId,
  descriptor: PackDescriptor,
): Promise<Buffer> {
  const file = await packs.open(packId);
  if (file === undefined) throw packMissing(packId);
  try {
    const length = descriptor.trailerLength + PACK_FOOTER_SIZE;
    const tail = await file.read(length, descriptor.trailerOffset);
    const size = await file.size();
    if (size !== descriptor.size || tail.length !== length) {
      throw packCorrupt(packId, descriptor.trailerOffset);
    }
    return tail;
  } finally {
    await file.close();
  }
}
