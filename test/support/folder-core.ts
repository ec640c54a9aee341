// SPDX-License-Identifier: GPL-2.0-or-later
// A core whose network is the folders of other sites: it takes complete packs from there at once,
// and fails in the ways a test asks for. For what replication does around a core; what a core does
// is tested with real ones.
import { copyFile, rename } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ReplicationError } from '../../src/base/errors.ts';
import { SURFACE_VERSION } from '../../src/core/core.ts';
import type {
  ClientTotals,
  Core,
  CoreEvent,
  CoreEventBody,
  CoreInfo,
  CoreTrust,
  EndPoint,
  FetchRequest,
  FetchState,
  SharedPack,
  SourceState,
} from '../../src/core/core.ts';
import { StandardRequests } from '../../src/ec/standard-requests.ts';
import { partCount } from '../../src/ed2k/part-arithmetic.ts';
import { PartBitmap } from '../../src/ed2k/part-bitmap.ts';

export class FolderCore implements Core {
  readonly mode = 'embedded';
  readonly ec = new StandardRequests(() => Promise.reject(new Error('no aMule here')));
  trusted: readonly EndPoint[] = [];
  readonly shared = new Map<string, SharedPack>();
  /** Every request, in order. */
  readonly requests: FetchRequest[] = [];
  /** What fetch() does; by default it finds the pack in one of the folders, or waits. */
  behaviour: (request: FetchRequest) => Promise<void> = (request) => this.#take(request);
  /** Thrown by every request while it is set. */
  failure: ReplicationError | undefined;
  readonly #folders: readonly string[];
  readonly #fetching = new Map<string, FetchRequest>();
  readonly #listeners = new Set<(event: CoreEvent) => void>();
  readonly #restarted = new Set<() => void>();
  #sequence = 0;

  constructor(folders: readonly string[] = []) {
    this.#folders = folders;
  }

  emit(event: CoreEventBody): void {
    this.#sequence += 1;
    for (const listener of this.#listeners) listener({ ...event, sequence: this.#sequence });
  }

  /** As a core does that was started again: it has forgotten everything. */
  restart(): void {
    this.trusted = [];
    this.shared.clear();
    this.#fetching.clear();
    for (const listener of this.#restarted) listener();
  }

  start(): Promise<void> {
    return Promise.resolve();
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }

  info(): Promise<CoreInfo> {
    return this.#answer({ version: 'test', surfaceVersion: SURFACE_VERSION, port: 4662, boot: 1n });
  }

  async setTrust({ clients }: CoreTrust): Promise<void> {
    await this.#answer(undefined);
    this.trusted = clients.map(({ host, port }) => ({ host, port }));
  }

  async share(packs: readonly SharedPack[]): Promise<void> {
    await this.#answer(undefined);
    for (const pack of packs) this.shared.set(pack.fileHash, pack);
  }

  async unshare(fileHashes: readonly string[]): Promise<void> {
    await this.#answer(undefined);
    for (const fileHash of fileHashes) this.shared.delete(fileHash);
  }

  async fetch(request: FetchRequest): Promise<void> {
    this.requests.push(request);
    await this.#answer(undefined);
    this.#fetching.set(request.fileHash, request);
    await this.behaviour(request);
  }

  addSources(): Promise<void> {
    return this.#answer(undefined);
  }

  askNow(): Promise<void> {
    return this.#answer(undefined);
  }

  sources(): Promise<SourceState[]> {
    return this.#answer([]);
  }

  fetches(fileHashes: readonly string[] = [...this.#fetching.keys()]): Promise<FetchState[]> {
    return this.#answer(
      fileHashes.flatMap((fileHash) => {
        const request = this.#fetching.get(fileHash);
        if (request === undefined) return [];
        const { size, path } = request;
        const verified = PartBitmap.empty(partCount(size));
        return [{ fileHash, state: 'waiting', size, bytesDone: 0, verified, path, rate: 0 }];
      }),
    );
  }

  invalidatePart(): Promise<void> {
    return this.#answer(undefined);
  }

  avoid(): Promise<void> {
    return this.#answer(undefined);
  }

  cancel(fileHash: string): Promise<void> {
    this.#fetching.delete(fileHash);
    return this.#answer(undefined);
  }

  clients(): Promise<ClientTotals[]> {
    return this.#answer([]);
  }

  onEvent(listener: (event: CoreEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  onRestart(listener: () => void): () => void {
    this.#restarted.add(listener);
    return () => void this.#restarted.delete(listener);
  }

  /** Ends a fetch as complete; the file is at its path. */
  complete({ fileHash, path }: Pick<FetchRequest, 'fileHash' | 'path'>): void {
    this.#fetching.delete(fileHash);
    this.emit({ kind: 'fileComplete', fileHash, path });
  }

  async #take(request: FetchRequest): Promise<void> {
    for (const folder of this.#folders) {
      const temporary = `${request.path}.taken.tmp`;
      try {
        await copyFile(join(folder, basename(request.path)), temporary);
      } catch {
        continue;
      }
      await rename(temporary, request.path);
      this.complete(request);
      return;
    }
  }

  #answer<T>(value: T): Promise<T> {
    return this.failure === undefined ? Promise.resolve(value) : Promise.reject(this.failure);
  }
}
