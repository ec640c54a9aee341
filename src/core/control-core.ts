// SPDX-License-Identifier: GPL-2.0-or-later
// Core over any transport: encodes requests, reads replies, follows events, and tells its owner
// when the core at the other end is not the one it knew.
import { ReplicationError, hasCode, messageOf } from '../base/errors.ts';
import type { Clock } from '../base/clock.ts';
import { CORE_BATCH_MAX, CORE_POLL_BUSY_MS, CORE_POLL_IDLE_MS } from '../base/limits.ts';
import type { Logger } from '../base/logger.ts';
import { MULEPLEX_OP as OP, EC_OP } from '../ec/opcodes.ts';
import { expectReply } from '../ec/reply.ts';
import { StandardRequests } from '../ec/standard-requests.ts';
import type { EcExchange } from '../ec/standard-requests.ts';
import type { EcPacket } from '../ec/tag.ts';
import { TagView } from '../ec/tag-view.ts';
import { partCount } from '../ed2k/part-arithmetic.ts';
import * as codec from './control-codec.ts';
import { SURFACE_VERSION } from './core.ts';
import type {
  ClientTotals,
  Core,
  CoreEvent,
  CoreInfo,
  CoreMode,
  CoreTrust,
  EndPoint,
  FetchRequest,
  FetchState,
  SharedPack,
  SourceState,
} from './core.ts';
import { Listeners } from './listeners.ts';
import type { CoreTransport, Greeting } from './transport.ts';

export interface ControlCoreComponents {
  readonly transport: CoreTransport;
  readonly clock: Clock;
  readonly log: Logger;
}

export class ControlCore implements Core {
  readonly mode: CoreMode;
  readonly ec: StandardRequests;

  readonly #transport: CoreTransport;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #events: Listeners<CoreEvent>;
  readonly #restarts: Listeners<void>;
  readonly #stopping = new AbortController();
  /** Sizes of the files that are being fetched, as far as this process asked for them. */
  readonly #fetching = new Map<string, number>();
  /** Of the core that answered last. */
  #boot: bigint | undefined;
  #sequence = 0;
  #polling: Promise<void> | undefined;

  constructor(components: ControlCoreComponents) {
    this.#transport = components.transport;
    this.#clock = components.clock;
    this.#log = components.log;
    this.mode = components.transport.mode;
    this.ec = new StandardRequests((request) => this.#transport.exchange(request));
    this.#events = new Listeners(components.log);
    this.#restarts = new Listeners(components.log);
  }

  async start(signal?: AbortSignal): Promise<void> {
    await this.#transport.start(
      {
        greet: (exchange) => this.#greet(exchange),
        ready: (greeting) => this.#ready(greeting),
        push: (packet) => this.#takeEvents(codec.readEvents(TagView.of(packet))),
      },
      signal,
    );
    if (!this.#transport.pushesEvents) this.#polling = this.#poll();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#transport.stop();
    await this.#polling;
  }

  async info(): Promise<CoreInfo> {
    const { version, surfaceVersion, port, boot } = codec.readInfo(
      await this.#ask(codec.infoRequest(), OP.INFO),
    );
    return { version, surfaceVersion, port, boot };
  }

  async setTrust(trust: CoreTrust): Promise<void> {
    await this.#ask(codec.trustRequest(trust));
  }

  async share(packs: readonly SharedPack[]): Promise<void> {
    for (const batch of batches(packs)) await this.#ask(codec.shareRequest(batch));
  }

  async unshare(fileHashes: readonly string[]): Promise<void> {
    for (const batch of batches(fileHashes)) {
      await this.#ask(codec.filesRequest(OP.UNSHARE, batch));
    }
  }

  async fetch(request: FetchRequest): Promise<void> {
    await this.#ask(codec.fetchRequest(request));
    this.#fetching.set(request.fileHash, request.size);
  }

  async addSources(fileHash: string, sources: readonly EndPoint[]): Promise<void> {
    await this.#ask(codec.addSourcesRequest(fileHash, sources));
  }

  async askNow(fileHash: string): Promise<void> {
    await this.#ask(codec.fileRequest(OP.ASK_NOW, fileHash));
  }

  async sources(fileHash: string): Promise<SourceState[]> {
    const size = this.#fetching.get(fileHash) ?? (await this.#sizeOf(fileHash));
    const reply = await this.#ask(codec.fileRequest(OP.SOURCES, fileHash), OP.SOURCES);
    return codec.readSources(reply, partCount(size));
  }

  async fetches(fileHashes?: readonly string[]): Promise<FetchState[]> {
    if (fileHashes === undefined) return this.#askParts([]);
    const states: FetchState[] = [];
    for (const batch of batches(fileHashes)) states.push(...(await this.#askParts(batch)));
    return states;
  }

  async invalidatePart(fileHash: string, partIndex: number): Promise<void> {
    await this.#ask(codec.invalidateRequest(fileHash, partIndex));
  }

  async avoid(fileHash: string, source: EndPoint, partIndex: number): Promise<void> {
    await this.#ask(codec.avoidRequest(fileHash, source, partIndex));
  }

  async cancel(fileHash: string): Promise<void> {
    await this.#ask(codec.fileRequest(OP.CANCEL, fileHash));
    this.#fetching.delete(fileHash);
  }

  async clients(): Promise<ClientTotals[]> {
    return codec.readClients(await this.#ask(codec.clientsRequest(), OP.CLIENTS));
  }

  onEvent(listener: (event: CoreEvent) => void): () => void {
    return this.#events.add(listener);
  }

  onRestart(listener: () => void): () => void {
    return this.#restarts.add(listener);
  }

  async #ask(request: EcPacket, answerOpcode: number = EC_OP.NOOP): Promise<TagView> {
    return expectReply(request, await this.#transport.exchange(request), answerOpcode);
  }

  async #askParts(fileHashes: readonly string[]): Promise<FetchState[]> {
    return codec.readFetches(await this.#ask(codec.filesRequest(OP.PARTS, fileHashes), OP.PARTS));
  }

  async #sizeOf(fileHash: string): Promise<number> {
    const [state] = await this.#askParts([fileHash]);
    if (state !== undefined) return state.size;
    throw new ReplicationError('ERR_CORE_REFUSED', `the core does not fetch ${fileHash}`, {
      fileHash,
      reason: 'NOT_FOUND',
    });
  }

  async #greet(exchange: EcExchange): Promise<Greeting> {
    const info = await askInfo(exchange);
    if (info.surfaceVersion !== SURFACE_VERSION) {
      throw new ReplicationError(
        'ERR_CORE_REFUSED',
        `the core has version ${info.surfaceVersion} of the control surface, not ${SURFACE_VERSION}`,
        { surfaceVersion: info.surfaceVersion },
      );
    }
    const known = this.#boot;
    if (known === info.boot) return 'same';
    this.#boot = info.boot;
    this.#sequence = info.lastSequence;
    this.#log.info('the core answers', { version: info.version, port: info.port });
    return known === undefined ? 'first' : 'restarted';
  }

  #ready(greeting: Greeting): void {
    if (greeting === 'restarted') this.#restarts.emit();
  }

  async #poll(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      let waitMs = this.#fetching.size > 0 ? CORE_POLL_BUSY_MS : CORE_POLL_IDLE_MS;
      try {
        if (await this.#askEvents()) waitMs = 0;
      } catch (error) {
        this.#reportPollFailure(error);
      }
      // Rejects only when this core is stopped, which the loop sees.
      await this.#clock.sleep(waitMs, signal).catch(() => undefined);
    }
  }

