// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hasCode } from '../../../src/base/errors.ts';
import * as codec from '../../../src/core/control-codec.ts';
import type { FetchRequest } from '../../../src/core/core.ts';
import { MULEPLEX_TAG as TAG } from '../../../src/ec/muleplex-tags.ts';
import { MULEPLEX_OP as OP } from '../../../src/ec/opcodes.ts';
import { encodePacket } from '../../../src/ec/packet.ts';
import { addressTag, bytesTag, hashTag, intTag, textTag } from '../../../src/ec/tag.ts';
import type { EcTag } from '../../../src/ec/tag.ts';
import { TagView } from '../../../src/ec/tag-view.ts';
import { PART_SIZE } from '../../../src/ed2k/constants.ts';
import { PartBitmap } from '../../../src/ed2k/part-bitmap.ts';

const FILE_HASH = '00112233445566778899aabbccddeeff';
const CLIENT = { host: '10.1.2.3', port: 4662 };

const FETCH: FetchRequest = {
  name: 'pack',
  path: '/home/packs/pack',
  size: PART_SIZE + 1,
  fileHash: FILE_HASH,
  partHashes: Buffer.alloc(32, 1),
  partSha256: Buffer.alloc(64, 2),
  aichRoot: Buffer.alloc(20, 3),
  sources: [CLIENT],
  priority: 'high',
};

function reply(opcode: number, tags: readonly EcTag[]): TagView {
  return TagView.of({ opcode, tags });
}

function malformed(action: () => unknown): void {
  assert.throws(action, (error) => hasCode(error, 'ERR_EC_MALFORMED'));
}

describe('a request of the control surface', () => {
  it('has the bytes of the contract', () => {
    // TRUST_SET 0x61, three tags: SITE_ID 0x181f << 1, 32 bytes; OPEN 0x1820 << 1, u8; CLIENT
    // 0x1800 << 1 | 1, type IPV4, 6 + 2 * (32 + 7), two children: PAIR_KEY 0x181e and SITE_ID;
    // then address and port.
    const client = { ...CLIENT, siteId: Buffer.alloc(32, 2), pairKey: Buffer.alloc(32, 3) };
    const trust = { siteId: Buffer.alloc(32, 1), clients: [client], isOpen: true };
    assert.equal(
      encodePacket(codec.trustRequest(trust)).toString('hex'),
      '61' +
        '0003' +
        '303e' +
        '01' +
        '00000020' +
        '01'.repeat(32) +
        '3040' +
        '02' +
        '00000001' +
        '01' +
        '3001' +
        '08' +
        '00000054' +
        '0002' +
        '303c' +
        '01' +
        '00000020' +
        '03'.repeat(32) +
        '303e' +
        '01' +
        '00000020' +
        '02'.repeat(32) +
        '0a010203' +
        '1236',
    );
    // INVALIDATE 0x69: FILE 0x1801 << 1 | 1, HASH16, 16 + 7 + 1, one child: PART 0x180f u8.
    assert.equal(
      encodePacket(codec.invalidateRequest(FILE_HASH, 5)).toString('hex'),
      '69' +
        '0001' +
        '3003' +
        '09' +
        '00000018' +
        '0001' +
        '301e' +
        '02' +
        '00000001' +
        '05' +
        FILE_HASH,
    );
  });

  it('carries a whole fetch', () => {
    const haveParts = PartBitmap.of(2, [1]);
    const packet = codec.fetchRequest({ ...FETCH, haveParts, seedPath: '/home/old/ä' });
    const file = TagView.of(packet).need(TAG.FILE);
    assert.equal(file.hash(), FILE_HASH);
    assert.equal(file.need(TAG.NAME).text(), 'pack');
    assert.equal(file.need(TAG.PATH).bytes().toString(), '/home/packs/pack');
    assert.equal(file.need(TAG.SIZE).int(), PART_SIZE + 1);
    assert.deepEqual(file.need(TAG.PART_HASHES).bytes(), FETCH.partHashes);
    assert.deepEqual(file.need(TAG.PART_SHA256).bytes(), FETCH.partSha256);
    assert.deepEqual(file.need(TAG.AICH_ROOT).bytes(20), FETCH.aichRoot);
    assert.deepEqual(file.need(TAG.SOURCE).address(), CLIENT);
    assert.equal(file.need(TAG.PRIORITY).int(), 2);
    assert.deepEqual(file.need(TAG.HAVE_PARTS).bytes(), Buffer.of(0b10));
    assert.deepEqual(file.need(TAG.SEED_PATH).bytes(), Buffer.from('/home/old/ä'));
  });

  it('leaves out what is not given', () => {
    const file = TagView.of(codec.fetchRequest(FETCH)).need(TAG.FILE);
    assert.equal(file.find(TAG.HAVE_PARTS), undefined);
    assert.equal(file.find(TAG.SEED_PATH), undefined);
  });

  it('is never made with a hashset of another size or a path that is not absolute', () => {
    const wrong = [{ path: 'x' }, { path: '/x\0' }, { partSha256: Buffer.alloc(32) }];
    for (const change of wrong) {
      assert.throws(() => codec.fetchRequest({ ...FETCH, ...change }), { name: 'AssertionError' });
    }
  });
});

