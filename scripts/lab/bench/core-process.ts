// SPDX-License-Identifier: GPL-2.0-or-later
// A core in a site's namespaces, seen from the benchmark.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CoreEvent, EndPoint } from '../../../src/core/core.ts';
import type { Network } from '../network.ts';
import type { SiteCalls, SiteMessage, SiteMethod } from './site-messages.ts';

const MAIN = fileURLToPath(new URL('./core-site.js', import.meta.url));
const PORT = 4662;

export interface CoreProcessInit {
  /** From 1. */
  readonly site: number;
  /** site-<n> below the work folder of the network. */
  readonly folder: string;
  /** Absolute path of libmulecore.so. */
  readonly library: string;
}

/** An event and when it came, in monotonic milliseconds. */
export interface TimedEvent {
  readonly atMs: number;
  readonly event: CoreEvent;
}

interface Pending {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

export class CoreProcess {
  readonly endPoint: EndPoint;
  /** Resolves when the core answers; rejects when it ended before. */
  readonly ready: Promise<void>;
  /** For packs and what is fetched. */
  readonly filesFolder: string;
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  readonly #pending = new Map<number, Pending>();
  readonly #listeners = new Set<(timed: TimedEvent) => void>();
  #corePid = 0;
  #lastId = 0;
  #onReady: Pending = { resolve: () => undefined, reject: () => undefined };

  /** Starts it in that folder, which is made. */
  constructor(network: Network, init: CoreProcessInit) {
    const host = network.address(init.site);
    this.#name = `site-${init.site}`;
    this.endPoint = { host, port: PORT };
    this.filesFolder = join(init.folder, 'files');
    const [program = '', ...args] = network.command(init.site, [
      ...[process.execPath, '--enable-source-maps', MAIN],
      ...[init.folder, host, String(PORT), init.library],
    ]);
    mkdirSync(init.folder, { recursive: true });
    this.ready = new Promise((resolve, reject) => {
      this.#onReady = { resolve: () => resolve(), reject };
    });
    this.ready.catch(() => undefined);
    this.#child = spawn(program, args, {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      serialization: 'advanced',
    });
    this.#child.on('message', (message) => this.#receive(message as SiteMessage));
    this.#ended = new Promise((resolve) => {
      this.#child.once('error', (error) => this.#fail(error.message));
      this.#child.once('exit', (code, signal) => {
        this.#fail(`ended with ${signal ?? code ?? 0}`);
        resolve();
      });
    });
  }

  /** Process id of the child that the core runs in. */
  get corePid(): number {
    return this.#corePid;
  }

  call<Method extends SiteMethod>(
    method: Method,
    ...args: Parameters<SiteCalls[Method]>
  ): Promise<ReturnType<SiteCalls[Method]>> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve: (value) => resolve(value as never), reject });
      this.#child.send({ id, method, argument: args[0] }, (error) => {
        if (error !== null) reject(error);
      });
    });
  }

  onEvent(listener: (timed: TimedEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Ends the core in order; safe to call twice. */
  async stop(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect();
    await this.#ended;
  }

  #receive(message: SiteMessage): void {
    switch (message.kind) {
      case 'ready':
        this.#corePid = message.corePid;
        this.#onReady.resolve(null);
        return;
      case 'event':
        for (const listener of [...this.#listeners]) listener(message);
        return;
      case 'answer':
        this.#take(message.id)?.resolve(message.value);
        return;
      case 'failed':
        if (message.id === null) this.#fail(message.text);
        else this.#take(message.id)?.reject(new Error(`${this.#name}: ${message.text}`));
    }
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    return pending;
  }

  #fail(text: string): void {
    const error = new Error(`${this.#name}: ${text}`);
    this.#onReady.reject(error);
    for (const id of [...this.#pending.keys()]) this.#take(id)?.reject(error);
  }
}
