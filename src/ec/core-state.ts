// SPDX-License-Identifier: GPL-2.0-or-later
// What aMule's own replies tell, as values. Only tags that the program uses are read; the others
// are aMule's business.
import type { TagView } from './tag-view.ts';
import { EC_TAG } from './tags.ts';

export interface CoreStatus {
  /** Bytes per second now. */
  readonly uploadRate: number;
  readonly downloadRate: number;
  /** Bytes per second, 0 = none. */
  readonly uploadRateMax: number;
  readonly downloadRateMax: number;
  /** Clients that wait for an upload slot. */
  readonly uploadQueueLength: number;
  readonly sourceCount: number;
  readonly connectState: ConnectState;
}

export interface Totals {
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly sharedFileCount: number;
  readonly bannedCount: number;
  /** At most 200 of them. */
  readonly logLines: readonly string[];
}

export interface ConnectState {
  readonly ed2k: 'connected' | 'connecting' | 'off';
  readonly kad: 'connected' | 'running' | 'off';
}

const DOWNLOAD_STATUSES = [
  'ready',
  'empty',
  'waitingForHash',
  'hashing',
  'error',
  'insufficientSpace',
  'unknown',
  'paused',
  'completing',
  'complete',
  'allocating',
] as const;

/** PS_* of aMule (Constants.h). */
export type DownloadStatus = (typeof DOWNLOAD_STATUSES)[number];

export type DownloadPriority = 'low' | 'normal' | 'high' | 'auto';

export interface Download {
  /** The core's number for it, until it ends. */
  readonly ecId: number;
  readonly fileHash: string;
  readonly name: string;
  readonly size: number;
  /** Bytes that are not in a gap. */
  readonly bytesDone: number;
  /** Bytes received, also those that were thrown away. */
  readonly bytesReceived: number;
  readonly rate: number;
  readonly status: DownloadStatus;
  readonly stopped: boolean;
  readonly priority: DownloadPriority;
  readonly sourceCount: number;
  /** Sources that send now. */
  readonly transferringCount: number;
}

export interface SharedFile {
  readonly ecId: number;
  readonly fileHash: string;
  readonly name: string;
  readonly size: number;
  /** Folder, or the name of the part file. */
  readonly location: string;
  /** eD2k link. */
  readonly link: string;
  /** Payload bytes sent since the start of the core, and ever. */
  readonly bytesSent: number;
  readonly bytesSentEver: number;
  readonly acceptCount: number;
}

export interface StatisticsNode {
  /** A format of aMule: each %s stands for one of the values. */
  readonly label: string;
  readonly values: readonly (string | number)[];
  readonly children: readonly StatisticsNode[];
}

/** EC_TAG_CONNSTATE's bits (ECSpecialCoreTags.cpp). */
const CONNECT_STATE = { ED2K: 0x01, ED2K_CONNECTING: 0x02, KAD: 0x04, KAD_RUNNING: 0x10 } as const;

const UINT32_MAX = 0xffffffff;

export function readConnectState(tag: TagView): ConnectState {
  const bits = tag.int(0xff);
  const has = (bit: number) => (bits & bit) !== 0;
  return {
    ed2k: has(CONNECT_STATE.ED2K)
      ? 'connected'
      : has(CONNECT_STATE.ED2K_CONNECTING)
        ? 'connecting'
        : 'off',
    kad: has(CONNECT_STATE.KAD) ? 'connected' : has(CONNECT_STATE.KAD_RUNNING) ? 'running' : 'off',
  };
}

export function readStatus(reply: TagView): CoreStatus {
  return {
    uploadRate: reply.need(EC_TAG.STATS_UL_SPEED).int(),
    downloadRate: reply.need(EC_TAG.STATS_DL_SPEED).int(),
    uploadRateMax: reply.need(EC_TAG.STATS_UL_SPEED_LIMIT).int(),
    downloadRateMax: reply.need(EC_TAG.STATS_DL_SPEED_LIMIT).int(),
    uploadQueueLength: reply.need(EC_TAG.STATS_UL_QUEUE_LEN).int(),
    sourceCount: reply.need(EC_TAG.STATS_TOTAL_SRC_COUNT).int(),
    connectState: readConnectState(reply.need(EC_TAG.CONNSTATE)),
  };
}

export function readTotals(reply: TagView): Totals {
  const lines = reply.find(EC_TAG.STATS_LOGGER_MESSAGE)?.all(EC_TAG.STRING) ?? [];
  return {
    bytesSent: reply.need(EC_TAG.STATS_TOTAL_SENT_BYTES).int(),
    bytesReceived: reply.need(EC_TAG.STATS_TOTAL_RECEIVED_BYTES).int(),
    sharedFileCount: reply.need(EC_TAG.STATS_SHARED_FILE_COUNT).int(),
    bannedCount: reply.need(EC_TAG.STATS_BANNED_COUNT).int(),
    logLines: lines.map((line) => line.text().trimEnd()),
  };
}

export function readDownload(tag: TagView): Download {
  return {
    ecId: tag.int(UINT32_MAX),
    fileHash: tag.need(EC_TAG.PARTFILE_HASH).hash(),
    name: tag.need(EC_TAG.PARTFILE_NAME).text(),
    size: tag.need(EC_TAG.PARTFILE_SIZE_FULL).int(),
    bytesDone: tag.need(EC_TAG.PARTFILE_SIZE_DONE).int(),
    bytesReceived: tag.need(EC_TAG.PARTFILE_SIZE_XFER).int(),
    rate: tag.need(EC_TAG.PARTFILE_SPEED).int(),
    status: DOWNLOAD_STATUSES[tag.need(EC_TAG.PARTFILE_STATUS).int(UINT32_MAX)] ?? 'unknown',
    stopped: tag.need(EC_TAG.PARTFILE_STOPPED).int() !== 0,
    priority: priorityOf(tag.need(EC_TAG.PARTFILE_PRIO).int(0xff)),
    sourceCount: tag.need(EC_TAG.PARTFILE_SOURCE_COUNT).int(),
    transferringCount: tag.need(EC_TAG.PARTFILE_SOURCE_COUNT_XFER).int(),
  };
}

/** An automatic priority comes as 10 + the one in force. */
function priorityOf(code: number): DownloadPriority {
  if (code >= 10) return 'auto';
  return code === 0 ? 'low' : code === 2 ? 'high' : 'normal';
}

export function readSharedFile(tag: TagView): SharedFile {
  return {
    ecId: tag.int(UINT32_MAX),
    fileHash: tag.need(EC_TAG.PARTFILE_HASH).hash(),
    name: tag.need(EC_TAG.PARTFILE_NAME).text(),
    size: tag.need(EC_TAG.PARTFILE_SIZE_FULL).int(),
    location: tag.need(EC_TAG.KNOWNFILE_FILENAME).text(),
    link: tag.need(EC_TAG.PARTFILE_ED2K_LINK).text(),
    bytesSent: tag.need(EC_TAG.KNOWNFILE_XFERRED).int(),
    bytesSentEver: tag.need(EC_TAG.KNOWNFILE_XFERRED_ALL).int(),
    acceptCount: tag.need(EC_TAG.KNOWNFILE_ACCEPT_COUNT).int(),
  };
}

export function readStatisticsNode(tag: TagView): StatisticsNode {
  return {
    label: tag.text(),
    values: tag.all(EC_TAG.STAT_NODE_VALUE).map((value) => value.value()),
    children: tag.all(EC_TAG.STATTREE_NODE).map(readStatisticsNode),
  };
}
