// SPDX-License-Identifier: GPL-2.0-or-later
// What a site says of itself: its working keys and addresses, signed by its root key. A higher
// version replaces a lower one, so keys rotate and the site id stays.
import assert from 'node:assert/strict';
import { ReplicationError } from '../base/errors.ts';
import {
  HOST_LENGTH_MAX,
  NAME_LENGTH_MAX,
  SITE_CARD_LENGTH_MAX,
  SITE_RECORD_SIZE_MAX,
} from '../base/limits.ts';
import { encodeBencode } from '../bytes/bencode.ts';
import { decodeFields } from '../bytes/fields.ts';
import { assertDecodes } from '../bytes/malformed.ts';
import { envelopeSizeMax, openEnvelope, sealRootEnvelope } from './envelope.ts';
import { isSiteName, type SiteId } from './ids.ts';
import type { Signer } from './signing-key.ts';

const FORMAT = { code: 'ERR_SITE_RECORD_MALFORMED', name: 'site record' } as const;
const LAYOUT_VERSION = 1;
const KEY_SIZE = 32;
const PORT_MAX = 65_535;
const CARD_PREFIX = 'muleplex-site:';
/** A DNS name, an IPv4 or an IPv6 address; who connects finds out whether it leads anywhere. */
const HOST = /^[A-Za-z0-9:]([A-Za-z0-9.:-]*[A-Za-z0-9:.])?$/;
const DOTTED = /^(0|[1-9][0-9]{0,2})(\.(0|[1-9][0-9]{0,2})){3}$/;

export interface SiteRecord {
  readonly siteId: SiteId;
  /** Ed25519, 32 bytes. */
  readonly rootKey: Buffer;
  /** Grows with each record of the site. */
  readonly version: number;
  /** A label that others show; never an identity. */
  readonly name: string;
  /** Ed25519, 32 bytes: signs everything but site records. */
  readonly signingKey: Buffer;
  /** SHA-256 of the SubjectPublicKeyInfo of the TLS certificate. */
  readonly tlsKey: Buffer;
  /** X25519, 32 bytes: data set secrets are sealed to it. */
  readonly sealingKey: Buffer;
  /** Where muleplexd listens (TCP, TLS). */
  readonly host: string;
  readonly port: number;
  /** Where the core listens for eD2k clients: dotted IPv4, TCP. */
  readonly ed2kHost: string;
  readonly ed2kPort: number;
}

/** Envelope bytes; rootSigner signs with the root key of the record. */
export function encodeSiteRecord(record: SiteRecord, rootSigner: Signer): Buffer {
  assert(record.siteId === rootSigner.siteId, 'a site signs its own record');
  const payload = encodeBencode(
    new Map<string, number | Buffer>([
      ['eh', Buffer.from(record.ed2kHost, 'latin1')],
      ['ep', record.ed2kPort],
      ['h', Buffer.from(record.host, 'latin1')],
      ['n', Buffer.from(record.name, 'latin1')],
      ['p', record.port],
      ['r', record.version],
      ['sk', record.signingKey],
      ['tk', record.tlsKey],
      ['v', LAYOUT_VERSION],
      ['xk', record.sealingKey],
    ]),
  );
  assertDecodes('site record', () => decodePayload(payload, record.siteId, record.rootKey));
  return sealRootEnvelope('siteRecord', payload, rootSigner, record.rootKey);
}

/** Verifies the root signature first; whether the version is new is for the caller to say. */
export function decodeSiteRecord(bytes: Buffer): SiteRecord {
  const { signer, payload, rootKey } = openEnvelope('siteRecord', bytes, () => undefined);
  assert(rootKey !== null, 'site records are signed with the root key only');
  return decodePayload(payload, signer, Buffer.from(rootKey));
}

/** The text that people hand to each other: `muleplex-site:` and base64url of the envelope. */
export function formatSiteCard(bytes: Buffer): string {
  return CARD_PREFIX + bytes.toString('base64url');
}

/** Envelope bytes of a site card, surrounding white space ignored; not verified yet. */
export function parseSiteCard(text: string): Buffer {
  const card = text.trim();
  const body = card.slice(CARD_PREFIX.length);
  const bytes = Buffer.from(body.slice(0, SITE_CARD_LENGTH_MAX), 'base64url');
  const isCard =
    card.startsWith(CARD_PREFIX) &&
    bytes.length > 0 &&
    bytes.length <= envelopeSizeMax('siteRecord') &&
    bytes.toString('base64url') === body;
  if (!isCard) throw new ReplicationError('ERR_ARGUMENT_INVALID', 'the text is no site card');
  return bytes;
}

/** True for four decimal numbers of 0 to 255 without leading zeros. */
export function isDottedIpv4(text: string): boolean {
  return DOTTED.test(text) && text.split('.').every((byte) => Number(byte) <= 255);
}

function decodePayload(payload: Buffer, siteId: SiteId, rootKey: Buffer): SiteRecord {
  const fields = decodeFields(payload, { sizeMax: SITE_RECORD_SIZE_MAX }, FORMAT);
  fields.int('v', LAYOUT_VERSION, LAYOUT_VERSION);
  const record: SiteRecord = {
    siteId,
    rootKey,
    version: fields.int('r', 1, Number.MAX_SAFE_INTEGER),
    name: fields.text('n', NAME_LENGTH_MAX, /^/),
    signingKey: fields.bytes('sk', KEY_SIZE),
    tlsKey: fields.bytes('tk', KEY_SIZE),
    sealingKey: fields.bytes('xk', KEY_SIZE),
    host: fields.text('h', HOST_LENGTH_MAX, HOST),
    port: fields.int('p', 1, PORT_MAX),
    ed2kHost: fields.text('eh', HOST_LENGTH_MAX, DOTTED),
    ed2kPort: fields.int('ep', 1, PORT_MAX),
  };
  if (!isSiteName(record.name)) throw fields.error('n', 'is no site name');
  if (!isDottedIpv4(record.ed2kHost)) throw fields.error('eh', 'is no IPv4 address');
  fields.finish();
  return record;
}
