// SPDX-License-Identifier: GPL-2.0-or-later
// Bounds of the control plane between sites: sizes, times and counts, each with its reason.
import { SEALED_SECRETS_SIZE_MAX } from '../base/limits.ts';
import { envelopeSizeMax } from '../dataset/envelope.ts';

/** Peers of a site: each has a connection, an outbox and a row; the product is made for tens. */
export const PEERS_MAX = 256;

/** What a header, a genesis and sealed secrets can have at most, and the keys around them. */
export const OFFER_SIZE_MAX =
  envelopeSizeMax('manifestHeader') + envelopeSizeMax('genesis') + SEALED_SECRETS_SIZE_MAX + 256;

/** Answers are small JSON objects, or an error with one sentence. */
export const REPLY_SIZE_MAX = 16_384;

/** Bodies that are being received by all sessions together; more are asked to come again. */
export const BODY_BYTES_IN_FLIGHT_MAX = 67_108_864;

/** A request carries six short header fields. */
export const HEADER_LIST_SIZE_MAX = 8_192;
export const HEADER_PAIRS_MAX = 32;

/** A peer sends one item at a time, with a ping beside it. */
export const STREAMS_PER_SESSION_MAX = 16;

/** A peer has one connection; a second one appears while the first is found dead. */
export const SESSIONS_PER_PEER_MAX = 3;

/** Connections that have not proved who they are: they hold a TLS state of some 50 KB each. */
export const UNPROVEN_CONNECTIONS_MAX = 128;
export const UNPROVEN_CONNECTIONS_PER_HOST_MAX = 16;

/** From the first byte to the end of the TLS handshake: three round trips of a bad line. */
export const HANDSHAKE_TIMEOUT_MS = 5_000;

/** A refused connection is read and thrown away that long, so that the reason gets through. */
export const REFUSAL_DRAIN_MS = 1_000;

/** Nothing arrived on a request that is not complete. */
export const REQUEST_IDLE_TIMEOUT_MS = 10_000;

/** A whole request: a body of 10 MB at 85 KB/s. */
export const REQUEST_TOTAL_TIMEOUT_MS = 120_000;

/** The client waits longer than the server, so that the server's own verdict arrives. */
export const REPLY_TIMEOUT_MS = 150_000;

/** A live connection is asked this often, and is dead when the answer takes so long. */
export const PING_INTERVAL_MS = 2_000;
export const PING_TIMEOUT_MS = 4_000;

/** The server ends a session on which nothing arrived, pings included. */
export const SESSION_IDLE_TIMEOUT_MS = 15_000;

/** Pause before the next attempt to reach a peer or to deliver an item; doubles, with jitter. */
export const BACKOFF_MIN_MS = 1_000;
export const BACKOFF_MAX_MS = 30_000;

/** Window of a stream: a 10 MB body takes 10 round trips, not 160. */
export const STREAM_WINDOW_SIZE = 1_048_576;

/** Items that wait for one peer: a peer that was away for a year of a snapshot each 10 minutes. */
export const OUTBOX_ITEMS_PER_PEER_MAX = 65_536;
