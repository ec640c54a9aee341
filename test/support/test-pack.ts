// SPDX-License-Identifier: GPL-2.0-or-later
// A file with all its hashes, as a site has it before it tells its core.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { EndPoint, FetchRequest, SharedPack } from '../../src/core/core.ts';
import { hashFile } from '../../src/native/file-hasher.ts';
import { testBytes } from './test-bytes.ts';

export interface TestPack extends SharedPack {
  readonly bytes: Buffer;
  readonly partSha256: Buffer;
}

/** Writes a file of that size into the folder; the seed makes it differ from others. */
export async function makeTestPack(folder: string, size: number, seed: number): Promise<TestPack> {
  const bytes = testBytes(size, seed);
  const path = join(folder, `pack-${seed}`);
  await writeFile(path, bytes);
  const { fileHash, partHashes, aichRoot, sha256 } = await hashFile(path);
  return {
    bytes,
    path,
    size,
    fileHash: fileHash.toString('hex'),
    partHashes,
    aichRoot,
    partSha256: sha256,
  };
}

/** What another site asks its core for to get the pack into its folder. */
export function fetchOf(
  pack: TestPack,
  folder: string,
  sources: readonly EndPoint[],
): FetchRequest & { readonly path: string } {
  const { size, fileHash, partHashes, aichRoot, partSha256 } = pack;
  const name = `fetched-${fileHash.slice(0, 8)}`;
  return {
    name,
    path: join(folder, name),
    size,
    fileHash,
    partHashes,
    aichRoot,
    partSha256,
    sources,
    priority: 'normal',
  };
}
