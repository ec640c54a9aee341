// SPDX-License-Identifier: GPL-2.0-or-later
// aMule's requests over a connection of one's own: for programs that look at a core, as amulecmd.
import { EcConnection } from './connection.ts';
import type { EcConnectionInit } from './connection.ts';
import { StandardRequests } from './standard-requests.ts';

export class EcClient extends StandardRequests {
  readonly #connection: EcConnection;

  private constructor(connection: EcConnection) {
    super((request) => connection.exchange(request));
    this.#connection = connection;
  }

  /** Connects and logs in; rejects as EcConnection.open. */
  static async connect(init: EcConnectionInit, signal?: AbortSignal): Promise<EcClient> {
    return new EcClient(await EcConnection.open(init, signal));
  }

  /** Version text of the core. */
  get serverVersion(): string {
    return this.#connection.serverVersion;
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }
}
