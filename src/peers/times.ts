// SPDX-License-Identifier: GPL-2.0-or-later
// How long the ends of a connection wait for each other; shorter in tests.
import {
  PEER_PING_INTERVAL_MS,
  PEER_PING_TIMEOUT_MS,
  PUSH_HANDSHAKE_TIMEOUT_MS,
  PUSH_IDLE_TIMEOUT_MS,
  PUSH_SESSION_IDLE_MS,
  PUSH_TOTAL_TIMEOUT_MS,
} from '../base/limits.ts';

export interface ServerTimes {
  readonly handshakeMs: number;
  /** Nothing came on a request that is not complete. */
  readonly requestIdleMs: number;
  readonly requestTotalMs: number;
  readonly sessionIdleMs: number;
}

export const SERVER_TIMES: ServerTimes = {
  handshakeMs: PUSH_HANDSHAKE_TIMEOUT_MS,
  requestIdleMs: PUSH_IDLE_TIMEOUT_MS,
  requestTotalMs: PUSH_TOTAL_TIMEOUT_MS,
  sessionIdleMs: PUSH_SESSION_IDLE_MS,
};

export interface LinkTimes {
  readonly pingIntervalMs: number;
  readonly pingTimeoutMs: number;
}

export const LINK_TIMES: LinkTimes = {
  pingIntervalMs: PEER_PING_INTERVAL_MS,
  pingTimeoutMs: PEER_PING_TIMEOUT_MS,
};
