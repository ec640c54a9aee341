// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { FRAME_RAW_SIZE_MAX, NATIVE_BATCH_ITEMS_MAX } from '../../../src/base/limits.ts';
import { decodeDescriptor, encodeDescriptor, packIdOf } from '../../../src/dataset/descriptor.ts';
import { decodeFooter, decodeTrailer } from '../../../src/dataset/pack-layout.ts';
import { BLOCK_SIZE, PART_SIZE } from '../../../src/ed2k/constants.ts';
import { hashFile } from '../../../src/native/file-hasher.ts';
import { readTrailer } from '../../../src/store/pack-reader.ts';
import { PackSession } from '../../../src/store/pack-session.ts';
import { PackStore } from '../../../src/store/pack-store.ts';
import { PackWriter, type WrittenPack } from '../../../src/store/pack-writer.ts';
import { failAtEachChange } from '../../support/failing-disk.ts';
import { MemoryDisk } from '../../support/memory-disk.ts';
import {
  ENCODER_KEYS,
  framesOf,
  packSet,
  sampleChunks,
  type SampleChunk,
} from '../../support/packs.ts';
import { SECRETS } from '../../support/samples.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

async function writePack(packs: PackStore, chunks: readonly SampleChunk[]): Promise<WrittenPack> {
  const writer = await PackWriter.create(packs, { keys: ENCODER_KEYS });
  const { bytes, frames } = await framesOf(chunks);
  await writer.append(bytes, frames);
  return writer.seal();
}

test('a sealed pack lies under its id and gives its chunks back', async (context) => {
  const packs = new PackStore(temporaryFolder(context));
  const chunks = await sampleChunks([1, 70_000, 300_000, 65_536]);
  const writer = await PackWriter.create(packs, { keys: ENCODER_KEYS });
  for (const chunk of chunks) {
    const { bytes, frames } = await framesOf([chunk]);
    await writer.append(bytes, frames);
  }
  const { packId, descriptor } = await writer.seal();
  assert.deepEqual(await packs.list(), [packId]);
  assert.equal(packId, packIdOf(descriptor));
  assert.deepEqual(decodeDescriptor(encodeDescriptor(descriptor)), descriptor);
  const file = readFileSync(packs.path(packId));
  assert.equal(file.length, descriptor.size);
  assert.equal(await packs.has(packId, descriptor), true);
  assert.equal(statSync(packs.path(packId)).mode & 0o777, 0o600);
  const hashes = await hashFile(packs.path(packId));
  assert.deepEqual(hashes.fileHash, descriptor.fileHash);
  assert.deepEqual(hashes.aichRoot, descriptor.aichRoot);
  assert.deepEqual(createHash('sha256').update(file).digest(), descriptor.partSha256);
  assert.equal(decodeFooter(file.subarray(-32)).trailerOffset, descriptor.trailerOffset);

  const set = packSet(context, packs);
  await Promise.all([set.add(packId, descriptor), set.add(packId, descriptor)]);
  assert.equal(set.chunkCount, chunks.length);
  const wanted = [3, 0, 2, 2, 1].map((index) => chunks[index]);
  const read = await set.readChunks(wanted.map((chunk) => chunk?.id ?? Buffer.alloc(32)));
  assert.deepEqual(
    read,
    wanted.map((chunk) => chunk?.bytes),
  );
});

test('no plaintext and no id of a chunk is in the file of a pack', async (context) => {
  const packs = new PackStore(temporaryFolder(context));
  const chunks = await sampleChunks([5_000, 5_000]);
  const { packId } = await writePack(packs, chunks);
  const file = readFileSync(packs.path(packId));
  for (const { id, bytes } of chunks) {
    assert.equal(file.indexOf(id.subarray(0, 8)), -1);
    assert.equal(file.indexOf(bytes.subarray(0, 16)), -1);
  }
});

test('the last part is longer than one block whenever there are several parts', async (context) => {
  const packs = new PackStore(temporaryFolder(context));
  const first = await writePack(packs, await sampleChunks([5_000_000, 1_000]));
  const overhead = first.descriptor.size - 5_001_000;
  const aims = [-1, 0, 1, BLOCK_SIZE, BLOCK_SIZE + 1, PART_SIZE, PART_SIZE + BLOCK_SIZE + 1];
  for (const aim of aims) {
    const chunks = await sampleChunks([5_000_000, PART_SIZE + aim - overhead - 5_000_000]);
    const pack = await writePack(packs, chunks);
    const { size } = pack.descriptor;
    const isPadded = [0, 1, BLOCK_SIZE, PART_SIZE].includes(aim);
    assert.ok(isPadded ? size > PART_SIZE + aim : size === PART_SIZE + aim, `aim ${aim}: ${size}`);
    assert.ok(size < PART_SIZE || size % PART_SIZE > BLOCK_SIZE, `aim ${aim}: ${size}`);
    const set = packSet(context, packs);
    await set.add(pack.packId, pack.descriptor);
    const read = await set.readChunks(chunks.map((chunk) => chunk.id));
    assert.deepEqual(
      read,
      chunks.map((chunk) => chunk.bytes),
    );
    await packs.remove(pack.packId);
  }
});

