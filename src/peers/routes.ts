// SPDX-License-Identifier: GPL-2.0-or-later
// The protocol between sites: what can be asked, how long a request may be, who answers. One table.
import { ReplicationError } from '../base/errors.ts';
import { encodeBencode } from '../bytes/bencode.ts';
import { decodeFields } from '../bytes/fields.ts';
import { SEALED_SECRETS_SIZE_MAX } from '../base/limits.ts';
import { envelopeSizeMax } from '../dataset/envelope.ts';
import type { SiteId, SnapshotId } from '../dataset/ids.ts';
import { decodeSiteRecord } from '../dataset/site-record.ts';
import type { Identity } from './identity.ts';
import type { Peer, PeerBook } from './peer-book.ts';

/** What goes before a manifest body: everything needed to decide whether the body is wanted. */
export interface Offer {
  /** Envelope of the manifest header. */
  readonly header: Buffer;
  /** Envelope of the data set's genesis. */
  readonly genesis: Buffer;
  /** The data set's secrets sealed to the receiver; null when it has no right to read. */
  readonly secrets: Buffer | null;
}

/** Takes what peers push. Each call checks signature and rights itself, and throws with a code. */
export interface ManifestSink {
  /**
   * have: the snapshot is known with its body, or the offer needs none. Durable when it resolves.
   */
  offer(peer: SiteId, offer: Offer): Promise<'have' | 'want'>;
  /** Size that the accepted header names; undefined when no such body was asked for. */
  bodySize(peer: SiteId, snapshotId: SnapshotId): Promise<number | undefined>;
  /** Durable when it resolves. */
  accept(peer: SiteId, snapshotId: SnapshotId, body: Buffer): Promise<void>;
  /** An envelope; durable when it resolves. */
  receipt(peer: SiteId, receipt: Buffer): Promise<void>;
}

/** A pack on the wire before its manifest. */
export interface PackAnnouncement {
  /** Envelope of the data set's genesis. */
  readonly genesis: Buffer;
  /** Envelope. */
  readonly announcement: Buffer;
}

/** Takes announcements. Each call checks signature and rights itself, and throws with a code. */
export interface AnnouncementSink {
  /**
   * taken: it counts, or did before; durable when it resolves. unwanted: nobody here follows the
   * data set, or there is nothing to end.
   */
  announce(peer: SiteId, announcement: PackAnnouncement): Promise<AnnouncementAnswer>;
}

export type AnnouncementAnswer = 'taken' | 'unwanted';

/** JSON of a reply. */
export type Reply = Readonly<Record<string, string | number>>;

/** What both sides say of themselves when a connection is made, and to see that the other lives. */
export interface PingReply {
  readonly siteId: string;
  /** Version of the answering site's record. */
  readonly version: number;
  /** Version of the asking site's record that the answering site has. */
  readonly known: number;
}

export interface RouteComponents {
  readonly identity: Identity;
  readonly peers: PeerBook;
  readonly sink: ManifestSink;
  readonly announcements: AnnouncementSink;
}

export interface Request {
  readonly peer: Peer;
  /** What follows the route's path; undefined when nothing may follow. */
  readonly argument: string;
  readonly body: Buffer;
}

export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT';
  /** Ends with '/' when an argument follows. */
  readonly path: string;
  /** Largest body; exact means that no shorter one will do. Throws when no body is wanted. */
  limit(at: RouteComponents, request: Omit<Request, 'body'>): Promise<BodyLimit> | BodyLimit;
  handle(at: RouteComponents, request: Request): Promise<Reply> | Reply;
}

export interface BodyLimit {
  readonly size: number;
  readonly exact: boolean;
}

export const PATHS = {
  ping: '/v1/ping',
  offers: '/v1/offers',
  bodies: '/v1/bodies/',
  receipts: '/v1/receipts',
  announcements: '/v1/announcements',
  siteRecords: '/v1/site-records',
} as const;

/** An offer has at most what its three parts have, and the keys around them. */
const OFFER_SIZE_MAX =
  envelopeSizeMax('manifestHeader') + envelopeSizeMax('genesis') + SEALED_SECRETS_SIZE_MAX + 256;

/** The same of an announcement, which has two. */
const ANNOUNCEMENT_BODY_SIZE_MAX =
  envelopeSizeMax('announcement') + envelopeSizeMax('genesis') + 256;

