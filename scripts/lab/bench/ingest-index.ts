// SPDX-License-Identifier: GPL-2.0-or-later
// The chunk index alone: index files of packs that never were, opened as a publish opens them, in a
// process that does nothing else.
import { createCipheriv } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createLogger } from '../../../src/base/logger.ts';
import type { PackDescriptor } from '../../../src/dataset/descriptor.ts';
import type { PackId } from '../../../src/dataset/ids.ts';
import {
  FRAME_CODEC,
  FRAME_OVERHEAD,
  PACK_HEADER_SIZE,
  TrailerWriter,
} from '../../../src/dataset/pack-layout.ts';
import { SUPER_FEATURE_COUNT } from '../../../src/native/frame.ts';
import { loadSimilarity } from '../../../src/replication/feature-index.ts';
import { FeatureStore } from '../../../src/store/feature-store.ts';
import { IndexStore } from '../../../src/store/index-store.ts';
import { PackSet } from '../../../src/store/pack-set.ts';
import { PackStore } from '../../../src/store/pack-store.ts';

const PACK_CHUNKS = 16_384;
const FRAME_CHUNKS = 64;
const CHUNK_SIZE = 65_536;
const LOOKUPS = 1_000_000;
const MB = 1e6;

export interface IndexFigures {
  readonly chunks: number;
  /** Of ids and places; of super-features. */
  readonly idSeconds: number;
  readonly similaritySeconds: number;
  readonly bytesPerChunk: number;
  readonly rssMb: number;
  /** Of chunks that follow each other as in a stream. */
  readonly lookupMicroseconds: number;
}

/** Ids and features without pattern, the same for the same pack. */
function noise(pack: number, length: number): Buffer {
  const key = Buffer.alloc(32);
  key.writeUInt32LE(pack);
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(length));
}

function packOf(pack: number): PackId {
  return pack.toString(16).padStart(64, '0') as PackId;
}

async function makePack(stores: Stores, pack: number): Promise<void> {
  const ids = noise(pack, PACK_CHUNKS * 32);
  const trailer = new TrailerWriter();
  const rawLength = FRAME_CHUNKS * CHUNK_SIZE;
  const length = FRAME_OVERHEAD + rawLength / 2;
  for (let frame = 0; frame < PACK_CHUNKS / FRAME_CHUNKS; frame += 1) {
    trailer.add({
      ...{ offset: PACK_HEADER_SIZE + frame * length, length, codec: FRAME_CODEC.zstdGroup },
      ...{ keyEpoch: 0, rawLength, baseIds: [] },
      chunks: Array.from({ length: FRAME_CHUNKS }, (_, index) => {
        const at = (frame * FRAME_CHUNKS + index) * 32;
        return { id: ids.subarray(at, at + 32), rawLength: CHUNK_SIZE };
      }),
    });
  }
  await stores.index.put(packOf(pack), trailer.finish());
  const bytes = noise(pack + 2 ** 31, PACK_CHUNKS * SUPER_FEATURE_COUNT * 4);
  const features = new Uint32Array(bytes.length / 4);
  bytes.copy(Buffer.from(features.buffer));
  await stores.features.put(packOf(pack), features);
}

interface Stores {
  readonly index: IndexStore;
  readonly features: FeatureStore;
}

export async function measureIndex(chunks: number, work: string): Promise<IndexFigures> {
  const folder = join(work, 'index');
  await mkdir(folder);
  const logger = createLogger({ level: 'error' });
  const stores = { index: new IndexStore(folder), features: new FeatureStore(folder), logger };
  const packCount = Math.ceil(chunks / PACK_CHUNKS);
  for (let pack = 0; pack < packCount; pack += 1) await makePack(stores, pack);
  const secrets = { domainSecret: Buffer.alloc(32), epochs: [] };
  const set = new PackSet({ packs: new PackStore(folder), ...stores }, { secrets });
  const startMs = performance.now();
  for (let pack = 0; pack < packCount; pack += 1) {
    // No descriptor is looked at where the index file is whole.
    await set.add(packOf(pack), {} as PackDescriptor);
  }
  const openedMs = performance.now();
  const similarity = await loadSimilarity(stores, set);
  const loadedMs = performance.now();
  const tableBytes = set.tableBytes + similarity.byteLength;
  const lookups = Math.min(LOOKUPS, set.chunkCount);
  const ids: Buffer[] = [];
  for (let first = 0; first < lookups; first += PACK_CHUNKS) {
    ids.push(noise((first * 7) % packCount, PACK_CHUNKS * 32));
  }
  const lookupStartMs = performance.now();
  for (const each of ids) {
    for (let at = 0; at < each.length; at += 32) {
      if (set.find(each, at) < 0) throw new Error('a chunk was not found');
    }
  }
  const lookupMs = performance.now() - lookupStartMs;
  return {
    chunks: set.chunkCount,
    idSeconds: (openedMs - startMs) / 1000,
    similaritySeconds: (loadedMs - openedMs) / 1000,
    bytesPerChunk: tableBytes / set.chunkCount,
    rssMb: process.memoryUsage.rss() / MB,
    lookupMicroseconds: (lookupMs * 1000) / (ids.length * PACK_CHUNKS),
  };
}
