// SPDX-License-Identifier: GPL-2.0-or-later
// One target a parser: what it starts from, and the call that must not fail but by blaming the
// input. Signed records get their mutated payload signed, so that the fuzzer reaches the fields.
import assert from 'node:assert/strict';
import { decodeBencode, encodeBencode } from '../../src/bytes/bencode.ts';
import { readEvents } from '../../src/core/control-codec.ts';
import { decodeAnnouncement, encodeAnnouncement } from '../../src/dataset/announcement.ts';
import { decodeCommit, encodeCommit } from '../../src/dataset/commit.ts';
import { decodeDescriptor, encodeDescriptor } from '../../src/dataset/descriptor.ts';
import {
  openEnvelope,
  sealEnvelope,
  sealRootEnvelope,
  type EnvelopeType,
} from '../../src/dataset/envelope.ts';
import { decodeGenesis, encodeGenesis } from '../../src/dataset/genesis.ts';
import { decodeHandover, encodeHandover } from '../../src/dataset/handover.ts';
import { decodeHeader, encodeHeader } from '../../src/dataset/manifest-header.ts';
import { decodeBody, encodeBody } from '../../src/dataset/manifest.ts';
import {
  decodeFooter,
  decodeTrailer,
  encodeFooter,
  encodeTrailer,
} from '../../src/dataset/pack-layout.ts';
import { decodeReceipt, encodeReceipt } from '../../src/dataset/receipt.ts';
import { RecipeDecoder } from '../../src/dataset/recipe-decoder.ts';
import { encodeRecipeEntry, RECIPE_HEADER } from '../../src/dataset/recipe.ts';
import { decodeRevocation, encodeRevocation } from '../../src/dataset/revocation.ts';
import { decodeSiteRecord, encodeSiteRecord } from '../../src/dataset/site-record.ts';
import { FrameDecoder, encodeFrame } from '../../src/ec/framing.ts';
import { decodePacket, encodePacket } from '../../src/ec/packet.ts';
import { TagView } from '../../src/ec/tag-view.ts';
import { parseEd2kLink } from '../../src/ed2k/link.ts';
import { readJsonFixture } from '../support/fixture.ts';
import { EC_PACKET } from '../support/ec-sample.ts';
import { COMMIT } from '../support/golden-vectors.ts';
import * as samples from '../support/samples.ts';

const { SIGNER, ROOT_SIGNER, ROOT_KEY, sampleKeyOf } = samples;

export interface FuzzTarget {
  readonly seeds: readonly Buffer[];
  /** Throws a ReplicationError of class malformed or refused, or nothing. */
  readonly run: (bytes: Buffer) => void;
}

/** A decoder of unsigned bytes; what it takes must have been the only encoding. */
function plain<T>(
  seed: Buffer,
  decode: (bytes: Buffer) => T,
  encode: (value: T) => Buffer,
): FuzzTarget {
  const run = (bytes: Buffer): void => {
    assert(encode(decode(bytes)).equals(bytes), 'two encodings of one value');
  };
  return { seeds: [seed], run };
}

/** A signed record: the payload is mutated and signed. */
function signed(type: EnvelopeType, seed: Buffer, decode: (bytes: Buffer) => unknown): FuzzTarget {
  const { payload } = openEnvelope(type, seed, sampleKeyOf);
  const run = (bytes: Buffer): void => {
    if (bytes.length > 2 * payload.length) return;
    decode(
      type === 'siteRecord'
        ? sealRootEnvelope(type, bytes, ROOT_SIGNER, ROOT_KEY)
        : sealEnvelope(type, bytes, SIGNER),
    );
  };
  return { seeds: [payload], run };
}

function bencode(): FuzzTarget {
  const refused = Object.keys(readJsonFixture('bencode-refused.json') as object);
  const seeds = refused.map((text) => Buffer.from(text, 'latin1'));
  const limits = { sizeMax: 100_000 };
  const target = plain(
    encodeBody(samples.BODY),
    (bytes) => decodeBencode(bytes, limits),
    encodeBencode,
  );
  return { ...target, seeds: [...target.seeds, ...seeds] };
}

