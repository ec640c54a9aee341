// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeAnnouncement } from '../../../src/dataset/announcement.ts';
import { decodeCommit } from '../../../src/dataset/commit.ts';
import { decodeDescriptor } from '../../../src/dataset/descriptor.ts';
import { decodeGenesis } from '../../../src/dataset/genesis.ts';
import { decodeHandover } from '../../../src/dataset/handover.ts';
import { parseDatasetId } from '../../../src/dataset/ids.ts';
import { deriveEpochKeys, openSecrets } from '../../../src/dataset/keys.ts';
import { decodeHeader } from '../../../src/dataset/manifest-header.ts';
import { decodeBody } from '../../../src/dataset/manifest.ts';
import { decodeFooter, decodeTrailer } from '../../../src/dataset/pack-layout.ts';
import { decodeReceipt } from '../../../src/dataset/receipt.ts';
import { RecipeDecoder } from '../../../src/dataset/recipe-decoder.ts';
import { decodeRevocation } from '../../../src/dataset/revocation.ts';
import { decodeSiteRecord, parseSiteCard } from '../../../src/dataset/site-record.ts';
import { readJsonFixture } from '../../support/fixture.ts';
import { openFrame } from '../../support/frame-reference.ts';
import { COMMIT, goldenVectors } from '../../support/golden-vectors.ts';
import * as samples from '../../support/samples.ts';

const { sampleKeyOf } = samples;

interface Vector {
  readonly bytes: string;
}

/** The bytes of a vector, by the path of its keys. */
function bytesOf(file: string, ...keys: string[]): Buffer {
  let value = readJsonFixture(`golden/${file}.json`);
  for (const key of keys) value = (value as Record<string, unknown>)[key];
  return Buffer.from((value as Vector).bytes, 'hex');
}

test('every format has the bytes it was frozen with', async () => {
  for (const [name, vector] of Object.entries(await goldenVectors())) {
    assert.deepEqual(vector, readJsonFixture(`golden/${name}.json`), name);
  }
});

test('the frozen signed records decode to their values', () => {
  const of = (key: string): Buffer => bytesOf('signed-records', key);
  assert.deepEqual(decodeSiteRecord(of('siteRecord')), samples.SITE_RECORD);
  assert.deepEqual(decodeGenesis(of('genesis'), sampleKeyOf).genesis, samples.GENESIS);
  assert.deepEqual(decodeReceipt(of('receipt'), sampleKeyOf).receipt, samples.RECEIPT);
  assert.deepEqual(
    decodeAnnouncement(of('announcement'), sampleKeyOf).announcement,
    samples.ANNOUNCEMENT,
  );
  assert.deepEqual(decodeCommit(of('commit'), sampleKeyOf).commit, COMMIT);
  assert.deepEqual(decodeHandover(of('handover'), sampleKeyOf).handover, samples.HANDOVER);
  assert.deepEqual(decodeRevocation(of('revocation'), sampleKeyOf).revocation, samples.REVOCATION);
  const byRoot = decodeRevocation(of('revocationByRoot'), () => undefined);
  assert.equal(byRoot.revocation.datasetId, null);
  assert.equal(byRoot.signer, samples.SITE_ID);
});

test('the frozen site card leads to the frozen site record', () => {
  const records = readJsonFixture('golden/signed-records.json') as { siteRecord: { card: string } };
  assert.deepEqual(
    parseSiteCard(` ${records.siteRecord.card}\n`),
    bytesOf('signed-records', 'siteRecord'),
  );
});

test('the frozen manifest, pack and recipe decode to their values', () => {
  assert.deepEqual(decodeHeader(bytesOf('manifest', 'header'), sampleKeyOf).header, samples.HEADER);
  assert.deepEqual(decodeBody(bytesOf('manifest', 'body')), samples.BODY);
  assert.deepEqual(decodeDescriptor(bytesOf('pack', 'smallDescriptor')), samples.SMALL_PACK);
  assert.deepEqual(decodeDescriptor(bytesOf('pack', 'largeDescriptor')), samples.LARGE_PACK);
  assert.deepEqual(decodeTrailer(bytesOf('pack', 'trailer')), samples.FRAMES);
  assert.deepEqual(decodeFooter(bytesOf('pack', 'footer')), samples.FOOTER);
  const recipe = readJsonFixture('golden/recipe.json') as { header: string; records: Vector[] };
  const decoder = new RecipeDecoder();
  decoder.push(Buffer.from(recipe.header, 'hex'));
  const entries = recipe.records.flatMap(({ bytes }) => decoder.push(Buffer.from(bytes, 'hex')));
  decoder.end();
  assert.deepEqual(entries, samples.ENTRIES);
});

test('the frozen frames open under the frozen keys', () => {
  const keys = deriveEpochKeys(samples.SECRETS, 7);
  const raw = { codec: 0, keyEpoch: 7, rawLength: 11, baseIds: [] };
  assert.equal(openFrame(keys, raw, bytesOf('pack', 'rawFrame')).toString(), 'hello world');
  const changed = { ...raw, keyEpoch: 8 };
  assert.throws(() => openFrame(keys, changed, bytesOf('pack', 'rawFrame')));
});

test('the frozen sealed secrets open with the key they were sealed to', async () => {
  const { sealed } = readJsonFixture('golden/keys.json') as {
    sealed: { bytes: string; datasetId: string; recipientPrivateKey: string };
  };
  const opened = await openSecrets(
    Buffer.from(sealed.bytes, 'hex'),
    parseDatasetId(sealed.datasetId),
    Buffer.from(sealed.recipientPrivateKey, 'hex'),
  );
  assert.deepEqual(opened, samples.SECRETS);
});
