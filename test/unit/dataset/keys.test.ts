// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import {
  checkSecrets,
  deriveDomainKeys,
  deriveEpochKeys,
  domainCheckOf,
  epochChecksOf,
  openSecrets,
  sealSecrets,
} from '../../../src/dataset/keys.ts';
import { publicSealingKey } from '../../../src/dataset/sealing-key.ts';
import { datasetIdFromBytes } from '../../../src/dataset/ids.ts';
import { hasCode, ReplicationError } from '../../../src/base/errors.ts';
import { refuses } from '../../support/refuses.ts';
import { DATASET_ID, fixedBytes, SECRETS } from '../../support/samples.ts';

const PRIVATE_KEY = fixedBytes('a private key');
const PUBLIC_KEY = publicSealingKey(PRIVATE_KEY);

async function refusal(opening: Promise<unknown>): Promise<ReplicationError> {
  const error: unknown = await opening.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert(error instanceof ReplicationError, String(error));
  return error;
}

test('sealed secrets open for their site and data set, and differ each time', async () => {
  const sealed = await sealSecrets(SECRETS, DATASET_ID, PUBLIC_KEY);
  assert.deepEqual(await openSecrets(sealed, DATASET_ID, PRIVATE_KEY), SECRETS);
  assert.notDeepEqual(await sealSecrets(SECRETS, DATASET_ID, PUBLIC_KEY), sealed);
});

test('sealed secrets are refused for another site, another data set, or when changed', async () => {
  const sealed = await sealSecrets(SECRETS, DATASET_ID, PUBLIC_KEY);
  const otherDataset = datasetIdFromBytes(fixedBytes('other data set'));
  const changed = [1, 20, 33, 60, sealed.length - 1].map((offset) => {
    const bytes = Buffer.from(sealed);
    bytes[offset] = (bytes[offset] ?? 0) ^ 1;
    return bytes;
  });
  const zeroKey = Buffer.concat([Buffer.from([1]), Buffer.alloc(80)]);
  const attempts = [
    () => openSecrets(sealed, otherDataset, PRIVATE_KEY),
    () => openSecrets(sealed, DATASET_ID, fixedBytes('another key')),
    ...[...changed, zeroKey, Buffer.alloc(70_000, 1)].map(
      (bytes) => () => openSecrets(bytes, DATASET_ID, PRIVATE_KEY),
    ),
  ];
  for (const attempt of attempts) {
    assert.equal((await refusal(attempt())).code, 'ERR_SECRETS_REFUSED');
  }
  for (const length of [0, 1, 32]) {
    const error = await refusal(openSecrets(sealed.subarray(0, length), DATASET_ID, PRIVATE_KEY));
    assert.equal(error.code, 'ERR_SECRETS_MALFORMED');
  }
  const version2 = Buffer.from(sealed);
  version2[0] = 2;
  const error = await refusal(openSecrets(version2, DATASET_ID, PRIVATE_KEY));
  assert.equal(error.code, 'ERR_SECRETS_MALFORMED');
});

test('the X25519 public key is the one Node makes', () => {
  const pair = generateKeyPairSync('x25519');
  const { d, x } = pair.privateKey.export({ format: 'jwk' });
  assert.equal(publicSealingKey(Buffer.from(d ?? '', 'base64url')).toString('base64url'), x);
});

test('every derived key is another one', () => {
  const { idKey, gearKey } = deriveDomainKeys(SECRETS);
  const [first, last] = [deriveEpochKeys(SECRETS, 0), deriveEpochKeys(SECRETS, 7)];
  const keys = [idKey, gearKey, first.encKey, first.sivKey, last.encKey, last.sivKey];
  const checks = [domainCheckOf(SECRETS), ...epochChecksOf(SECRETS).map(({ check }) => check)];
  assert.equal(new Set([...keys, ...checks].map((key) => key.toString('hex'))).size, 9);
  assert(keys.every((key) => key.length === 32));
});

test('an epoch whose secret is not here is a missing key', () => {
  assert.throws(
    () => deriveEpochKeys(SECRETS, 1),
    (error: unknown) => hasCode(error, 'ERR_KEY_MISSING'),
  );
});

test('secrets are checked against what genesis and manifest say of them', () => {
  const [domainCheck, epochChecks] = [domainCheckOf(SECRETS), epochChecksOf(SECRETS)];
  checkSecrets(SECRETS, domainCheck, epochChecks);
  checkSecrets(SECRETS, domainCheck, epochChecks.slice(0, 1));
  const other = { ...SECRETS, domainSecret: fixedBytes('other') };
  refuses('ERR_SECRETS_REFUSED', () => {
    checkSecrets(other, domainCheck, epochChecks);
  });
  const fewer = { ...SECRETS, epochs: SECRETS.epochs.slice(0, 1) };
  refuses(
    'ERR_SECRETS_REFUSED',
    () => {
      checkSecrets(fewer, domainCheck, epochChecks);
    },
    /epoch 7/,
  );
});
