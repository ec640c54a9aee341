// SPDX-License-Identifier: GPL-2.0-or-later
// A patched amuled that the admin runs, with shares and downloads of its own. We attach to its
// control socket and change nothing but what the control surface made for us.
import type { Clock } from '../base/clock.ts';
import { ReplicationError } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import type { EcPacket } from '../ec/tag.ts';
import { EcLink, coreConnection } from './ec-link.ts';
import type { CoreTransport, TransportHooks } from './transport.ts';

export interface ExternalComponents {
  readonly clock: Clock;
  readonly log: Logger;
}

export interface ExternalInit {
  /** Its control socket, absolute: what its amule.conf names. */
  readonly socketPath: string;
}

export class ExternalTransport implements CoreTransport {
  readonly mode = 'external';
  readonly pushesEvents = false;

  readonly #components: ExternalComponents;
  readonly #init: ExternalInit;
  #link: EcLink | undefined;

  constructor(components: ExternalComponents, init: ExternalInit) {
    this.#components = components;
    this.#init = init;
  }

  /** Waits for a core that does not run yet, as long as the signal lets it. */
  async start(hooks: TransportHooks, signal?: AbortSignal): Promise<void> {
    const init = { connection: coreConnection(this.#init.socketPath), patienceMs: Infinity };
    this.#link = new EcLink({ ...this.#components, hooks }, init);
    await this.#link.open(signal);
  }

  exchange(request: EcPacket): Promise<EcPacket> {
    if (this.#link !== undefined) return this.#link.exchange(request);
    return Promise.reject(new ReplicationError('ERR_EC_CLOSED', 'not attached to a core'));
  }

  async stop(): Promise<void> {
    await this.#link?.close();
  }
}
