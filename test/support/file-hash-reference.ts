// SPDX-License-Identifier: GPL-2.0-or-later
// A second, slow implementation of the hashes of a file, written from aMule's rules in terms of
// byte ranges, to compare the addon with. MD4 comes from hash-wasm.
import { createHash } from 'node:crypto';
import { createMD4 } from 'hash-wasm';
import { BLOCK_SIZE, PART_SIZE } from '../../src/ed2k/constants.ts';
import type { FileHashes } from '../../src/native/file-hasher.ts';

const sha1 = (...pieces: Buffer[]): Buffer =>
  createHash('sha1').update(Buffer.concat(pieces)).digest();

/** A node splits at a multiple of its base; a left child, and the root, give the odd one left. */
function aichNode(data: Buffer, isLeft: boolean): Buffer {
  const base = data.length <= PART_SIZE ? BLOCK_SIZE : PART_SIZE;
  if (data.length <= base) return sha1(data);
  const count = Math.ceil(data.length / base);
  const split = Math.floor((isLeft ? count + 1 : count) / 2) * base;
  return sha1(aichNode(data.subarray(0, split), true), aichNode(data.subarray(split), false));
}

export async function referenceFileHashes(data: Buffer): Promise<FileHashes> {
  const md4 = await createMD4();
  const md4Of = (bytes: Buffer): Buffer => Buffer.from(md4.init().update(bytes).digest('binary'));
  const parts: Buffer[] = [];
  for (let start = 0; start < data.length; start += PART_SIZE) {
    parts.push(data.subarray(start, start + PART_SIZE));
  }
  const partMd4s = parts.map(md4Of);
  // A file that ends with a whole part has one hash more, of nothing.
  if (data.length % PART_SIZE === 0) partMd4s.push(md4Of(Buffer.alloc(0)));
  const [only] = partMd4s;
  const isSmall = data.length < PART_SIZE;
  const sha256 = parts.map((part) => createHash('sha256').update(part).digest());
  return {
    size: data.length,
    fileHash: isSmall && only !== undefined ? only : md4Of(Buffer.concat(partMd4s)),
    partHashes: isSmall ? Buffer.alloc(0) : Buffer.concat(partMd4s),
    aichRoot: aichNode(data, true),
    sha256: Buffer.concat(sha256),
  };
}
