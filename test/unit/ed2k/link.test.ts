// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeBase32, encodeBase32 } from '../../../src/ed2k/base32.ts';
import { formatEd2kLink, parseEd2kLink } from '../../../src/ed2k/link.ts';
import { refuses } from '../../support/refuses.ts';

const HASH = '31D6CFE0D16AE931B73C59D7E0C089C0';
const AICH = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

test('a link as aMule writes it is read', () => {
  const text = `ed2k://|file|a%20b.iso|1234|${HASH}|h=${AICH}|/|sources,192.0.2.1:4662,a.org:1|/`;
  assert.deepEqual(parseEd2kLink(text), {
    name: 'a b.iso',
    size: 1234,
    fileHash: HASH.toLowerCase(),
    aichRoot: decodeBase32(AICH),
    sources: [
      { host: '192.0.2.1', port: 4662 },
      { host: 'a.org', port: 1 },
    ],
  });
  assert.equal(formatEd2kLink(parseEd2kLink(text)), text);
});

test('small letters in hashes and unknown fields are taken', () => {
  const text = `ed2k://|file|a|5|${HASH.toLowerCase()}|h=${AICH.toLowerCase()}|s=http://x/y|/`;
  const link = parseEd2kLink(text);
  assert.equal(link.fileHash, HASH.toLowerCase());
  assert.equal(encodeBase32(link.aichRoot ?? Buffer.alloc(0)), AICH);
  assert.equal(formatEd2kLink(link), `ed2k://|file|a|5|${HASH}|h=${AICH}|/`);
});

test('a hashset in a link must make its file hash', () => {
  const hashes = `${HASH}:${HASH}`;
  const fileHash = '08A5E52BBF46B2E3E7CD0ADF43E63A4F';
  const size = 9_728_000 + 1;
  refuses(
    'ERR_LINK_MALFORMED',
    () => parseEd2kLink(`ed2k://|file|a|${size}|${fileHash}|p=${hashes}|/`),
    /p does not make the file hash/,
  );
  refuses('ERR_LINK_MALFORMED', () => parseEd2kLink(`ed2k://|file|a|5|${HASH}|p=${hashes}|/`));
  refuses('ERR_LINK_MALFORMED', () => parseEd2kLink(`ed2k://|file|a|5|${HASH}|p=xyz|/`));
  const link = parseEd2kLink(`ed2k://|file|a|5|${HASH}|p=${HASH}|/`);
  assert.equal(link.partHashes?.toString('hex'), HASH.toLowerCase());
  assert.match(formatEd2kLink(link), /\|p=31D6/);
});

test('what is no link, or lies in it, is refused', () => {
  const refused = [
    '',
    'ed2k://',
    'http://example.org/',
    `ed2k://|server|192.0.2.1|4661|/`,
    `ed2k://|file|a|5|${HASH}`,
    `ed2k://|file|a|5|${HASH}|`,
    `ed2k://|file||5|${HASH}|/`,
    `ed2k://|file|a||${HASH}|/`,
    `ed2k://|file|a|-5|${HASH}|/`,
    `ed2k://|file|a|0|${HASH}|/`,
    `ed2k://|file|a|274877906945|${HASH}|/`,
    `ed2k://|file|a|5|${HASH.slice(1)}|/`,
    `ed2k://|file|a|5|${HASH.replace('3', 'G')}|/`,
    `ed2k://|file|%zz|5|${HASH}|/`,
    `ed2k://|file|%FF|5|${HASH}|/`,
    `ed2k://|file|a%2Fb|5|${HASH}|/`,
    `ed2k://|file|..|5|${HASH}|/`,
    `ed2k://|file|a%00b|5|${HASH}|/`,
    `ed2k://|file|a%0Ab|5|${HASH}|/`,
    `ed2k://|file|${'a'.repeat(256)}|5|${HASH}|/`,
    `ed2k://|file|a|5|${HASH}|h=ABC|/`,
    `ed2k://|file|a|5|${HASH}|h=${AICH.replace('A', '1')}|/`,
    `ed2k://|file|a|5|${HASH}|/|sources,192.0.2.1|/`,
    `ed2k://|file|a|5|${HASH}|/|sources,192.0.2.1:0|/`,
    `ed2k://|file|a|5|${HASH}|/|sources,192.0.2.1:65536|/`,
    `ed2k://|file|a|5|${HASH}|/|sources,192.0.2.1:1`,
    `ed2k://|file|a|5|${HASH}|/ and more`,
    `ed2k://|file|a|5|${HASH}|/|sources,${'a:1,'.repeat(257)}a:1|/`,
    `ed2k://|file|a|5|${HASH}|${'x'.repeat(300_000)}|/`,
  ];
  for (const text of refused) refuses('ERR_LINK_MALFORMED', () => parseEd2kLink(text));
});

test('a link that cannot be read back is a bug of its maker', () => {
  const bad = { name: 'a/b', size: 5, fileHash: HASH.toLowerCase(), sources: [] };
  assert.throws(() => formatEd2kLink(bad));
});
