// SPDX-License-Identifier: GPL-2.0-or-later
// What the local API says about a site: JSON-safe, ids as lower-case hex, sizes in bytes, times in
// milliseconds since 1970. The command line's --json prints exactly these objects.

export interface SiteView {
  readonly siteId: string;
  readonly name: string;
  /** Text that `muleplex peer add` takes. */
  readonly card: string;
  readonly recordVersion: number;
  readonly host: string;
  readonly port: number;
  readonly ed2kHost: string;
  readonly ed2kPort: number;
}

export interface RightsView {
  /** Data set name or id, or `*`. */
  readonly dataset: string;
  readonly rights: readonly string[];
}

export interface PeerView {
  readonly siteId: string;
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly ed2kHost: string;
  readonly ed2kPort: number;
  readonly recordVersion: number;
  /** An authenticated control connection is up. */
  readonly connected: boolean;
  readonly rights: readonly RightsView[];
  /** Messages that wait for the peer's acknowledgement. */
  readonly pending: number;
}

/** A code of docs/errors.md and a sentence. */
export interface ProblemView {
  readonly code: string;
  readonly message: string;
}

/** What a site signed about a snapshot; of several the furthest state. */
export interface ReceiptView {
  /** Name, or the id of a site that is no longer a peer. */
  readonly site: string;
  readonly siteId: string;
  readonly state: string;
  readonly atMs: number;
}

/** When this site reached each stage; a publisher's are those of its publish. */
export interface StageTimes {
  readonly accepted?: number;
  readonly fetchStarted?: number;
  readonly fetchComplete?: number;
  readonly staged?: number;
  readonly visible?: number;
}

export interface SnapshotView {
  readonly datasetId: string;
  readonly dataset: string;
  readonly snapshotId: string;
  readonly epoch: number;
  readonly sequence: number;
  /** Maintenance changes packs and nothing that a reader sees. */
  readonly kind: 'snapshot' | 'maintenance';
  /** Its files can be restored: it is the newest, or that one covers it, or it is pinned here. */
  readonly retained: boolean;
  readonly pinned: boolean;
  readonly role: 'publisher' | 'follower';
  readonly state: 'offered' | 'fetching' | 'recomposing' | 'staged' | 'visible' | 'failed';
  readonly createdMs: number;
  readonly files: number;
  readonly bytes: number;
  /** Of the whole pack set, and of the packs this snapshot added. */
  readonly packBytes: number;
  readonly newPackBytes: number;
  readonly manifestBytes: number;
  /** What this site had to fetch for it. */
  readonly fetchedBytes: number;
  readonly timesMs: StageTimes;
  readonly receipts: readonly ReceiptView[];
  readonly error?: ProblemView;
}

export interface DatasetView {
  readonly name: string;
  readonly datasetId: string;
  /** Id of the site that may publish it. */
  readonly writer: string;
  readonly own: boolean;
  /** Of the newest snapshot known here; 0 without one. */
  readonly sequence: number;
  readonly head?: string;
  readonly packs: number;
  readonly packBytes: number;
  /** Headers that contradict the chain; refused and kept as proof. */
  readonly forks: number;
}

export type FollowState =
  'unbound' | 'idle' | 'planning' | 'fetching' | 'recomposing' | 'blocked' | 'current';

export interface FollowView {
  /** As given by the user: a name or an id. */
  readonly dataset: string;
  readonly datasetId?: string;
  readonly folder: string;
  readonly state: FollowState;
  /** Of the snapshot in work, 0 to 100. */
  readonly percent: number;
  /** Snapshot that `current` shows. */
  readonly visible?: string;
  readonly visibleSequence?: number;
  /** Snapshot in work. */
  readonly target?: string;
  readonly problem?: ProblemView;
}

export interface StatusView {
  readonly site: SiteView;
  readonly daemon: {
    readonly running: boolean;
    readonly pid?: number;
    readonly startedMs?: number;
  };
  readonly core?: {
    readonly mode: string;
    readonly state: 'starting' | 'running' | 'restarting';
    readonly version: string;
    readonly port: number;
    readonly restarts: number;
  };
  readonly peers: readonly PeerView[];
  readonly datasets: readonly DatasetView[];
  readonly follows: readonly FollowView[];
  /** Messages to all peers that wait for an acknowledgement. */
  readonly outbox: number;
}

export interface SourceView {
  readonly site: string;
  readonly state: string;
  readonly bytesDown: number;
  readonly rate: number;
  readonly partsDown: number;
}

export interface TransferView {
  readonly dataset: string;
  /** Empty while the pack is announced and no manifest names it. */
  readonly snapshotId: string;
  readonly packId: string;
  readonly fileHash: string;
  readonly state: string;
  readonly size: number;
  readonly bytesDone: number;
  readonly partCount: number;
  readonly verifiedParts: number;
  /** Bitmap of the verified parts, hex, lowest bit first. */
  readonly verified: string;
  readonly rate: number;
  readonly sources: readonly SourceView[];
}

