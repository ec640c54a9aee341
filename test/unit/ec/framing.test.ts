// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deflateSync } from 'node:zlib';
import { hasCode } from '../../../src/base/errors.ts';
import { EC_FLAG, FrameDecoder, encodeFrame } from '../../../src/ec/framing.ts';
import { encodePacket } from '../../../src/ec/packet.ts';
import { bytesTag, textTag } from '../../../src/ec/tag.ts';
import type { EcPacket } from '../../../src/ec/tag.ts';

const SMALL: EcPacket = { opcode: 0x01, tags: [] };
const LARGE: EcPacket = {
  opcode: 0x06,
  tags: [textTag(0, 'some text, again and again '.repeat(50)), bytesTag(0x7000, Buffer.alloc(200))],
};

function frame(flags: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt32BE(flags);
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
}

/** The same packets in every form in which a core may send them. */
const STREAM = Buffer.concat([
  encodeFrame(SMALL, { utf8Numbers: false }),
  encodeFrame(LARGE, { utf8Numbers: true }),
  frame(EC_FLAG.ALWAYS | EC_FLAG.ZLIB, deflateSync(encodePacket(LARGE))),
  frame(
    EC_FLAG.ALWAYS | EC_FLAG.ZLIB | EC_FLAG.UTF8_NUMBERS,
    deflateSync(encodePacket(SMALL, 'utf8')),
  ),
  encodeFrame(SMALL, { utf8Numbers: true }),
]);
const PACKETS = [SMALL, LARGE, LARGE, SMALL, SMALL];

function decoder(payloadSizeMax = 1_000_000): FrameDecoder {
  return new FrameDecoder({ payloadSizeMax });
}

function malformed(bytes: Buffer, payloadSizeMax?: number): void {
  const action = () => [...decoder(payloadSizeMax).push(bytes)];
  assert.throws(action, (error) => hasCode(error, 'ERR_EC_MALFORMED'));
}

describe('a stream of EC frames', () => {
  it('gives the same packets wherever it is split in two', () => {
    for (let at = 0; at <= STREAM.length; at++) {
      const frames = decoder();
      const packets = [...frames.push(STREAM.subarray(0, at)), ...frames.push(STREAM.subarray(at))];
      assert.deepEqual(packets, PACKETS);
    }
  });

  it('gives the same packets byte by byte', () => {
    const frames = decoder();
    const packets = [...STREAM].flatMap((byte) => [...frames.push(Buffer.of(byte))]);
    assert.deepEqual(packets, PACKETS);
  });

  it('is refused with flags that aMule does not know', () => {
    for (const flags of [0x00, 0x40, 0x60, 0x28, 0x120, 0x80000020]) {
      malformed(frame(flags, encodePacket(SMALL)));
    }
  });

  it('is refused as soon as the header announces too much', () => {
    malformed(Buffer.from('0000002000000065', 'hex'), 100);
  });

  it('is refused when its payload unpacks to too much, or not at all', () => {
    const bomb = deflateSync(Buffer.alloc(2_000_000));
    malformed(frame(EC_FLAG.ALWAYS | EC_FLAG.ZLIB, bomb));
    malformed(frame(EC_FLAG.ALWAYS | EC_FLAG.ZLIB, Buffer.from('not zlib')));
  });
});