  /** A core that is away is its transport's business; what cannot be read is worth a line. */
  #reportPollFailure(error: unknown): void {
    if (hasCode(error, 'ERR_EC_CLOSED') || hasCode(error, 'ERR_CORE_DIED')) return;
    this.#log.warn('events of the core cannot be read', { error: messageOf(error) });
  }

  /** True when there are more events than one reply holds. */
  async #askEvents(): Promise<boolean> {
    if (this.#boot === undefined) return false;
    const request = codec.eventsRequest(this.#sequence, this.#boot);
    const reply = codec.readEvents(await this.#ask(request, OP.EVENTS));
    this.#takeEvents(reply);
    return reply.events.length > 0 && this.#sequence < reply.lastSequence;
  }

  #takeEvents(reply: codec.EventsReply): void {
    if (reply.boot !== this.#boot) return;
    for (const { sequence, body } of reply.events) {
      if (sequence <= this.#sequence) continue;
      const isGap = sequence !== this.#sequence + 1;
      this.#sequence = sequence;
      if (isGap) this.#reportGap();
      if (body === undefined) continue;
      if (body.kind === 'fileComplete') this.#fetching.delete(body.fileHash);
      this.#events.emit({ sequence, ...body });
    }
  }

  /** The ring of the core ran over: only a look at the whole state tells what happened. */
  #reportGap(): void {
    this.#log.warn('events of the core were lost');
    this.#restarts.emit();
  }
}

/** A stock amuled refuses the operation as one it does not know. */
async function askInfo(exchange: EcExchange): Promise<ReturnType<typeof codec.readInfo>> {
  const request = codec.infoRequest();
  const answer = await exchange(request);
  try {
    return codec.readInfo(expectReply(request, answer, OP.INFO));
  } catch (error) {
    if (!hasCode(error, 'ERR_CORE_REFUSED')) throw error;
    throw new ReplicationError(
      'ERR_CORE_REFUSED',
      'the core has no control surface: it is not an aMule with the patches of this program',
      { surfaceVersion: 0 },
      error,
    );
  }
}

function* batches<Item>(items: readonly Item[]): Generator<readonly Item[]> {
  for (let at = 0; at < items.length; at += CORE_BATCH_MAX) {
    yield items.slice(at, at + CORE_BATCH_MAX);
  }
}