test('a session makes packs that double, each handed over when it is durable', async (context) => {
  const packs = new PackStore(temporaryFolder(context));
  const sealed: WrittenPack[] = [];
  const session = new PackSession(packs, {
    keys: ENCODER_KEYS,
    firstTargetSize: 50_000,
    onPack: (pack) => {
      assert.ok(statSync(packs.path(pack.packId)).isFile());
      sealed.push(pack);
      return Promise.resolve();
    },
  });
  const chunks = await sampleChunks(Array.from({ length: 60 }, () => 10_000));
  // In calls of different sizes, one of which fills several packs.
  for (const [start, end] of [
    [0, 1],
    [1, 4],
    [4, 40],
    [40, 60],
  ] as const) {
    const { bytes, frames } = await framesOf(chunks.slice(start, end));
    await session.append(bytes, frames);
  }
  await session.finish();
  await session.finish();
  assert.deepEqual(
    sealed.map((pack) => decodeTrailer(pack.trailer).length),
    [5, 10, 20, 25],
  );
  assert.deepEqual(await packs.list(), sealed.map((pack) => pack.packId).sort());
  const set = packSet(context, packs);
  for (const { packId, descriptor } of sealed) await set.add(packId, descriptor);
  const read = await set.readChunks(chunks.map((chunk) => chunk.id));
  assert.deepEqual(
    read,
    chunks.map((chunk) => chunk.bytes),
  );
});

test('an empty session makes no pack, an aborted one leaves those handed over', async (context) => {
  const packs = new PackStore(temporaryFolder(context));
  const onPack = (): Promise<void> => Promise.resolve();
  await new PackSession(packs, { keys: ENCODER_KEYS, onPack }).finish();
  assert.deepEqual(await packs.list(), []);
  const session = new PackSession(packs, { keys: ENCODER_KEYS, onPack, firstTargetSize: 20_000 });
  const { bytes, frames } = await framesOf(await sampleChunks([15_000, 15_000, 15_000]));
  await session.append(bytes, frames);
  await session.abort();
  assert.equal((await packs.list()).length, 1);
});

test('a pack is under its id whole or not at all, whatever step fails', async () => {
  const chunks = await sampleChunks([5_000, 6_000]);
  const { bytes, frames } = await framesOf(chunks);
  for (const losesPower of [false, true]) {
    let disk = new MemoryDisk('/p');
    let sealed: WrittenPack | undefined;
    const steps = await failAtEachChange(
      async (wrap) => {
        disk = new MemoryDisk('/p');
        sealed = undefined;
        const writer = await PackWriter.create(new PackStore('/p', wrap(disk)), {
          keys: ENCODER_KEYS,
        });
        try {
          await writer.append(bytes, frames);
          sealed = await writer.seal();
        } catch (error) {
          await writer.abort().catch(() => undefined);
          throw error;
        }
      },
      async (isDone) => {
        if (losesPower) disk.cutPower();
        const packs = new PackStore('/p', disk);
        await packs.sweep();
        const [packId, ...others] = await packs.list();
        assert.deepEqual(others, []);
        assert.equal((await disk.list('/p')).length, packId === undefined ? 0 : 1);
        if (isDone) assert.equal(packId, sealed?.packId);
        if (packId === undefined || sealed === undefined) return;
        const { descriptor } = sealed;
        const trailer = await readTrailer(packs, { packId, descriptor }, SECRETS);
        assert.deepEqual(trailer, sealed.trailer);
      },
    );
    assert.ok(steps >= 8, `${steps} steps`);
  }
});

test('a disk that fails ends the session, and nothing of the open pack stays', async (context) => {
  const folder = temporaryFolder(context);
  const chunks = await sampleChunks([40_000, 40_000, 40_000]);
  await failAtEachChange(
    async (wrap) => {
      const packs = new PackStore(folder, wrap(new PackStore(folder).disk));
      const onPack = (): Promise<void> => Promise.resolve();
      const keys = ENCODER_KEYS;
      const session = new PackSession(packs, { keys, onPack, firstTargetSize: 50_000 });
      try {
        for (const chunk of chunks) {
          const { bytes, frames } = await framesOf([chunk]);
          await session.append(bytes, frames);
        }
        await session.finish();
      } catch (error) {
        await session.abort().catch(() => undefined);
        throw error;
      }
    },
    async () => {
      const packs = new PackStore(folder);
      await packs.sweep();
      const names = await packs.disk.list(folder);
      assert.ok(names.every((name) => name.endsWith('.pack')));
      for (const name of names) rmSync(join(folder, name));
    },
  );
});

