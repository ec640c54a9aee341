// SPDX-License-Identifier: GPL-2.0-or-later
// Bounds of External Connections: what a core may send, and how long it may take.

/** Longest payload, packed or unpacked: what aMule itself accepts (ECSocket.cpp, ReadHeader). */
export const EC_PAYLOAD_SIZE_MAX = 16 * 1024 * 1024;

/** Longest payload before the login: a salt or a sentence of refusal. */
export const EC_LOGIN_PAYLOAD_SIZE_MAX = 4096;

/** Tags inside tags. aMule's deepest packet, the tree of statistics, has 8. */
export const EC_TAG_DEPTH_MAX = 32;

/** Tags of a packet: 20,000 shared files with 20 tags each; keeps a packet below 200 MB of heap. */
export const EC_TAG_COUNT_MAX = 500_000;

/**
 * Requests written before the oldest of them is answered. One: with more, stock 2.3.3 answers half
 * as many a second and now and then drops the connection (a race in its socket layer).
 */
export const EC_IN_FLIGHT_MAX = 1;

/** Requests that wait for their turn; a caller that has more of them has lost control. */
export const EC_QUEUE_MAX = 10_000;

/** From connect to the end of the login. */
export const EC_LOGIN_TIMEOUT_MS = 10_000;

/** For an answer: aMule answers on its main thread, which a reload of the shares holds for seconds. */
export const EC_ANSWER_TIMEOUT_MS = 60_000;

/** For the peer to finish after our end of the connection is closed. */
export const EC_CLOSE_TIMEOUT_MS = 1_000;
