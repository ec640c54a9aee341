// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { hasCode } from '../../../src/base/errors.ts';
import { EC_TAG_DEPTH_MAX } from '../../../src/base/limits.ts';
import { EC_OP } from '../../../src/ec/opcodes.ts';
import { decodePacket, encodePacket } from '../../../src/ec/packet.ts';
import type { NumberForm } from '../../../src/ec/packet.ts';
import {
  EC_TYPE,
  addressTag,
  bytesTag,
  emptyTag,
  hashTag,
  intTag,
  textTag,
} from '../../../src/ec/tag.ts';
import type { EcPacket, EcTag } from '../../../src/ec/tag.ts';
import { TagView } from '../../../src/ec/tag-view.ts';
import { EC_TAG } from '../../../src/ec/tags.ts';
import { readUtf8Number, writeUtf8Number } from '../../../src/ec/utf8-number.ts';

/** The login request of Debian's amulecmd 2.3.3 (captured), behind its 8-byte header. */
const LOGIN = Buffer.from(
  '0205c8800609616d756c65636d6400c8820606322e332e330004030202041801001a0100',
  'hex',
);

const FORMS: readonly NumberForm[] = ['plain', 'utf8'];

function tagsOf(depth: number): fc.Arbitrary<EcTag> {
  return fc.record(
    {
      id: fc.integer({ min: 0, max: 0x7fff }),
      type: fc.integer({ min: 0, max: 0xff }),
      data: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
      children: depth === 0 ? fc.constant([]) : fc.array(tagsOf(depth - 1), { maxLength: 3 }),
    },
    { noNullPrototype: true },
  );
}

const packetArbitrary: fc.Arbitrary<EcPacket> = fc.record(
  { opcode: fc.integer({ min: 0, max: 0xff }), tags: fc.array(tagsOf(3), { maxLength: 5 }) },
  { noNullPrototype: true },
);

function malformed(action: () => unknown): void {
  assert.throws(action, (error) => hasCode(error, 'ERR_EC_MALFORMED'));
}

