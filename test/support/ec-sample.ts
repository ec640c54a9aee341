// SPDX-License-Identifier: GPL-2.0-or-later
// An EC packet with every type of value and two levels of children: events of the control surface.
import { MULEPLEX_TAG as TAG } from '../../src/ec/muleplex-tags.ts';
import { MULEPLEX_OP } from '../../src/ec/opcodes.ts';
import { addressTag, bytesTag, hashTag, intTag, textTag } from '../../src/ec/tag.ts';
import type { EcPacket } from '../../src/ec/tag.ts';

const FILE = hashTag(TAG.FILE, '00112233445566778899aabbccddeeff');
const SOURCE = addressTag(TAG.SOURCE, { host: '10.1.2.3', port: 4662 });

export const EC_PACKET: EcPacket = {
  opcode: MULEPLEX_OP.EVENTS,
  tags: [
    intTag(TAG.BOOT, 2n ** 63n),
    intTag(TAG.LAST_SEQ, 3),
    intTag(TAG.EVENT, 1, [intTag(TAG.EVENT_KIND, 1), FILE, intTag(TAG.PART, 70_000)]),
    intTag(TAG.EVENT, 2, [
      intTag(TAG.EVENT_KIND, 2),
      FILE,
      intTag(TAG.PART, 1),
      { ...SOURCE, children: [bytesTag(TAG.PATH, Buffer.from('/x'))] },
      textTag(TAG.TEXT, 'sha256'),
    ]),
    intTag(TAG.EVENT, 3, [intTag(TAG.EVENT_KIND, 3), FILE, bytesTag(TAG.PATH, Buffer.from('/x'))]),
  ],
};
