// SPDX-License-Identifier: GPL-2.0-or-later
// A second, slow implementation of frames (docs/formats.md, Frame) on node:crypto, to compare the
// addon with. It takes the bytes to encrypt as they are: compression is not its matter.
import assert from 'node:assert/strict';
import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';
import { BufferWriter } from '../../src/bytes/writer.ts';

const SALT_SIZE = 32;
const TAG_SIZE = 16;
const NONCE = Buffer.alloc(12);

export interface FrameKeys {
  readonly encKey: Buffer;
  readonly sivKey: Buffer;
}

/** What the AAD names. */
export interface FrameHeader {
  readonly codec: number;
  readonly keyEpoch: number;
  readonly rawLength: number;
  readonly baseIds: readonly Buffer[];
}

export function frameAad({ codec, keyEpoch, rawLength, baseIds }: FrameHeader): Buffer {
  const writer = new BufferWriter();
  writer.bytes(Buffer.from('muleplex frame\0', 'latin1')).u8(1).u8(1).u8(codec);
  writer.u32le(keyEpoch).u32le(rawLength).u8(baseIds.length);
  for (const id of baseIds) writer.bytes(id);
  return writer.toBuffer();
}

/** frame = salt[32] | ciphertext | tag[16] */
export function sealFrame(keys: FrameKeys, header: FrameHeader, payload: Buffer): Buffer {
  const aad = frameAad(header);
  const salt = createHmac('sha256', keys.sivKey).update(aad).update(payload).digest();
  const cipher = createCipheriv('aes-256-gcm', frameKey(keys, salt), NONCE).setAAD(aad);
  return Buffer.concat([salt, cipher.update(payload), cipher.final(), cipher.getAuthTag()]);
}

/** The payload; throws when tag or salt do not match. */
export function openFrame(keys: FrameKeys, header: FrameHeader, frame: Buffer): Buffer {
  const salt = frame.subarray(0, SALT_SIZE);
  const decipher = createDecipheriv('aes-256-gcm', frameKey(keys, salt), NONCE)
    .setAAD(frameAad(header))
    .setAuthTag(frame.subarray(-TAG_SIZE));
  const payload = Buffer.concat([
    decipher.update(frame.subarray(SALT_SIZE, -TAG_SIZE)),
    decipher.final(),
  ]);
  assert(sealFrame(keys, header, payload).equals(frame), 'the salt does not match');
  return payload;
}

function frameKey(keys: FrameKeys, salt: Buffer): Buffer {
  return createHmac('sha256', keys.encKey).update('frame').update(salt).digest();
}