describe('an EC packet', () => {
  it('is written as amulecmd writes it', () => {
    const packet = decodePacket(LOGIN, 'utf8');
    assert.equal(packet.opcode, EC_OP.AUTH_REQ);
    const view = TagView.of(packet);
    assert.equal(view.need(EC_TAG.CLIENT_NAME).text(), 'amulecmd');
    assert.equal(view.need(EC_TAG.CLIENT_VERSION).text(), '2.3.3');
    assert.equal(view.need(EC_TAG.PROTOCOL_VERSION).int(), 0x0204);
    assert.equal(view.need(EC_TAG.CAN_ZLIB).bytes().length, 0);
    assert.deepEqual(encodePacket(packet, 'utf8'), LOGIN);
  });

  it('counts the children of children in its lengths as aMule does', () => {
    // FILE { PART 7, SOURCES { ADDRESS } }: 2 bytes for the count of the inner children, not the
    // outer.
    const inner = emptyTag(2, [addressTag(3, { host: '127.0.0.2', port: 4662 })]);
    const packet = { opcode: 1, tags: [hashTag(1, 'ab'.repeat(16), [intTag(4, 7), inner])] };
    const bytes = encodePacket(packet);
    assert.equal(bytes.readUInt32BE(6), 16 + (7 + 1) + (7 + 2 + 7 + 6));
    assert.deepEqual(decodePacket(bytes), packet);
  });

  it('survives both forms of numbers unchanged', () => {
    fc.assert(
      fc.property(packetArbitrary, fc.constantFrom(...FORMS), (packet, form) => {
        assert.deepEqual(decodePacket(encodePacket(packet, form), form), packet);
      }),
    );
  });

  it('is refused when any of its bytes is missing', () => {
    fc.assert(
      fc.property(packetArbitrary, fc.constantFrom(...FORMS), fc.nat(), (packet, form, cut) => {
        const bytes = encodePacket(packet, form);
        malformed(() => decodePacket(bytes.subarray(0, cut % bytes.length), form));
      }),
    );
  });

  it('is decoded or refused with a code, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(...FORMS), (bytes, form) => {
        try {
          decodePacket(Buffer.from(bytes), form);
        } catch (error) {
          assert.ok(hasCode(error, 'ERR_EC_MALFORMED'));
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('is refused with bytes left over, too many tags, and tags that lie too deep', () => {
    malformed(() => decodePacket(Buffer.concat([LOGIN, Buffer.of(0)]), 'utf8'));
    malformed(() => decodePacket(Buffer.from('01ffff', 'hex')));
    let tag = emptyTag(1);
    for (let depth = 1; depth < EC_TAG_DEPTH_MAX; depth++) tag = emptyTag(1, [tag]);
    assert.doesNotThrow(() => decodePacket(encodePacket({ opcode: 1, tags: [tag] })));
    malformed(() => decodePacket(encodePacket({ opcode: 1, tags: [emptyTag(1, [tag])] })));
  });

  it('is refused when a tag says it has children and has none', () => {
    malformed(() => decodePacket(Buffer.from('01000100030100000000' + '0000', 'hex')));
  });

  it('names the field that is wrong', () => {
    const view = TagView.of({ opcode: 0x0c, tags: [emptyTag(0x0300, [textTag(0x0301, 'x')])] });
    assert.throws(() => view.need(0x0200), {
      message: /EC_OP_STATS\.EC_TAG_STATS_UL_SPEED is miss/,
    });
    assert.throws(() => view.need(0x0300).need(0x0301).int(), {
      message: /EC_OP_STATS\.EC_TAG_PARTFILE\.EC_TAG_PARTFILE_NAME is no whole number/,
    });
  });
});

describe('a tag from outside', () => {
  const view = (tag: EcTag) => TagView.of({ opcode: 1, tags: [tag] }).need(tag.id);

  it('gives numbers of any width, within a range', () => {
    for (const value of [0, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1]) {
      assert.equal(view(intTag(1, value)).int(), value);
    }
    assert.equal(view(intTag(1, 2n ** 64n - 1n)).bigint(), 2n ** 64n - 1n);
    malformed(() => view(intTag(1, 2n ** 53n)).int());
    malformed(() => view(intTag(1, 256)).int(255));
  });

  it('is refused when its type or size is not what it must be', () => {
    malformed(() => view(bytesTag(1, Buffer.of(1))).int());
    malformed(() => view({ ...intTag(1, 1), data: Buffer.of(1, 2) }).int());
    malformed(() => view(intTag(1, 1)).text());
    malformed(() => view({ ...textTag(1, 'x'), data: Buffer.from('x') }).text());
    malformed(() => view(bytesTag(1, Buffer.alloc(16))).hash());
    malformed(() => view({ ...emptyTag(1), type: EC_TYPE.IPV4 }).address());
    malformed(() => view(bytesTag(1, Buffer.alloc(19))).bytes(20));
  });

  it('gives text, hash and address as they were written', () => {
    assert.equal(view(textTag(1, 'grün')).text(), 'grün');
    assert.equal(view(hashTag(1, '00ff'.repeat(8))).hash(), '00ff'.repeat(8));
    const address = { host: '10.0.255.1', port: 65_535 };
    assert.deepEqual(view(addressTag(1, address)).address(), address);
  });
});

describe('a UTF-8 number', () => {
  it('has the bytes of the character with that code', () => {
    for (const code of [0, 0x7f, 0x80, 0x7ff, 0x800, 0xffff, 0x10000, 0x10ffff]) {
      if (code >= 0xd800 && code <= 0xdfff) continue;
      assert.deepEqual(writeUtf8Number(code), Buffer.from(String.fromCodePoint(code), 'utf8'));
    }
  });

  it('is read back, up to 31 bits', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 31 - 1), (value) => {
        const bytes = writeUtf8Number(value);
        assert.deepEqual(readUtf8Number(bytes), { value, size: bytes.length });
        for (let end = 0; end < bytes.length; end++) {
          assert.equal(readUtf8Number(bytes.subarray(0, end)), undefined);
        }
      }),
    );
  });

  it('is refused in a longer form than needed, or without its marks', () => {
    for (const hex of ['c080', 'e08080', 'f0808080', '80', 'fe', 'ff', 'c2c2']) {
      assert.equal(readUtf8Number(Buffer.from(hex, 'hex')), undefined);
    }
  });
});
