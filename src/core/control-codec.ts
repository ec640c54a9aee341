// SPDX-License-Identifier: GPL-2.0-or-later
// The control surface that the patched core adds, as packets: requests of ours, replies and events
// of the core. One codec for both adapters, EC and the C interface; pure. Layout: the tables in
// ec/opcodes.ts and ec/muleplex-tags.ts, and docs of amule-patches (src/muleplex/ControlCodes.h).
import assert from 'node:assert/strict';
import { malformed } from '../bytes/malformed.ts';
import { MULEPLEX_TAG as TAG } from '../ec/muleplex-tags.ts';
import { MULEPLEX_OP as OP } from '../ec/opcodes.ts';
import { EC_PACKET_FORMAT } from '../ec/packet.ts';
import { addressTag, bytesTag, hashTag, intTag, textTag } from '../ec/tag.ts';
import type { EcPacket, EcTag } from '../ec/tag.ts';
import type { TagView } from '../ec/tag-view.ts';
import { FILE_SIZE_MAX } from '../ed2k/constants.ts';
import { partCount } from '../ed2k/part-arithmetic.ts';
import { PartBitmap } from '../ed2k/part-bitmap.ts';
import { CORRUPT_HASHES } from './core.ts';
import type {
  ClientTotals,
  CoreEventBody,
  CoreInfo,
  CoreTrust,
  EndPoint,
  FetchPriority,
  FetchRequest,
  FetchState,
  FetchStateName,
  SharedPack,
  SourceState,
  SourceStateName,
} from './core.ts';

const PRIORITY_CODES: Readonly<Record<FetchPriority, number>> = { low: 0, normal: 1, high: 2 };

/** Code = index. */
const FETCH_STATES: readonly FetchStateName[] = [
  'waiting',
  'downloading',
  'hashing',
  'complete',
  'paused',
  'error',
];
const SOURCE_STATES: readonly SourceStateName[] = [
  'connecting',
  'connected',
  'queued',
  'downloading',
  'noNeededParts',
  'unreachable',
];

const EVENT_KIND = {
  PART_VERIFIED: 1,
  PART_CORRUPT: 2,
  FILE_COMPLETE: 3,
  CLIENT_UP: 4,
  CLIENT_DOWN: 5,
  FILE_ERROR: 6,
  PART_UNAVAILABLE: 7,
} as const;

const PART_INDEX_MAX = partCount(FILE_SIZE_MAX) - 1;
const PATH_END = 0;

// --- Requests

export function infoRequest(): EcPacket {
  return { opcode: OP.INFO, tags: [] };
}

export function trustRequest({ siteId, clients, isOpen }: CoreTrust): EcPacket {
  const tags = clients.map(({ host, port, siteId: peerId, pairKey }) =>
    addressTag(TAG.CLIENT, { host, port }, [
      bytesTag(TAG.PAIR_KEY, pairKey),
      bytesTag(TAG.SITE_ID, peerId),
    ]),
  );
  return {
    opcode: OP.TRUST_SET,
    tags: [bytesTag(TAG.SITE_ID, siteId), intTag(TAG.OPEN, isOpen ? 1 : 0), ...tags],
  };
}

export function shareRequest(packs: readonly SharedPack[]): EcPacket {
  return {
    opcode: OP.SHARE,
    tags: packs.map((pack) => hashTag(TAG.FILE, pack.fileHash, fileTags(pack))),
  };
}

/** For UNSHARE, and for PARTS where none means all. */
export function filesRequest(
  opcode: typeof OP.UNSHARE | typeof OP.PARTS,
  fileHashes: readonly string[],
): EcPacket {
  return { opcode, tags: fileHashes.map((fileHash) => hashTag(TAG.FILE, fileHash)) };
}

