// SPDX-License-Identifier: GPL-2.0-or-later
// Bounds of publishing and following, each with its reason. Sizes are bytes.

const KiB = 1024;
const MiB = 1024 * KiB;

/** Offers whose body is awaited; a peer that never sends bodies cannot use up memory. */
export const OFFERS_PENDING_MAX = 64;

/** Bytes of files read by one call: large enough to hide its cost, small enough to hold several. */
export const READ_BATCH_SIZE = 8 * MiB;
/** Files above this are read alone, piece by piece. */
export const SMALL_FILE_SIZE_MAX = 1 * MiB;
/** Files read by one call; bounds its time on a slow disk. */
export const READ_BATCH_FILES = 512;
/** Raw chunk bytes that are compressed and encrypted by one call. */
export const ENCODE_BATCH_SIZE = 4 * MiB;
/** Bytes of recipe kept before chunks are cut from them; a few longest chunks. */
export const RECIPE_BATCH_SIZE = 4 * MiB;
/** Reads of a file that changes meanwhile before the publish is given up. */
export const READ_ATTEMPTS_MAX = 3;
/** A file changed this shortly before it was looked at may change again within one clock tick. */
export const STAMP_MARGIN_MS = 100;
/** The same where the file system counts whole seconds (FAT: two). */
export const STAMP_MARGIN_COARSE_MS = 2_000;
/** Stamps of the files of one snapshot: 4 million paths of 100 bytes. */
export const STAMP_FILE_SIZE_MAX = 640 * MiB;

/** Raw bytes of chunks that a recomposer reads and writes by one call. */
export const RECOMPOSE_BATCH_SIZE = 8 * MiB;
/** Entries made by one call. */
export const RECOMPOSE_BATCH_ENTRIES = 1_024;
/** Space given back ahead of what is about to be written, so that the writer finds it free. */
export const RESERVATION_SLACK = 64 * MiB;
/** Space that a name and an inode take at most on the usual file systems; a folder takes a block. */
export const ENTRY_OVERHEAD = 1 * KiB;
export const BLOCK_SIZE = 4 * KiB;

/** A fetch is looked at this often beside its events, in case one was lost with a core. */
export const FETCH_POLL_INTERVAL_MS = 2_000;
/** Verified parts are noted this often; what is lost in a crash is hashed again, not fetched. */
export const PARTS_SAVE_INTERVAL_MS = 1_000;
/** First and longest pause before a follower tries again by itself. */
export const FOLLOW_RETRY_MIN_MS = 1_000;
export const FOLLOW_RETRY_MAX_MS = 30_000;
/** Times that packs are repaired before a snapshot is given up until something changes. */
export const REPAIR_ROUNDS_MAX = 8;
/** Differences that `verify` lists; the rest is only counted. */
export const DIFFERENCES_MAX = 1_000;
/** Packs of bytes that do not compress grow by trailer and frames: under one part in a hundred. */
export const PACK_GROWTH = 1.01;
/** Room for the recipe and for the ends of packs. */
export const PACK_OVERHEAD = 16 * MiB;
