// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  envelopeSizeMax,
  openEnvelope,
  sealEnvelope,
  sealRootEnvelope,
} from '../../../src/dataset/envelope.ts';
import { idBytes, siteIdOf } from '../../../src/dataset/ids.ts';
import {
  createSigner,
  privateKeyFromSeed,
  publicKeyFromRaw,
} from '../../../src/dataset/signing-key.ts';
import { refuses } from '../../support/refuses.ts';
import * as samples from '../../support/samples.ts';

const { SIGNER, SITE_ID, ROOT_SIGNER, ROOT_KEY, sampleKeyOf } = samples;
const PAYLOAD = Buffer.from('any payload');
const SEALED = sealEnvelope('receipt', PAYLOAD, SIGNER);
/** Offsets of the layout. */
const [TYPE, ALGORITHM, ZERO, SIGNER_AT, SIGNATURE, LENGTH] = [5, 6, 7, 8, 40, 104];

function changed(offset: number, byte: number): Buffer {
  const bytes = Buffer.from(SEALED);
  bytes[offset] = byte;
  return bytes;
}

test('an envelope opens to the payload and its signer', () => {
  const { signer, payload, signature, rootKey } = openEnvelope('receipt', SEALED, sampleKeyOf);
  assert.equal(signer, SITE_ID);
  assert.deepEqual(payload, PAYLOAD);
  assert.equal(signature.length, 64);
  assert.equal(rootKey, null);
  assert.deepEqual(sealEnvelope('receipt', PAYLOAD, SIGNER), SEALED);
});

test('what a root key signed proves itself', () => {
  const sealed = sealRootEnvelope('siteRecord', PAYLOAD, ROOT_SIGNER, ROOT_KEY);
  const { signer, rootKey } = openEnvelope('siteRecord', sealed, () => assert.fail('not asked'));
  assert.equal(signer, SITE_ID);
  assert.deepEqual(rootKey, ROOT_KEY);
});

test('a wrong layout is malformed', () => {
  const bad = [
    changed(0, 0x6d),
    changed(4, 2),
    changed(TYPE, 2),
    changed(ALGORITHM, 0),
    changed(ALGORITHM, 2),
    changed(ALGORITHM, 3),
    changed(ZERO, 1),
    changed(LENGTH, PAYLOAD.length - 1),
    changed(LENGTH, PAYLOAD.length + 1),
    changed(LENGTH + 3, 0xff),
    Buffer.concat([SEALED, Buffer.alloc(1)]),
  ];
  for (const bytes of bad) {
    refuses('ERR_ENVELOPE_MALFORMED', () => openEnvelope('receipt', bytes, sampleKeyOf));
  }
  for (let length = 0; length < SEALED.length; length += 1) {
    const cut = SEALED.subarray(0, length);
    refuses('ERR_ENVELOPE_MALFORMED', () => openEnvelope('receipt', cut, sampleKeyOf));
  }
});

test('an unknown signer is refused, and so is every changed bit of signature and payload', () => {
  refuses('ERR_PEER_UNKNOWN', () => openEnvelope('receipt', changed(SIGNER_AT, 0), sampleKeyOf));
  for (let offset = SIGNATURE; offset < SEALED.length; offset += 1) {
    if (offset >= LENGTH && offset < LENGTH + 4) continue;
    const bytes = changed(offset, (SEALED[offset] ?? 0) ^ 0x10);
    refuses('ERR_SIGNATURE_INVALID', () => openEnvelope('receipt', bytes, sampleKeyOf));
  }
});

test('a signature counts for its type and its signer only', () => {
  const asOtherType = changed(TYPE, 6);
  refuses('ERR_SIGNATURE_INVALID', () => openEnvelope('commit', asOtherType, sampleKeyOf));
  // A site that claims the signing key of another cannot claim what that one signed.
  const thief = samples.OTHER_SITE_ID;
  const stolen = Buffer.from(SEALED);
  idBytes(thief).copy(stolen, SIGNER_AT);
  const keyOfAll = (): ReturnType<typeof publicKeyFromRaw> => publicKeyFromRaw(samples.SIGNING_KEY);
  refuses('ERR_SIGNATURE_INVALID', () => openEnvelope('receipt', stolen, keyOfAll));
});

test('a root key of another site is refused', () => {
  const seed = samples.fixedBytes('another root');
  const sealed = sealRootEnvelope('siteRecord', PAYLOAD, ROOT_SIGNER, ROOT_KEY);
  seed.copy(sealed, SIGNER_AT + 32);
  refuses(
    'ERR_ENVELOPE_MALFORMED',
    () => openEnvelope('siteRecord', sealed, sampleKeyOf),
    /another/,
  );
  const other = createSigner(siteIdOf(seed), privateKeyFromSeed(seed));
  assert.throws(() => sealRootEnvelope('siteRecord', PAYLOAD, other, ROOT_KEY));
});

test('a payload above the bound of its type is not signed and not taken', () => {
  const tooLong = Buffer.alloc(513);
  assert.throws(() => sealEnvelope('receipt', tooLong, SIGNER), assert.AssertionError);
  assert.equal(
    sealEnvelope('receipt', Buffer.alloc(512), SIGNER).length + 32,
    envelopeSizeMax('receipt'),
  );
  const sealed = sealEnvelope('commit', tooLong, SIGNER);
  sealed[TYPE] = 4;
  refuses('ERR_ENVELOPE_MALFORMED', () => openEnvelope('receipt', sealed, sampleKeyOf), /513/);
});
