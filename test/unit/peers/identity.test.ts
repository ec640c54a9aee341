// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { X509Certificate, generateKeyPairSync, verify } from 'node:crypto';
import { join } from 'node:path';
import { test } from 'node:test';
import { publicSealingKey } from '../../../src/dataset/sealing-key.ts';
import { publicKeyFromRaw } from '../../../src/dataset/signing-key.ts';
import { decodeSiteRecord, parseSiteCard } from '../../../src/dataset/site-record.ts';
import { selfSignedCertificate, tlsKeyHash } from '../../../src/peers/certificate.ts';
import { Identity } from '../../../src/peers/identity.ts';
import { PrivateFolder } from '../../../src/store/private-folder.ts';
import { MemoryKeyFiles } from '../../support/memory-tables.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const ADDRESS = {
  name: 'Lab-1',
  host: 'lab.example.org',
  port: 4710,
  ed2kHost: '192.0.2.7',
  ed2kPort: 4662,
};

test('an identity comes back from its files, and its card tells its keys', async (context) => {
  const files = new PrivateFolder(join(temporaryFolder(context), 'identity'));
  const made = await Identity.create({ files }, ADDRESS);
  const loaded = await Identity.load({ files });
  assert.equal(loaded.siteId, made.siteId);
  assert.equal(loaded.card, made.card);
  assert.deepEqual(loaded.tls, made.tls);
  const record = decodeSiteRecord(parseSiteCard(made.card));
  assert.equal(record.siteId, made.siteId);
  assert.equal(record.version, 1);
  for (const [field, value] of Object.entries(ADDRESS)) {
    assert.equal(record[field as keyof typeof ADDRESS], value);
  }
  const message = Buffer.from('message');
  const key = publicKeyFromRaw(record.signingKey);
  assert.ok(verify(null, message, key, loaded.signer.sign(message)));
  assert.deepEqual(publicSealingKey(loaded.sealingKey), record.sealingKey);
  const certificate = new X509Certificate(loaded.tls.cert);
  assert.deepEqual(tlsKeyHash(certificate.publicKey), record.tlsKey);
  await assert.rejects(Identity.create({ files }, ADDRESS), { code: 'ERR_HOME_EXISTS' });
});

test('the certificate is valid X.509 that its own key signed, the same each time', () => {
  const { privateKey } = generateKeyPairSync('ed25519');
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  const text = selfSignedCertificate(pem, 'muleplex test');
  const certificate = new X509Certificate(text);
  assert.ok(certificate.verify(certificate.publicKey));
  assert.ok(certificate.checkIssued(certificate));
  assert.equal(certificate.subject, 'CN=muleplex test');
  assert.equal(new Date(certificate.validFrom).getUTCFullYear(), 1970);
  assert.equal(new Date(certificate.validTo).getUTCFullYear(), 2049);
  assert.equal(selfSignedCertificate(pem, 'muleplex test'), text);
  const long = new X509Certificate(selfSignedCertificate(pem, 'x'.repeat(300)));
  assert.ok(long.verify(long.publicKey));
});

test('a new address makes a record of the next version; the same one does not', async () => {
  const files = new MemoryKeyFiles();
  const identity = await Identity.create({ files }, ADDRESS);
  const first = identity.recordBytes;
  assert.equal(await identity.update({ ...ADDRESS }), false);
  assert.equal(identity.recordBytes, first);
  assert.equal(await identity.update({ ...ADDRESS, host: '192.0.2.9' }), true);
  const record = decodeSiteRecord(identity.recordBytes);
  assert.equal(record.version, 2);
  assert.equal(record.host, '192.0.2.9');
  assert.equal((await Identity.load({ files })).record.version, 2);
});

test('an address that no record can carry is refused', async () => {
  const files = new MemoryKeyFiles();
  const wrong = [
    { name: '' },
    { name: 'a b' },
    { host: '' },
    { host: 'a_b' },
    { host: 'a'.repeat(300) },
    { port: 0 },
    { port: 65_536 },
    { port: 1.5 },
    { ed2kHost: 'lab.example.org' },
    { ed2kHost: '1.2.3.256' },
    { ed2kPort: -1 },
  ];
  for (const change of wrong) {
    await assert.rejects(Identity.create({ files }, { ...ADDRESS, ...change }), {
      code: 'ERR_ARGUMENT_INVALID',
    });
  }
  assert.equal(files.files.size, 0);
});

test('an identity with a missing, damaged or foreign file is refused', async () => {
  const files = new MemoryKeyFiles();
  await Identity.create({ files }, ADDRESS);
  const other = new MemoryKeyFiles();
  await Identity.create({ files: other }, ADDRESS);
  for (const [name, bytes] of [...files.files]) {
    for (const wrong of [undefined, other.files.get(name), Buffer.from('rubbish')]) {
      if (wrong === undefined) files.files.delete(name);
      else files.files.set(name, wrong);
      await assert.rejects(Identity.load({ files }), (error: { code: string }) =>
        ['ERR_HOME_INVALID', 'ERR_ENVELOPE_MALFORMED'].includes(error.code),
      );
    }
    files.files.set(name, bytes);
  }
  await Identity.load({ files });
});