export const ROUTES: readonly Route[] = [
  { method: 'GET', path: PATHS.ping, limit: upTo(0), handle: answerPing },
  { method: 'POST', path: PATHS.offers, limit: upTo(OFFER_SIZE_MAX), handle: takeOffer },
  { method: 'PUT', path: PATHS.bodies, limit: wantedSize, handle: takeBody },
  {
    method: 'POST',
    path: PATHS.receipts,
    limit: upTo(envelopeSizeMax('receipt')),
    handle: takeReceipt,
  },
  {
    method: 'POST',
    path: PATHS.announcements,
    limit: upTo(ANNOUNCEMENT_BODY_SIZE_MAX),
    handle: takeAnnouncement,
  },
  {
    method: 'POST',
    path: PATHS.siteRecords,
    limit: upTo(envelopeSizeMax('siteRecord')),
    handle: takeSiteRecord,
  },
];

function upTo(size: number): () => BodyLimit {
  return () => ({ size, exact: false });
}

function answerPing({ identity }: RouteComponents, { peer }: Request): Reply {
  const reply: PingReply = {
    siteId: identity.siteId,
    version: identity.record.version,
    known: peer.record.version,
  };
  return { ...reply };
}

async function takeOffer({ sink }: RouteComponents, { peer, body }: Request): Promise<Reply> {
  return { answer: await sink.offer(peer.siteId, decodeOffer(body)) };
}

async function wantedSize(
  { sink }: RouteComponents,
  { peer, argument }: Omit<Request, 'body'>,
): Promise<BodyLimit> {
  const size = await sink.bodySize(peer.siteId, snapshotIdOf(argument));
  if (size !== undefined) return { size, exact: true };
  throw new ReplicationError('ERR_SNAPSHOT_UNKNOWN', `no body of ${argument} was asked for`);
}

async function takeBody(
  { sink }: RouteComponents,
  { peer, argument, body }: Request,
): Promise<Reply> {
  await sink.accept(peer.siteId, snapshotIdOf(argument), body);
  return {};
}

async function takeReceipt({ sink }: RouteComponents, { peer, body }: Request): Promise<Reply> {
  await sink.receipt(peer.siteId, body);
  return {};
}

async function takeAnnouncement(
  { announcements }: RouteComponents,
  { peer, body }: Request,
): Promise<Reply> {
  return { answer: await announcements.announce(peer.siteId, decodePackAnnouncement(body)) };
}

async function takeSiteRecord({ peers }: RouteComponents, { peer, body }: Request): Promise<Reply> {
  const { siteId } = decodeSiteRecord(body);
  if (siteId !== peer.siteId) {
    throw new ReplicationError('ERR_RIGHT_MISSING', 'a site sends only its own record');
  }
  await peers.updateRecord(body);
  return {};
}

const OFFER_FORMAT = { code: 'ERR_REQUEST_MALFORMED', name: 'offer' } as const;

/** offer => bencode { g: genesis envelope, h: header envelope, s: sealed secrets (optional) } */
export function encodeOffer(offer: Offer): Buffer {
  const fields = new Map([
    ['g', offer.genesis],
    ['h', offer.header],
  ]);
  if (offer.secrets !== null) fields.set('s', offer.secrets);
  return encodeBencode(fields);
}

/** ERR_REQUEST_MALFORMED; the envelopes inside are not looked at. */
export function decodeOffer(body: Buffer): Offer {
  const fields = decodeFields(body, { sizeMax: OFFER_SIZE_MAX }, OFFER_FORMAT);
  const genesis = fields.bytes('g', 1, envelopeSizeMax('genesis'));
  const header = fields.bytes('h', 1, envelopeSizeMax('manifestHeader'));
  const secrets = fields.has('s') ? fields.bytes('s', 1, SEALED_SECRETS_SIZE_MAX) : null;
  fields.finish();
  return { header, genesis, secrets };
}

const ANNOUNCEMENT_FORMAT = { code: 'ERR_REQUEST_MALFORMED', name: 'announcement' } as const;

/** bencode { a: announcement envelope, g: genesis envelope } */
export function encodePackAnnouncement({ announcement, genesis }: PackAnnouncement): Buffer {
  return encodeBencode(
    new Map([
      ['a', announcement],
      ['g', genesis],
    ]),
  );
}

/** ERR_REQUEST_MALFORMED; the envelopes inside are not looked at. */
export function decodePackAnnouncement(body: Buffer): PackAnnouncement {
  const sizeMax = ANNOUNCEMENT_BODY_SIZE_MAX;
  const fields = decodeFields(body, { sizeMax }, ANNOUNCEMENT_FORMAT);
  const announcement = fields.bytes('a', 1, envelopeSizeMax('announcement'));
  const genesis = fields.bytes('g', 1, envelopeSizeMax('genesis'));
  fields.finish();
  return { genesis, announcement };
}

function snapshotIdOf(argument: string): SnapshotId {
  if (/^[0-9a-f]{64}$/.test(argument)) return argument as SnapshotId;
  throw new ReplicationError('ERR_REQUEST_MALFORMED', 'the path does not end in a snapshot id');
}