test('damage is named by pack and part, for trailer and frames alike', async (context) => {
  const packs = new PackStore(temporaryFolder(context));
  const chunks = await sampleChunks([9_000_000, 9_000_000, 50_000]);
  const { packId, descriptor, trailer } = await writePack(packs, chunks);
  const path = packs.path(packId);
  const good = readFileSync(path);
  const flip = (offset: number): void => {
    const bad = Buffer.from(good);
    bad.writeUInt8(bad.readUInt8(offset) ^ 1, offset);
    writeFileSync(path, bad);
  };
  const set = packSet(context, packs);
  await set.add(packId, descriptor);
  const second = decodeTrailer(trailer)[1];
  assert.ok(second !== undefined);
  flip(second.offset + second.length - 100);
  const ids = chunks.map((chunk) => chunk.id);
  const isNamed = (error: { code: string; details: object }): boolean => {
    assert.equal(error.code, 'ERR_PACK_CORRUPT');
    const partIndex = Math.floor(second.offset / PART_SIZE);
    assert.deepEqual(error.details, { packId, partIndex, offset: second.offset });
    return true;
  };
  await assert.rejects(set.readChunks(ids), isNamed);
  const room = Buffer.alloc(FRAME_RAW_SIZE_MAX);
  await assert.rejects(set.readBasesInto(ids.slice(1), room), isNamed);
  const [first = Buffer.alloc(32)] = ids;
  assert.equal((await set.readChunks([first])).length, 1);
  assert.deepEqual(await set.readBasesInto([first], room), [chunks[0]?.bytes]);
  const tails = [
    descriptor.trailerOffset,
    descriptor.trailerOffset + 60,
    good.length - 1,
    good.length - 30,
  ];
  for (const offset of tails) {
    flip(offset);
    await assert.rejects(readTrailer(packs, { packId, descriptor }, SECRETS), {
      code: 'ERR_PACK_CORRUPT',
    });
  }
  writeFileSync(path, good);
  truncateSync(path, good.length - 1);
  await assert.rejects(readTrailer(packs, { packId, descriptor }, SECRETS), {
    code: 'ERR_PACK_CORRUPT',
  });
  assert.equal(await packs.has(packId, descriptor), false);
});

test('one chunk is read any number of times', async (context) => {
  const packs = new PackStore(temporaryFolder(context));
  const chunks = await sampleChunks([100]);
  const { packId, descriptor } = await writePack(packs, chunks);
  const set = packSet(context, packs);
  await set.add(packId, descriptor);
  const id = chunks[0]?.id ?? Buffer.alloc(0);
  const count = NATIVE_BATCH_ITEMS_MAX + 3;
  const read = await set.readChunks(Array.from({ length: count }, () => id));
  assert.equal(read.length, count);
  assert.ok(read.every((bytes) => bytes.equals(chunks[0]?.bytes ?? Buffer.alloc(0))));
});

test('a chunk that its publisher stored under another id is refused', async (context) => {
  const packs = new PackStore(temporaryFolder(context));
  const chunks = await sampleChunks([50_000, 70_000]);
  const wrong = chunks.map(({ bytes }) => ({ bytes, id: Buffer.alloc(32, bytes[0]) }));
  const { packId, descriptor, trailer } = await writePack(packs, [
    ...chunks.slice(0, 1),
    ...wrong.slice(1),
  ]);
  const set = packSet(context, packs);
  await set.add(packId, descriptor);
  const ids = [chunks[0], wrong[1]].map((chunk) => chunk?.id ?? Buffer.alloc(0));
  assert.deepEqual(await set.readChunks(ids.slice(0, 1)), [chunks[0]?.bytes]);
  const offset = decodeTrailer(trailer)[1]?.offset;
  await assert.rejects(set.readChunks(ids), {
    code: 'ERR_PACK_CORRUPT',
    details: { packId, partIndex: 0, offset },
  });
});

test('what is not here is missing, not corrupt', async (context) => {
  const packs = new PackStore(temporaryFolder(context));
  const chunks = await sampleChunks([1_000]);
  const { packId, descriptor } = await writePack(packs, chunks);
  const set = packSet(context, packs);
  await set.add(packId, descriptor);
  await assert.rejects(set.readChunks([Buffer.alloc(32)]), { code: 'ERR_CHUNK_MISSING' });
  await packs.remove(packId);
  await packs.remove(packId);
  const id = chunks[0]?.id ?? Buffer.alloc(32);
  await assert.rejects(set.readChunks([id]), { code: 'ERR_PACK_MISSING' });
  await assert.rejects(readTrailer(packs, { packId, descriptor }, SECRETS), {
    code: 'ERR_PACK_MISSING',
  });
  const [epoch] = SECRETS.epochs;
  assert.ok(epoch !== undefined);
  const poor = { domainSecret: SECRETS.domainSecret, epochs: [epoch] };
  const other = await writePack(packs, chunks);
  await assert.rejects(
    packSet(context, packs, { secrets: poor }).add(other.packId, other.descriptor),
    {
      code: 'ERR_KEY_MISSING',
    },
  );
});

test('a verified file is adopted under its pack id', async (context) => {
  const folder = temporaryFolder(context);
  const packs = new PackStore(folder);
  const { packId, descriptor } = await writePack(packs, await sampleChunks([1_000]));
  const fetched = join(folder, 'fetched.part');
  writeFileSync(fetched, readFileSync(packs.path(packId)));
  await packs.remove(packId);
  await packs.adopt(packId, fetched);
  assert.equal(await packs.has(packId, descriptor), true);
  assert.deepEqual(await packs.list(), [packId]);
});