export function fetchRequest(request: FetchRequest): EcPacket {
  assert(request.partSha256.length === 32 * partCount(request.size));
  const tags = [
    textTag(TAG.NAME, request.name),
    ...fileTags(request),
    bytesTag(TAG.PART_SHA256, request.partSha256),
    ...request.sources.map((source) => addressTag(TAG.SOURCE, source)),
    intTag(TAG.PRIORITY, PRIORITY_CODES[request.priority]),
  ];
  if (request.haveParts !== undefined) {
    tags.push(bytesTag(TAG.HAVE_PARTS, request.haveParts.toBytes()));
  }
  if (request.seedPath !== undefined) tags.push(pathTag(TAG.SEED_PATH, request.seedPath));
  return { opcode: OP.FETCH, tags: [hashTag(TAG.FILE, request.fileHash, tags)] };
}

export function addSourcesRequest(fileHash: string, sources: readonly EndPoint[]): EcPacket {
  const tags = sources.map((source) => addressTag(TAG.SOURCE, source));
  return { opcode: OP.ADD_SOURCES, tags: [hashTag(TAG.FILE, fileHash, tags)] };
}

/** For the operations that name a file and nothing else. */
export function fileRequest(
  opcode: typeof OP.ASK_NOW | typeof OP.SOURCES | typeof OP.CANCEL,
  fileHash: string,
): EcPacket {
  return { opcode, tags: [hashTag(TAG.FILE, fileHash)] };
}

export function invalidateRequest(fileHash: string, partIndex: number): EcPacket {
  const tags = [intTag(TAG.PART, partIndex)];
  return { opcode: OP.INVALIDATE, tags: [hashTag(TAG.FILE, fileHash, tags)] };
}

export function avoidRequest(fileHash: string, source: EndPoint, partIndex: number): EcPacket {
  const tags = [addressTag(TAG.SOURCE, source), intTag(TAG.PART, partIndex)];
  return { opcode: OP.AVOID, tags: [hashTag(TAG.FILE, fileHash, tags)] };
}

export function eventsRequest(since: number, boot: bigint): EcPacket {
  return { opcode: OP.EVENTS, tags: [intTag(TAG.SINCE, since), intTag(TAG.BOOT, boot)] };
}

export function clientsRequest(): EcPacket {
  return { opcode: OP.CLIENTS, tags: [] };
}

function fileTags(pack: SharedPack): EcTag[] {
  assert(pack.partHashes.length % 16 === 0 && pack.aichRoot.length === 20);
  return [
    pathTag(TAG.PATH, pack.path),
    intTag(TAG.SIZE, pack.size),
    bytesTag(TAG.PART_HASHES, pack.partHashes),
    bytesTag(TAG.AICH_ROOT, pack.aichRoot),
  ];
}

function pathTag(id: number, path: string): EcTag {
  const bytes = Buffer.from(path, 'utf8');
  assert(path.startsWith('/') && !bytes.includes(PATH_END));
  return bytesTag(id, bytes);
}

// --- Replies

/** What the core says about itself; lastSequence is that of its newest event. */
export function readInfo(reply: TagView): CoreInfo & { readonly lastSequence: number } {
  return {
    version: reply.need(TAG.CORE_VERSION).text(),
    surfaceVersion: reply.need(TAG.SURFACE_VERSION).int(0xffff),
    port: reply.need(TAG.PORT).int(0xffff),
    boot: reply.need(TAG.BOOT).bigint(),
    lastSequence: reply.need(TAG.LAST_SEQ).int(),
  };
}

export function readFetches(reply: TagView): FetchState[] {
  return reply.all(TAG.FILE).map((file) => {
    const size = file.need(TAG.SIZE).int(FILE_SIZE_MAX);
    return {
      fileHash: file.hash(),
      state: named(FETCH_STATES, file.need(TAG.STATE)),
      size,
      bytesDone: file.need(TAG.BYTES_DONE).int(),
      verified: bitmap(file.need(TAG.HAVE_PARTS), partCount(size)),
      path: file.need(TAG.PATH).bytes().toString('utf8'),
      rate: file.need(TAG.RATE).int(),
    };
  });
}

