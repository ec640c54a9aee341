// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { it } from 'node:test';
import { siteIdFromBytes } from '../../../src/dataset/ids.ts';
import { publicSealingKey } from '../../../src/dataset/sealing-key.ts';
import { derivePairKey, type PairSide } from '../../../src/dataset/pair-key.ts';
import { fixedBytes } from '../../support/samples.ts';

function newKey(): Buffer {
  const der = generateKeyPairSync('x25519').privateKey.export({ format: 'der', type: 'pkcs8' });
  return der.subarray(der.length - 32);
}

function sideOf(name: string, key: Buffer, version = 1): PairSide {
  const siteId = siteIdFromBytes(fixedBytes(name));
  return { siteId, version, sealingKey: publicSealingKey(key) };
}

it('two sites derive the same key, and another pair does not', () => {
  const [keyA, keyB, keyC] = [newKey(), newKey(), newKey()];
  const [a, b, c] = [sideOf('a', keyA), sideOf('b', keyB), sideOf('c', keyC)];
  const shared = derivePairKey(a, keyA, b);
  assert.equal(shared?.length, 32);
  assert.deepEqual(derivePairKey(b, keyB, a), shared);
  assert.notDeepEqual(derivePairKey(a, keyA, c), shared);
  assert.notDeepEqual(derivePairKey(b, keyB, c), shared);
});

it('a new record or a new sealing key of either site gives a new key', () => {
  const [keyA, keyB, nextB] = [newKey(), newKey(), newKey()];
  const [a, b] = [sideOf('a', keyA), sideOf('b', keyB)];
  const keys = [
    derivePairKey(a, keyA, b),
    derivePairKey(sideOf('a', keyA, 2), keyA, b),
    derivePairKey(a, keyA, sideOf('b', keyB, 2)),
    derivePairKey(a, keyA, sideOf('b', nextB)),
    derivePairKey(a, keyA, sideOf('another', keyB)),
  ];
  assert.equal(new Set(keys.map((key) => key?.toString('hex'))).size, keys.length);
});

it('a peer whose sealing key is of small order has no key', () => {
  const key = newKey();
  const peer = { ...sideOf('b', newKey()), sealingKey: Buffer.alloc(32) };
  assert.equal(derivePairKey(sideOf('a', key), key, peer), undefined);
});
