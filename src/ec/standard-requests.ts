// SPDX-License-Identifier: GPL-2.0-or-later
// aMule's own requests, typed. They run over anything that exchanges packets: an EC connection, or
// the C interface of the embedded core. Fields of replies: ECSpecialCoreTags.cpp of aMule 2.3.3.
import type {
  ConnectState,
  CoreStatus,
  Download,
  DownloadPriority,
  SharedFile,
  StatisticsNode,
  Totals,
} from './core-state.ts';
import {
  readConnectState,
  readDownload,
  readSharedFile,
  readStatisticsNode,
  readStatus,
  readTotals,
} from './core-state.ts';
import { EC_OP } from './opcodes.ts';
import { preferencesTags, readPreferences } from './preferences.ts';
import type { Preferences, PreferencesChange } from './preferences.ts';
import { PREFERENCE_GROUPS } from './preferences.ts';
import { expectReply } from './reply.ts';
import { hashTag, intTag, textTag } from './tag.ts';
import type { EcPacket, EcTag } from './tag.ts';
import type { TagView } from './tag-view.ts';
import { EC_TAG } from './tags.ts';

/** How much a reply tells (EC_DETAIL_LEVEL). */
const DETAIL = { CMD: 0, WEB: 1, FULL: 2 } as const;

/** PR_* of aMule (Constants.h), as far as downloads use them. */
const PRIORITY_CODES: Readonly<Record<DownloadPriority, number>> = {
  low: 0,
  normal: 1,
  high: 2,
  auto: 5,
};

export type EcExchange = (request: EcPacket) => Promise<EcPacket>;

/**
 * Each method is one request. All reject with ERR_CORE_REFUSED when the core says no, and with what
 * the exchange rejects with. File hashes are 32 lower-case hex digits.
 */
export class StandardRequests {
  /** Sends any packet; the answer is not looked at. */
  readonly exchange: EcExchange;

  constructor(exchange: EcExchange) {
    this.exchange = exchange;
  }

  async status(): Promise<CoreStatus> {
    const tags = [intTag(EC_TAG.DETAIL_LEVEL, DETAIL.CMD)];
    return readStatus(await this.#ask(EC_OP.STAT_REQ, tags, EC_OP.STATS));
  }

  /** Totals since the core's installation, and the log lines that this connection has not seen. */
  async totals(): Promise<Totals> {
    return readTotals(await this.#ask(EC_OP.STAT_REQ, [], EC_OP.STATS));
  }

  /** The tree of statistics, as aMule's programs show it. */
  async statistics(): Promise<StatisticsNode> {
    const reply = await this.#ask(EC_OP.GET_STATSTREE, [], EC_OP.STATSTREE);
    return readStatisticsNode(reply.need(EC_TAG.STATTREE_NODE));
  }

  async connectState(): Promise<ConnectState> {
    const reply = await this.#ask(EC_OP.GET_CONNSTATE, [], EC_OP.MISC_DATA);
    return readConnectState(reply.need(EC_TAG.CONNSTATE));
  }

  async downloads(): Promise<Download[]> {
    const reply = await this.#ask(EC_OP.GET_DLOAD_QUEUE, [], EC_OP.DLOAD_QUEUE);
    return reply.all(EC_TAG.PARTFILE).map(readDownload);
  }

  async sharedFiles(): Promise<SharedFile[]> {
    const reply = await this.#ask(EC_OP.GET_SHARED_FILES, [], EC_OP.SHARED_FILES);
    return reply.all(EC_TAG.KNOWNFILE).map(readSharedFile);
  }

  /** Scans the shared folders again; the core does nothing else meanwhile. */
  async reloadSharedFiles(): Promise<void> {
    await this.#ask(EC_OP.SHAREDFILES_RELOAD, []);
  }

  /** Begins the download of an eD2k link, or adds its sources to the one that runs. */
  async addLink(link: string): Promise<void> {
    await this.#ask(EC_OP.ADD_LINK, [textTag(EC_TAG.STRING, link)]);
  }

  async pause(fileHash: string): Promise<void> {
    await this.#ask(EC_OP.PARTFILE_PAUSE, [hashTag(EC_TAG.PARTFILE, fileHash)]);
  }

  async resume(fileHash: string): Promise<void> {
    await this.#ask(EC_OP.PARTFILE_RESUME, [hashTag(EC_TAG.PARTFILE, fileHash)]);
  }

  /** Pauses and lets the sources go. */
  async stop(fileHash: string): Promise<void> {
    await this.#ask(EC_OP.PARTFILE_STOP, [hashTag(EC_TAG.PARTFILE, fileHash)]);
  }

  /** Ends the download and deletes what it had. */
  async remove(fileHash: string): Promise<void> {
    await this.#ask(EC_OP.PARTFILE_DELETE, [hashTag(EC_TAG.PARTFILE, fileHash)]);
  }

  async setPriority(fileHash: string, priority: DownloadPriority): Promise<void> {
    const code = intTag(EC_TAG.PARTFILE_PRIO, PRIORITY_CODES[priority]);
    await this.#ask(EC_OP.PARTFILE_PRIO_SET, [hashTag(EC_TAG.PARTFILE, fileHash, [code])]);
  }

  async preferences(): Promise<Preferences> {
    const tags = [intTag(EC_TAG.SELECT_PREFS, PREFERENCE_GROUPS)];
    return readPreferences(await this.#ask(EC_OP.GET_PREFERENCES, tags, EC_OP.SET_PREFERENCES));
  }

  /** Changes what is given and leaves the rest. The core writes its amule.conf. */
  async setPreferences(change: PreferencesChange): Promise<void> {
    // At this level booleans come with a value, and one that is absent keeps its own.
    const tags = [intTag(EC_TAG.DETAIL_LEVEL, DETAIL.FULL), ...preferencesTags(change)];
    await this.#ask(EC_OP.SET_PREFERENCES, tags);
  }

  /** The whole log, oldest line first. */
  async log(): Promise<string[]> {
    const reply = await this.#ask(EC_OP.GET_LOG, [], EC_OP.LOG);
    return reply
      .need(EC_TAG.STRING)
      .text()
      .split('\n')
      .filter((line) => line !== '');
  }

  /** Asks the core to end in order; it answers before it does. */
  async shutdown(): Promise<void> {
    await this.#ask(EC_OP.SHUTDOWN, []);
  }

  async #ask(
    opcode: number,
    tags: readonly EcTag[],
    answerOpcode: number = EC_OP.NOOP,
  ): Promise<TagView> {
    const request = { opcode, tags };
    return expectReply(request, await this.exchange(request), answerOpcode);
  }
}