/** The sources of the one file of the reply, which has this many parts. */
export function readSources(reply: TagView, parts: number): SourceState[] {
  return reply
    .need(TAG.FILE)
    .all(TAG.SOURCE)
    .map((source) => ({
      source: source.address(),
      state: named(SOURCE_STATES, source.need(TAG.STATE)),
      bytesDown: source.need(TAG.BYTES_DOWN).int(),
      rate: source.need(TAG.RATE).int(),
      partsDown: source.need(TAG.PARTS_DOWN).int(),
      have: bitmap(source.need(TAG.HAVE_PARTS), parts),
    }));
}

export function readClients(reply: TagView): ClientTotals[] {
  return reply.all(TAG.CLIENT).map((client) => ({
    client: client.address(),
    connected: client.need(TAG.CONNECTED).int(1) === 1,
    bytesUp: client.need(TAG.BYTES_UP).int(),
    bytesDown: client.need(TAG.BYTES_DOWN).int(),
    rate: client.need(TAG.RATE).int(),
  }));
}

export interface EventsReply {
  readonly boot: bigint;
  readonly lastSequence: number;
  /** An event of a kind that this version does not know has no body. */
  readonly events: readonly {
    readonly sequence: number;
    readonly body: CoreEventBody | undefined;
  }[];
}

export function readEvents(reply: TagView): EventsReply {
  return {
    boot: reply.need(TAG.BOOT).bigint(),
    lastSequence: reply.need(TAG.LAST_SEQ).int(),
    events: reply.all(TAG.EVENT).map((event) => ({
      sequence: event.int(),
      body: readEventBody(event),
    })),
  };
}

function readEventBody(event: TagView): CoreEventBody | undefined {
  const fileHash = () => event.need(TAG.FILE).hash();
  const partIndex = () => event.need(TAG.PART).int(PART_INDEX_MAX);
  switch (event.need(TAG.EVENT_KIND).int()) {
    case EVENT_KIND.PART_VERIFIED:
      return { kind: 'partVerified', fileHash: fileHash(), partIndex: partIndex() };
    case EVENT_KIND.PART_CORRUPT:
      return {
        kind: 'partCorrupt',
        fileHash: fileHash(),
        partIndex: partIndex(),
        sources: event.all(TAG.SOURCE).map((source) => source.address()),
        hash: CORRUPT_HASHES.find((hash) => hash === event.need(TAG.TEXT).text()) ?? 'sha256',
      };
    case EVENT_KIND.FILE_COMPLETE: {
      const path = event.need(TAG.PATH).bytes().toString('utf8');
      return { kind: 'fileComplete', fileHash: fileHash(), path };
    }
    case EVENT_KIND.CLIENT_UP:
      return { kind: 'clientUp', client: event.need(TAG.CLIENT).address() };
    case EVENT_KIND.CLIENT_DOWN:
      return { kind: 'clientDown', client: event.need(TAG.CLIENT).address() };
    case EVENT_KIND.FILE_ERROR:
      return { kind: 'fileError', fileHash: fileHash(), text: event.need(TAG.TEXT).text() };
    case EVENT_KIND.PART_UNAVAILABLE:
      return { kind: 'partUnavailable', fileHash: fileHash(), partIndex: partIndex() };
    default:
      return undefined;
  }
}

function named<Name>(names: readonly Name[], tag: TagView): Name {
  const name = names[tag.int(0xff)];
  if (name === undefined) {
    throw malformed(EC_PACKET_FORMAT, 'EC_TAG_MULEPLEX_STATE', `${tag.int()} is unknown`);
  }
  return name;
}

/** A source or part file without parts yet may come with an empty bitmap. */
function bitmap(tag: TagView, parts: number): PartBitmap {
  const bytes = tag.bytes();
  if (bytes.length === 0) return PartBitmap.empty(parts);
  return PartBitmap.fromBytes(bytes, parts, EC_PACKET_FORMAT);
}
