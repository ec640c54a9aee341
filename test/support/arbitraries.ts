// SPDX-License-Identifier: GPL-2.0-or-later
// Arbitrary values of the formats, for property tests.
import fc from 'fast-check';
import type { Bencode } from '../../src/bytes/bencode.ts';
import type { ChunkRef } from '../../src/dataset/chunk-list.ts';
import { packIdOf, type PackDescriptor } from '../../src/dataset/descriptor.ts';
import {
  packIdFromBytes,
  siteIdFromBytes,
  snapshotIdFromBytes,
  datasetIdFromBytes,
} from '../../src/dataset/ids.ts';
import type { ManifestHeader } from '../../src/dataset/manifest-header.ts';
import { packSetRoot, type ManifestBody } from '../../src/dataset/manifest.ts';
import type { FrameCodec, FrameEntry } from '../../src/dataset/pack-layout.ts';
import { comparePaths, parentPath } from '../../src/dataset/recipe-path.ts';
import type { Hole, RecipeEntry } from '../../src/dataset/recipe.ts';
import { sampleDescriptor } from './samples.ts';

const SAFE = { min: 0, max: Number.MAX_SAFE_INTEGER };

export function bytes(minLength: number, maxLength = minLength): fc.Arbitrary<Buffer> {
  return fc.uint8Array({ minLength, maxLength }).map((array) => Buffer.from(array));
}

const key = fc.stringMatching(/^[A-Za-z][A-Za-z0-9]{0,15}$/);

export const bencode: fc.Arbitrary<Bencode> = fc.letrec<{ value: Bencode }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.maxSafeInteger(),
    bytes(0, 40),
    fc.array(tie('value'), { maxLength: 4 }),
    fc
      .array(fc.tuple(key, tie('value')), { maxLength: 4 })
      .map((entries) => new Map<string, Bencode>(entries)),
  ),
})).value;

/** Distinct ids, ascending. */
function ids<Id>(fromBytes: (raw: Buffer) => Id, maxLength: number): fc.Arbitrary<Id[]> {
  return fc
    .uniqueArray(bytes(32), { maxLength, selector: (raw) => raw.toString('hex') })
    .map((raws) => raws.sort((a, b) => a.compare(b)).map(fromBytes));
}

const chunk: fc.Arbitrary<ChunkRef> = fc.record(
  { id: bytes(32), length: fc.integer({ min: 1, max: 2 ** 22 }) },
  { noNullPrototype: true },
);

export const descriptor: fc.Arbitrary<PackDescriptor> = fc
  .tuple(
    fc.oneof(
      fc.integer({ min: 1_100, max: 40_000_000 }),
      fc.constantFrom(9_727_999, 9_728_000, 9_728_001, 19_456_000, 2 ** 31),
    ),
    fc.string(),
    fc.integer({ min: 0, max: 0xffff_ffff }),
  )
  .map(([size, label, keyEpoch]) => ({ ...sampleDescriptor(size, label), keyEpoch }));

export const header: fc.Arbitrary<ManifestHeader> = ids(siteIdFromBytes, 48).chain((members) =>
  fc.record(
    {
      datasetId: bytes(32).map(datasetIdFromBytes),
      epoch: fc.integer(SAFE),
      sequence: fc.integer(SAFE),
      parent: fc.option(bytes(32).map(snapshotIdFromBytes)),
      kind: fc.constantFrom('snapshot', 'maintenance'),
      visibility: fc.constantFrom('onStage', 'onCommit'),
      members: fc.constant(members),
      threshold: fc.integer({ min: 0, max: members.length }),
      bodyHash: bytes(32),
      bodySize: fc.integer({ min: 1, max: 2 ** 25 }),
      createdMs: fc.integer(SAFE),
    },
    { noNullPrototype: true },
  ),
);

export const body: fc.Arbitrary<ManifestBody> = fc.record(
  {
    recipe: fc.record(
      {
        levels: fc.integer({ min: 0, max: 3 }),
        chunks: fc.array(chunk, { minLength: 1, maxLength: 5 }),
        length: fc.integer({ ...SAFE, min: 1 }),
        digest: bytes(32),
      },
      { noNullPrototype: true },
    ),
    retained: ids(snapshotIdFromBytes, 4),
    packsAdded: fc.uniqueArray(descriptor, {
      maxLength: 3,
      selector: (pack) => pack.fileHash.toString('hex'),
    }),
    packsRemoved: ids(packIdFromBytes, 4),
    packSetRoot: bytes(32),
    keyEpochs: fc
      .uniqueArray(fc.tuple(fc.integer({ min: 0, max: 0xffff_ffff }), bytes(32)), {
        minLength: 1,
        maxLength: 4,
        selector: ([epoch]) => epoch,
      })
      .map((pairs) => pairs.sort(([a], [b]) => a - b).map(([epoch, check]) => ({ epoch, check }))),
    fileCount: fc.integer(SAFE),
    contentBytes: fc.integer(SAFE),
    allocatedBytes: fc.integer(SAFE),
  },
  { noNullPrototype: true },
);

/** A body whose root fits an empty parent. */
export const firstBody: fc.Arbitrary<ManifestBody> = body.map((value) => ({
  ...value,
  packsRemoved: [],
  packSetRoot: packSetRoot(value.packsAdded.map(packIdOf)),
}));

