// SPDX-License-Identifier: GPL-2.0-or-later
// Sizes of the eD2k network, as aMule 2.3.3 has them (include/protocol/ed2k/Constants.h).

/** PARTSIZE: the unit of MD4 part hashes and of what a client offers. */
export const PART_SIZE = 9_728_000;
/** EMBLOCKSIZE: the unit of requests and of AICH leaves. */
export const BLOCK_SIZE = 184_320;
/** MAX_FILE_SIZE. */
export const FILE_SIZE_MAX = 2 ** 38;
/** Bytes of a file hash and of a part hash (MD4). */
export const FILE_HASH_SIZE = 16;
/** Bytes of an AICH hash (SHA-1). */
export const AICH_HASH_SIZE = 20;
