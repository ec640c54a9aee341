// SPDX-License-Identifier: GPL-2.0-or-later
// The packs that the benchmark moves: bytes that do not compress, the same in each run.
import { createCipheriv } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { EndPoint, FetchRequest, SharedPack } from '../../../src/core/core.ts';
import { hashFile } from '../../../src/native/file-hasher.ts';

export interface Payload extends SharedPack {
  readonly partSha256: Buffer;
}

const PIECE = Buffer.alloc(16 * 1024 * 1024);

/** Writes that many packs of together `bytes` bytes into the folder and hashes them. */
export async function makePayloads(
  folder: string,
  bytes: number,
  packs: number,
): Promise<readonly Payload[]> {
  const payloads: Payload[] = [];
  for (let index = 0; index < packs; index++) {
    const size = Math.floor((bytes * (index + 1)) / packs) - Math.floor((bytes * index) / packs);
    const path = join(folder, `payload-${packs}-${index}`);
    await writeNoise(path, size, index);
    const { fileHash, partHashes, aichRoot, sha256 } = await hashFile(path);
    const hashes = { fileHash: fileHash.toString('hex'), partHashes, aichRoot, partSha256: sha256 };
    payloads.push({ path, size, ...hashes });
  }
  return payloads;
}

export function fetchRequest(
  payload: Payload,
  folder: string,
  sources: readonly EndPoint[],
): FetchRequest {
  const name = `fetched-${payload.fileHash}`;
  return { ...payload, name, path: join(folder, name), sources, priority: 'normal' };
}

/** AES-CTR over zeros: fast, and like noise. */
async function writeNoise(path: string, size: number, seed: number): Promise<void> {
  const iv = Buffer.alloc(16);
  iv.writeUInt32BE(seed);
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16), iv);
  const file = await open(path, 'w');
  try {
    for (let offset = 0; offset < size; offset += PIECE.length) {
      await file.writeFile(cipher.update(PIECE.subarray(0, Math.min(PIECE.length, size - offset))));
    }
  } finally {
    await file.close();
  }
}