function recipe(): FuzzTarget {
  const seed = Buffer.concat([RECIPE_HEADER, ...samples.ENTRIES.map(encodeRecipeEntry)]);
  const decode = (bytes: Buffer): ReturnType<RecipeDecoder['push']> => {
    const decoder = new RecipeDecoder();
    const entries = decoder.push(bytes);
    decoder.end();
    return entries;
  };
  return plain(seed, decode, (entries) =>
    Buffer.concat([RECIPE_HEADER, ...entries.map(encodeRecipeEntry)]),
  );
}

function link(): FuzzTarget {
  const { text } = readJsonFixture('golden/ed2k-link.json') as { text: string };
  return { seeds: [Buffer.from(text)], run: (bytes) => void parseEd2kLink(bytes.toString()) };
}

export const FUZZ_TARGETS: Readonly<Record<string, FuzzTarget>> = {
  bencode: bencode(),
  envelope: {
    seeds: [encodeReceipt(samples.RECEIPT, SIGNER)],
    run: (bytes) => void openEnvelope('receipt', bytes, sampleKeyOf),
  },
  'site-record': signed(
    'siteRecord',
    encodeSiteRecord(samples.SITE_RECORD, ROOT_SIGNER),
    decodeSiteRecord,
  ),
  genesis: signed('genesis', encodeGenesis(samples.GENESIS, SIGNER), (bytes) =>
    decodeGenesis(bytes, sampleKeyOf),
  ),
  header: signed('manifestHeader', encodeHeader(samples.HEADER, SIGNER), (bytes) =>
    decodeHeader(bytes, sampleKeyOf),
  ),
  receipt: signed('receipt', encodeReceipt(samples.RECEIPT, SIGNER), (bytes) =>
    decodeReceipt(bytes, sampleKeyOf),
  ),
  announcement: signed('announcement', encodeAnnouncement(samples.ANNOUNCEMENT, SIGNER), (bytes) =>
    decodeAnnouncement(bytes, sampleKeyOf),
  ),
  commit: signed('commit', encodeCommit(COMMIT, SIGNER), (bytes) =>
    decodeCommit(bytes, sampleKeyOf),
  ),
  handover: signed('handover', encodeHandover(samples.HANDOVER, SIGNER), (bytes) =>
    decodeHandover(bytes, sampleKeyOf),
  ),
  revocation: signed('revocation', encodeRevocation(samples.REVOCATION, SIGNER), (bytes) =>
    decodeRevocation(bytes, sampleKeyOf),
  ),
  descriptor: plain(encodeDescriptor(samples.LARGE_PACK), decodeDescriptor, encodeDescriptor),
  body: { seeds: [encodeBody(samples.BODY)], run: (bytes) => void decodeBody(bytes) },
  trailer: plain(encodeTrailer(samples.FRAMES), decodeTrailer, encodeTrailer),
  footer: plain(encodeFooter(samples.FOOTER), decodeFooter, encodeFooter),
  recipe: recipe(),
  link: link(),
  'ec-packet': plain(encodePacket(EC_PACKET), decodePacket, encodePacket),
  'ec-packet-utf8': plain(
    encodePacket(EC_PACKET, 'utf8'),
    (bytes) => decodePacket(bytes, 'utf8'),
    (packet) => encodePacket(packet, 'utf8'),
  ),
  'ec-frames': {
    seeds: [false, true].map((utf8Numbers) => encodeFrame(EC_PACKET, { utf8Numbers })),
    run: (bytes) => void Array.from(new FrameDecoder({ payloadSizeMax: 100_000 }).push(bytes)),
  },
  'ec-events': {
    seeds: [encodePacket(EC_PACKET)],
    run: (bytes) => readEvents(TagView.of(decodePacket(bytes))),
  },
};
