// SPDX-License-Identifier: GPL-2.0-or-later
// The patched aMule core as the rest of the program sees it. Three implementations (embedded.ts,
// managed.ts, external.ts) satisfy this interface and one contract suite (test/contract).
import type { StandardRequests } from '../ec/standard-requests.ts';
import type { PartBitmap } from '../ed2k/part-bitmap.ts';

export type CoreMode = 'embedded' | 'managed' | 'external';

/** Version of the control surface that this program speaks. */
export const SURFACE_VERSION = 2;

/** Where a client listens for eD2k connections. */
export interface EndPoint {
  /** Dotted IPv4. */
  readonly host: string;
  /** TCP, 1-65535. */
  readonly port: number;
}

/** A client that proves on each connection that it has the key of the pair. */
export interface TrustedClient extends EndPoint {
  /** 32 bytes. */
  readonly siteId: Buffer;
  /** 32 bytes. */
  readonly pairKey: Buffer;
}

/** Whom the core trusts. */
export interface CoreTrust {
  /** Of this site, 32 bytes. */
  readonly siteId: Buffer;
  readonly clients: readonly TrustedClient[];
  /** Other eD2k clients may connect, and get what aMule itself shares. Else they get no answer. */
  readonly isOpen: boolean;
}

export interface CoreInfo {
  /** Version of aMule, for people. */
  readonly version: string;
  readonly surfaceVersion: number;
  /** eD2k TCP port in use. */
  readonly port: number;
  /** Drawn at each start of the core. */
  readonly boot: bigint;
}

/** A complete file on disk with the hashes that the core would otherwise have to compute. */
export interface SharedPack {
  /** Absolute. */
  readonly path: string;
  readonly size: number;
  /** 32 lower-case hex digits. */
  readonly fileHash: string;
  /** 16 bytes a part, as in eD2k (an extra hash when the size is an exact multiple of the part). */
  readonly partHashes: Buffer;
  /** 20 bytes. */
  readonly aichRoot: Buffer;
}

export type FetchPriority = 'low' | 'normal' | 'high';

export interface FetchRequest extends SharedPack {
  /** The name the file has in the network. `path` is where the complete file goes. */
  readonly name: string;
  /** 32 bytes a part. A part counts only after this hash matched as well as the MD4. */
  readonly partSha256: Buffer;
  readonly sources: readonly EndPoint[];
  readonly priority: FetchPriority;
  /** Parts known to be verified: not hashed again when the core attaches to a part file. */
  readonly haveParts?: PartBitmap;
  /** File on the core's file system that is taken over (renamed) as the data of the part file. */
  readonly seedPath?: string;
}

export type FetchStateName =
  'waiting' | 'downloading' | 'hashing' | 'complete' | 'paused' | 'error';

export interface FetchState {
  readonly fileHash: string;
  readonly state: FetchStateName;
  readonly size: number;
  /** Bytes that are not in a gap, verified or not. */
  readonly bytesDone: number;
  /** Parts that matched both hashes. */
  readonly verified: PartBitmap;
  /** Where the data lies now. */
  readonly path: string;
  /** Bytes per second now. */
  readonly rate: number;
}

export type SourceStateName =
  'connecting' | 'connected' | 'queued' | 'downloading' | 'noNeededParts' | 'unreachable';

export interface SourceState {
  readonly source: EndPoint;
  readonly state: SourceStateName;
  /** Payload bytes received from it for this file. */
  readonly bytesDown: number;
  readonly rate: number;
  /** Verified parts to which it contributed. */
  readonly partsDown: number;
  /** Parts it says it has. */
  readonly have: PartBitmap;
}

/** Payload totals of a trusted client since the start of the core, over all its connections. */
export interface ClientTotals {
  readonly client: EndPoint;
  readonly connected: boolean;
  readonly bytesUp: number;
  readonly bytesDown: number;
  readonly rate: number;
}

/** Which hash was wrong. */
export const CORRUPT_HASHES = ['md4', 'sha256', 'aich'] as const;
export type CorruptHash = (typeof CORRUPT_HASHES)[number];

export type CoreEventBody =
  | { readonly kind: 'partVerified'; readonly fileHash: string; readonly partIndex: number }
  | {
      readonly kind: 'partCorrupt';
      readonly fileHash: string;
      readonly partIndex: number;
      /** Who gave bytes of the part; the core avoids a source that stands alone here. */
      readonly sources: readonly EndPoint[];
      /** With `aich`, which the core compares only to give blocks on, one block of it is wrong. */
      readonly hash: CorruptHash;
    }
  | { readonly kind: 'fileComplete'; readonly fileHash: string; readonly path: string }
  | { readonly kind: 'clientUp' | 'clientDown'; readonly client: EndPoint }
  | { readonly kind: 'fileError'; readonly fileHash: string; readonly text: string }
  /** Every known source of the part is avoided. */
  | { readonly kind: 'partUnavailable'; readonly fileHash: string; readonly partIndex: number };

/** `sequence` grows by one an event and starts again with each start of the core. */
export type CoreEvent = CoreEventBody & { readonly sequence: number };

/**
 * All requests reject with ERR_CORE_REFUSED (the core said no; details.reason is its code),
 * ERR_CORE_DIED or ERR_EC_CLOSED (it went away; it is being restarted), or ERR_EC_MALFORMED.
 * Requests that set something are idempotent.
 */
export interface Core {
  readonly mode: CoreMode;

  /** Resolves when the core answers and speaks SURFACE_VERSION. Call once. */
  start(signal?: AbortSignal): Promise<void>;
  /** Ends what start began; resolves when nothing of it runs. Safe to call twice. */
  stop(): Promise<void>;

  info(): Promise<CoreInfo>;
  /** The whole list: clients no longer in it are disconnected and get nothing more. */
  /** Replaces the whole list. A client with another key than before is connected to anew. */
  setTrust(trust: CoreTrust): Promise<void>;
  /** Offers complete files to trusted clients, without hashing them. */
  share(packs: readonly SharedPack[]): Promise<void>;
  /** Unknown hashes are ignored. */
  unshare(fileHashes: readonly string[]): Promise<void>;
  /** Begins the download, or attaches to the one with this hash. */
  fetch(request: FetchRequest): Promise<void>;
  addSources(fileHash: string, sources: readonly EndPoint[]): Promise<void>;
  /** Forgets waits and back-off and asks every source of the file now. */
  askNow(fileHash: string): Promise<void>;
  sources(fileHash: string): Promise<SourceState[]>;
  /** State of these fetches, or of all. */
  fetches(fileHashes?: readonly string[]): Promise<FetchState[]>;
  /** The part becomes a gap and is fetched again. */
  invalidatePart(fileHash: string, partIndex: number): Promise<void>;
  /** Never asks this source for this part again, until the fetch ends. */
  avoid(fileHash: string, source: EndPoint, partIndex: number): Promise<void>;
  /** Ends the fetch and removes its part file. */
  cancel(fileHash: string): Promise<void>;
  clients(): Promise<ClientTotals[]>;

  /** aMule's own requests, over the same connection. */
  readonly ec: StandardRequests;

  /** Calls the listener for each event, in order; the result ends that. */
  onEvent(listener: (event: CoreEvent) => void): () => void;
  /**
   * Calls the listener when the core is up again after it died, or when another start of it
   * answers: trust, shares and fetches must be set again.
   */
  onRestart(listener: () => void): () => void;
}