/** Payload between this core and a trusted client since the core started. */
export interface ClientView {
  readonly site: string;
  readonly host: string;
  readonly port: number;
  readonly connected: boolean;
  readonly bytesUp: number;
  readonly bytesDown: number;
  readonly rate: number;
}

export interface TransfersView {
  /** Packs that the newest snapshots needed or that are announced, complete ones too. */
  readonly transfers: readonly TransferView[];
  readonly clients: readonly ClientView[];
}

/** Why a path of the source is not in the snapshot. */
export interface SkippedPath {
  /** Bytes that are not printable UTF-8 appear as \xHH. */
  readonly path: string;
  readonly reason: 'fifo' | 'socket' | 'device' | 'unreadable';
}

export type PublishProgress =
  | { readonly stage: 'scan' }
  | {
      readonly stage: 'ingest';
      readonly bytesDone: number;
      readonly bytesTotal: number;
      readonly filesDone: number;
      readonly filesTotal: number;
      readonly packBytes: number;
    }
  | { readonly stage: 'push'; readonly snapshotId: string }
  | {
      readonly stage: 'wait';
      readonly snapshotId: string;
      readonly visible: readonly string[];
      readonly missing: readonly string[];
    };

export interface PublishResult {
  readonly dataset: string;
  readonly datasetId: string;
  readonly snapshotId: string;
  readonly epoch: number;
  readonly sequence: number;
  readonly files: number;
  readonly bytes: number;
  /** Bytes of files that were read; the others were known by size, times and inode. */
  readonly bytesRead: number;
  /** Chunk bytes that no earlier pack held. */
  readonly uniqueBytes: number;
  readonly packs: number;
  readonly newPackBytes: number;
  readonly manifestBytes: number;
  readonly ingestMs: number;
  /** From the start to the first pack that peers could fetch; absent without new packs. */
  readonly firstPackMs?: number;
  readonly waitMs: number;
  readonly skipped: readonly SkippedPath[];
  readonly receipts: readonly ReceiptView[];
  /** Names of the sites that --wait asked for and that did not sign in time. */
  readonly missing: readonly string[];
}

export interface RestoreProgress {
  readonly stage: 'restore';
  readonly bytesDone: number;
  readonly bytesTotal: number;
}

export interface RestoreResult {
  readonly dataset: string;
  readonly datasetId: string;
  readonly snapshotId: string;
  readonly sequence: number;
  readonly folder: string;
  readonly files: number;
  readonly bytes: number;
  /** Owners and extended attributes that the file system, or the user, could not set. */
  readonly attributesNotSet: number;
  readonly restoreMs: number;
}

export interface RetentionView {
  readonly dataset: string;
  readonly datasetId: string;
  /** Null: no such rule; without any rule all snapshots stay. */
  readonly keepLast: number | null;
  readonly keepWithinMs: number | null;
  /** Ids of snapshots that are pinned on this site. */
  readonly pinned: readonly string[];
}

export interface PinView {
  readonly dataset: string;
  readonly datasetId: string;
  readonly snapshotId: string;
  readonly sequence: number;
  readonly pinned: boolean;
}

export type PruneProgress =
  | { readonly stage: 'mark' }
  | { readonly stage: 'merge'; readonly bytesDone: number; readonly bytesTotal: number };

export interface PruneResult {
  readonly dataset: string;
  readonly datasetId: string;
  /** With it nothing was changed, and sizes after merging are estimates. */
  readonly dryRun: boolean;
  /** Of the maintenance snapshot; absent when there was nothing to do. */
  readonly snapshotId?: string;
  readonly sequence?: number;
  readonly retained: readonly string[];
  readonly forgotten: readonly string[];
  readonly packsBefore: number;
  readonly packsAfter: number;
  /** Packs that were merged, of those before. */
  readonly packsMerged: number;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  readonly bytesFreed: number;
  /** Of frames that were copied into new packs. */
  readonly bytesCopied: number;
  readonly pruneMs: number;
}

/** One thing that `verify` found wrong. */
export interface Difference {
  readonly path: string;
  readonly kind: 'missing' | 'extra' | 'type' | 'content' | 'metadata';
  readonly text: string;
}

/** Index files that were missing or damaged, of all the packs of a data set. */
export interface IndexRebuilt {
  readonly dataset: string;
  readonly packs: number;
  readonly rebuilt: number;
}

export interface VerifyResult {
  readonly dataset: string;
  readonly snapshotId: string;
  readonly files: number;
  readonly bytes: number;
  readonly differences: readonly Difference[];
  /** Bad parts of packs, by pack id and part index from 0. */
  readonly badParts: readonly {
    readonly packId: string;
    readonly partIndex: number;
    /** Fetched again from a peer. */
    readonly repaired: boolean;
  }[];
  /** Paths of index files of the packs that are damaged; nothing of the data depends on them. */
  readonly badIndexFiles: readonly string[];
}

/** An ed2k link and what it names. */
export interface LinkView {
  readonly name: string;
  readonly size: number;
  readonly fileHash: string;
  readonly link: string;
}
