// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeBencode, encodeBencode, type Bencode } from '../../../src/bytes/bencode.ts';
import { encodeDescriptor, packIdOf } from '../../../src/dataset/descriptor.ts';
import { packIdFromBytes, type PackId } from '../../../src/dataset/ids.ts';
import {
  applyPackSet,
  decodeBody,
  encodeBody,
  packSetRoot,
  type ManifestBody,
} from '../../../src/dataset/manifest.ts';
import { refuses } from '../../support/refuses.ts';
import { BODY, LARGE_PACK, SMALL_PACK, sampleDescriptor } from '../../support/samples.ts';

const REMOVED = packIdFromBytes(Buffer.alloc(32, 9));
const KEPT = packIdFromBytes(Buffer.alloc(32, 1));

function bodyFrom(parent: Set<PackId>, change: Partial<ManifestBody>): ManifestBody {
  const body = { ...BODY, packsRemoved: [], packsAdded: [], ...change };
  const ids = new Set(parent);
  for (const id of body.packsRemoved) ids.delete(id);
  for (const descriptor of body.packsAdded) ids.add(packIdOf(descriptor));
  return { ...body, packSetRoot: packSetRoot(ids) };
}

test('a body with a field that breaks its rule is refused', () => {
  const fields = decodeBencode(encodeBody(BODY), { sizeMax: 100_000 }) as ReadonlyMap<
    string,
    Bencode
  >;
  const recipe = fields.get('rc') as ReadonlyMap<string, Bencode>;
  const forged = (change: Record<string, Bencode>): Buffer =>
    encodeBencode(new Map([...fields, ...Object.entries(change)]));
  const root = (change: Record<string, Bencode>): Record<string, Bencode> => ({
    rc: new Map([...recipe, ...Object.entries(change)]),
  });
  decodeBody(forged({ Zz: 1 }));
  const check = Buffer.alloc(32);
  const changes: Record<string, Bencode>[] = [
    { v: 2 },
    { zz: 1 },
    { ab: -1 },
    { ps: Buffer.alloc(31) },
    { pr: Buffer.alloc(64) },
    { rt: Buffer.alloc(33) },
    { pa: [1] },
    { pa: [encodeDescriptor(SMALL_PACK), encodeDescriptor(SMALL_PACK)] },
    { pa: [encodeDescriptor(SMALL_PACK), encodeDescriptor({ ...SMALL_PACK, keyEpoch: 8 })] },
    { ke: [] },
    { ke: [[1]] },
    {
      ke: [
        [0, check],
        [0, check],
      ],
    },
    { ke: [[0, Buffer.alloc(31)]] },
    { ke: [[2 ** 32, check]] },
    { rc: 1 },
    root({ n: 4 }),
    root({ c: Buffer.alloc(0) }),
    root({ c: Buffer.alloc(36) }),
    root({ c: Buffer.alloc(35) }),
    root({ c: Buffer.alloc(36 * 4_097, 1) }),
    root({ l: 0 }),
    root({ d: Buffer.alloc(31) }),
    root({ Zz: 1 }),
  ];
  for (const change of changes) {
    refuses('ERR_MANIFEST_MALFORMED', () => decodeBody(forged(change)));
  }
});

test('a descriptor in a body that is none is refused as a pack', () => {
  const fields = decodeBencode(encodeBody(BODY), { sizeMax: 100_000 }) as ReadonlyMap<
    string,
    Bencode
  >;
  const bytes = encodeBencode(new Map([...fields, ['pa', [Buffer.from('de')]]]));
  refuses('ERR_PACK_MALFORMED', () => decodeBody(bytes));
});

test('the pack set is the parent without the removed and with the added packs', () => {
  const parent = new Set([REMOVED, KEPT]);
  const body = bodyFrom(parent, { packsRemoved: [REMOVED], packsAdded: [LARGE_PACK] });
  assert.deepEqual(applyPackSet(parent, body), new Set([KEPT, packIdOf(LARGE_PACK)]));
  assert.deepEqual(packSetRoot([REMOVED, KEPT]), packSetRoot([KEPT, REMOVED]));
});

test('a pack set that does not follow from its parent is refused', () => {
  const parent = new Set([KEPT, packIdOf(LARGE_PACK)]);
  const notThere = bodyFrom(parent, { packsRemoved: [REMOVED] });
  const again = bodyFrom(parent, { packsAdded: [LARGE_PACK] });
  const fine = bodyFrom(parent, { packsAdded: [SMALL_PACK] });
  const replaced = bodyFrom(parent, {
    packsRemoved: [packIdOf(LARGE_PACK)],
    packsAdded: [LARGE_PACK],
  });
  applyPackSet(parent, fine);
  for (const body of [notThere, again, replaced, { ...fine, packSetRoot: Buffer.alloc(32) }]) {
    refuses('ERR_MANIFEST_MALFORMED', () => applyPackSet(parent, body));
  }
  const before = new Set([packIdOf(SMALL_PACK)]);
  refuses('ERR_MANIFEST_MALFORMED', () => applyPackSet(parent, fine, before), /is or was/);
  const many = new Set(
    Array.from({ length: 4_096 }, (_, index) => {
      const id = Buffer.alloc(32);
      id.writeUInt32LE(index);
      return packIdFromBytes(id);
    }),
  );
  const tooMany = bodyFrom(many, { packsAdded: [SMALL_PACK] });
  refuses('ERR_MANIFEST_MALFORMED', () => applyPackSet(many, tooMany), /too large/);
});

test('a manifest of 500 GB of new data stays below 10 MB', () => {
  const packSize = 2 ** 30;
  const packsAdded = Array.from({ length: 466 }, (_, index) =>
    sampleDescriptor(packSize, `pack ${index}`),
  );
  // A recipe of 7.6 million chunks is 275 MB: 4,196 chunks of 64 KiB, one level.
  const chunks = Array.from({ length: 4_096 }, (_, index) => ({
    id: Buffer.alloc(32, index),
    length: 65_536,
  }));
  const body = bodyFrom(new Set(), {
    packsAdded,
    recipe: { ...BODY.recipe, chunks, length: 275_000_000 },
  });
  const bytes = encodeBody(body);
  const parts = packsAdded.reduce((sum, pack) => sum + pack.partSha256.length / 32, 0);
  assert(parts * 9_728_000 >= 500e9, `${parts} parts`);
  assert(bytes.length < 3_000_000, `${bytes.length} bytes`);
  assert.deepEqual(decodeBody(bytes), body);
  assert.equal(applyPackSet(new Set(), decodeBody(bytes)).size, 466);
});