describe('a reply of the control surface', () => {
  it('tells the state of fetches', () => {
    const tags = (state: number, parts: Buffer) => [
      hashTag(TAG.FILE, FILE_HASH, [
        intTag(TAG.STATE, state),
        intTag(TAG.SIZE, PART_SIZE * 9),
        intTag(TAG.BYTES_DONE, 5),
        bytesTag(TAG.HAVE_PARTS, parts),
        bytesTag(TAG.PATH, Buffer.from('/home/x')),
        intTag(TAG.RATE, 7),
      ]),
    ];
    const [state] = codec.readFetches(reply(OP.PARTS, tags(1, Buffer.of(0x81, 0x01))));
    assert.deepEqual(state?.verified.indexes(), [0, 7, 8]);
    assert.deepEqual(
      { ...state, verified: undefined },
      {
        fileHash: FILE_HASH,
        state: 'downloading',
        size: PART_SIZE * 9,
        bytesDone: 5,
        verified: undefined,
        path: '/home/x',
        rate: 7,
      },
    );
    malformed(() => codec.readFetches(reply(OP.PARTS, tags(6, Buffer.of(0, 0)))));
    malformed(() => codec.readFetches(reply(OP.PARTS, tags(1, Buffer.of(0)))));
    malformed(() => codec.readFetches(reply(OP.PARTS, tags(1, Buffer.of(0, 0x02)))));
  });

  it('tells sources, also one whose parts are not known yet', () => {
    const source = addressTag(TAG.SOURCE, CLIENT, [
      intTag(TAG.STATE, 3),
      intTag(TAG.BYTES_DOWN, 2 ** 40),
      intTag(TAG.RATE, 1),
      intTag(TAG.PARTS_DOWN, 2),
      bytesTag(TAG.HAVE_PARTS, Buffer.alloc(0)),
    ]);
    const [state] = codec.readSources(
      reply(OP.SOURCES, [hashTag(TAG.FILE, FILE_HASH, [source])]),
      3,
    );
    assert.equal(state?.state, 'downloading');
    assert.equal(state.bytesDown, 2 ** 40);
    assert.deepEqual(state.have.missing(), [0, 1, 2]);
  });

  it('tells every kind of event, and keeps the number of one it does not know', () => {
    const event = (sequence: number, kind: number, tags: EcTag[]) =>
      intTag(TAG.EVENT, sequence, [intTag(TAG.EVENT_KIND, kind), ...tags]);
    const file = hashTag(TAG.FILE, FILE_HASH);
    const part = intTag(TAG.PART, 3);
    const events = [
      event(1, 1, [file, part]),
      event(2, 2, [file, part, addressTag(TAG.SOURCE, CLIENT), textTag(TAG.TEXT, 'sha256')]),
      event(3, 3, [file, bytesTag(TAG.PATH, Buffer.from('/x'))]),
      event(4, 4, [addressTag(TAG.CLIENT, CLIENT)]),
      event(5, 5, [addressTag(TAG.CLIENT, CLIENT)]),
      event(6, 6, [file, textTag(TAG.TEXT, 'disk')]),
      event(7, 7, [file, part]),
      event(8, 99, []),
    ];
    const head = [intTag(TAG.BOOT, 2n ** 63n), intTag(TAG.LAST_SEQ, 8)];
    const read = codec.readEvents(reply(OP.EVENTS, [...head, ...events]));
    assert.equal(read.boot, 2n ** 63n);
    assert.equal(read.lastSequence, 8);
    assert.deepEqual(
      read.events.map((one) => one.sequence),
      [1, 2, 3, 4, 5, 6, 7, 8],
    );
    const fileHash = FILE_HASH;
    assert.deepEqual(
      read.events.map((one) => one.body),
      [
        { kind: 'partVerified', fileHash, partIndex: 3 },
        { kind: 'partCorrupt', fileHash, partIndex: 3, sources: [CLIENT], hash: 'sha256' },
        { kind: 'fileComplete', fileHash, path: '/x' },
        { kind: 'clientUp', client: CLIENT },
        { kind: 'clientDown', client: CLIENT },
        { kind: 'fileError', fileHash, text: 'disk' },
        { kind: 'partUnavailable', fileHash, partIndex: 3 },
        undefined,
      ],
    );
    malformed(() => codec.readEvents(reply(OP.EVENTS, [...head, event(1, 1, [file])])));
  });
});