const frame: fc.Arbitrary<Omit<FrameEntry, 'offset'>> = fc
  .tuple(
    fc.constantFrom<FrameCodec>(0, 1, 2, 3),
    fc.array(
      fc.record(
        { id: bytes(32), rawLength: fc.integer({ min: 1, max: 2 ** 20 }) },
        { noNullPrototype: true },
      ),
      { minLength: 2, maxLength: 5 },
    ),
    fc.array(bytes(32), { minLength: 1, maxLength: 16 }),
    fc.integer({ min: 0, max: 0xffff_ffff }),
  )
  .map(([codec, several, bases, keyEpoch]) => {
    const chunks = codec >= 2 ? several : several.slice(0, 1);
    const rawLength = chunks.reduce((sum, part) => sum + part.rawLength, 0);
    const stored = codec === 0 ? rawLength : Math.ceil(rawLength / 2);
    return {
      length: 48 + stored,
      codec,
      keyEpoch,
      rawLength,
      baseIds: codec === 3 ? bases : [],
      chunks,
    };
  });

export const trailer: fc.Arbitrary<FrameEntry[]> = fc
  .array(frame, { maxLength: 6 })
  .map((frames) => {
    let offset = 8;
    return frames.map((entry) => {
      const placed = { offset, ...entry };
      offset += entry.length;
      return placed;
    });
  });

const metadata = fc.record(
  {
    mode: fc.integer({ min: 0, max: 0o7777 }),
    uid: fc.integer({ min: 0, max: 0xffff_ffff }),
    gid: fc.integer({ min: 0, max: 0xffff_ffff }),
    mtimeSec: fc.maxSafeInteger(),
    mtimeNsec: fc.integer({ min: 0, max: 999_999_999 }),
    xattrs: fc
      .uniqueArray(fc.tuple(fc.stringMatching(/^user\.[a-z]{1,9}$/), bytes(0, 9)), {
        maxLength: 3,
        selector: ([name]) => name,
      })
      .map((pairs) =>
        pairs
          .map(([name, value]) => ({ name: Buffer.from(name), value }))
          .sort((a, b) => a.name.compare(b.name)),
      ),
  },
  { noNullPrototype: true },
);

/** Holes and data take turns, so holes are never adjacent. */
const content = fc
  .tuple(
    fc.array(fc.tuple(chunk, fc.integer({ min: 1, max: 2 ** 30 })), { maxLength: 4 }),
    fc.boolean(),
  )
  .map(([pairs, hasHoles]) => {
    const holes: Hole[] = [];
    let size = 0;
    for (const [data, gap] of pairs) {
      size += data.length;
      if (!hasHoles) continue;
      holes.push({ offset: size, length: gap });
      size += gap;
    }
    const chunks = pairs.map(([data]) => data);
    return { size, chunks, ...(holes.length > 0 ? { holes } : {}) };
  });

const fileName = bytes(1, 12).filter(
  (name) => !name.includes(0) && !name.includes(0x2f) && !['.', '..'].includes(name.toString()),
);

type Node = Omit<RecipeEntry, 'path'>;

const node: fc.Arbitrary<Node> = fc
  .tuple(
    fc.constantFrom<RecipeEntry['type']>('file', 'folder', 'symlink'),
    metadata,
    content,
    bytes(1, 30).filter((text) => !text.includes(0)),
  )
  .map(([type, common, data, target]) => {
    if (type === 'file') return { type, ...common, ...data };
    const none = { type, ...common, size: 0, chunks: [] };
    return type === 'symlink' ? { ...none, target } : none;
  });

/** Entries of a whole recipe: the root, and paths under folders that exist, in order. */
export const recipe: fc.Arbitrary<RecipeEntry[]> = fc
  .tuple(metadata, fc.array(fc.tuple(fileName, node, fc.nat()), { maxLength: 12 }))
  .map(([rootMetadata, nodes]) => {
    const root: RecipeEntry = {
      path: Buffer.alloc(0),
      type: 'folder',
      ...rootMetadata,
      size: 0,
      chunks: [],
    };
    const entries = [root];
    for (const [name, value, choice] of nodes) {
      const folders = entries.filter(({ type }) => type === 'folder');
      const parent = folders[choice % folders.length]?.path ?? root.path;
      const path = parent.length === 0 ? name : Buffer.concat([parent, Buffer.from('/'), name]);
      if (!entries.some((entry) => entry.path.equals(path))) entries.push({ ...value, path });
    }
    return entries.sort((a, b) => comparePaths(a.path, b.path));
  });

/** True when every entry but the root has its folder before it: what the arbitrary promises. */
export function isTree(entries: readonly RecipeEntry[]): boolean {
  const folders = new Set(
    entries.map(({ type, path }) => (type === 'folder' ? path.toString('hex') : '')),
  );
  return entries.every(({ path }) => folders.has(parentPath(path).toString('hex')));
}

/** A few random changes of bytes: flips, cuts, insertions. */
export const mutation: fc.Arbitrary<(input: Buffer) => Buffer> = fc
  .array(fc.tuple(fc.constantFrom('set', 'cut', 'insert', 'drop'), fc.nat(), fc.nat(255)), {
    minLength: 1,
    maxLength: 3,
  })
  .map((steps) => (input) => steps.reduce(mutate, input));

function mutate(input: Buffer, [kind, place, byte]: [string, number, number]): Buffer {
  const offset = input.length === 0 ? 0 : place % input.length;
  const [before, after] = [input.subarray(0, offset), input.subarray(offset)];
  if (kind === 'cut') return before;
  if (kind === 'insert') return Buffer.concat([before, Buffer.from([byte]), after]);
  if (kind === 'drop') return Buffer.concat([before, after.subarray(1)]);
  return Buffer.concat([before, Buffer.from([byte]), after.subarray(1)]);
}
