// SPDX-License-Identifier: GPL-2.0-or-later
// Every bound of the system as a named constant with its reason; docs/limits.md lists them.
// Sizes are bytes. Bounds of formats are part of docs/formats.md: changing one is a new version.

const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;

// --- Local API.

/** A call of the local API names folders, data sets and one link list; a card is under 1 KB. */
export const CONTROL_BODY_SIZE_MAX = 1 * MiB;
/** A home that is in use is tried again: a command leaves it at once, a daemon soon answers. */
export const HOME_LOCK_WAIT_MS = 10_000;
export const HOME_LOCK_RETRY_MS = 50;

// --- Bencode. Our formats nest 3 levels; packed byte strings hold whatever there are many of.

/** Nesting of lists and dictionaries: a decoder may recurse this far without using up its stack. */
export const BENCODE_DEPTH_MAX = 8;
/** Values of one document, keys included: 4,096 descriptors and as much again for the rest. */
export const BENCODE_ITEMS_MAX = 16_384;
/** Length of a dictionary key: keys are short words of our own. */
export const BENCODE_KEY_LENGTH_MAX = 16;

// --- Names and addresses.

/** Characters of the name of a site or a data set: fits a table column and a file name. */
export const NAME_LENGTH_MAX = 64;
/** A DNS name in text form (RFC 1035, 2.3.4). */
export const HOST_LENGTH_MAX = 253;

// --- Signed records. Payload sizes are checked before a signature is.

/** Site record: four keys and two addresses. */
export const SITE_RECORD_SIZE_MAX = 1 * KiB;
/** Genesis: 64 owners of 32 bytes, and parameters. */
export const GENESIS_SIZE_MAX = 4 * KiB;
/** Owners of a data set: people who can agree on a takeover. */
export const OWNERS_MAX = 64;
/** Manifest header: kept for ever by every site, so it stays small. */
export const MANIFEST_HEADER_SIZE_MAX = 2 * KiB;
/** Members a synchronous commit waits for: 48 ids of 32 bytes fit the header beside the rest. */
export const MEMBERS_MAX = 48;
/** Receipt: two ids, a state, a time. */
export const RECEIPT_SIZE_MAX = 512;
/** Announcement: the descriptor of one pack of PACK_SIZE_MAX is 11 KB. */
export const ANNOUNCEMENT_SIZE_MAX = 16 * KiB;
/** Commit: MEMBERS_MAX receipts in their envelopes, about 260 bytes each. */
export const COMMIT_SIZE_MAX = 32 * KiB;
/** Handover: the ids of a few rejected headers. */
export const HANDOVER_SIZE_MAX = 1 * KiB;
/** Headers that one fork resolution can reject. */
export const REJECTED_MAX = 16;
/** Revocation: a site, a data set, rights. */
export const REVOCATION_SIZE_MAX = 512;
/** Text of a site card: a site record in its envelope, base64url, and the prefix. */
export const SITE_CARD_LENGTH_MAX = 2 * KiB;

// --- Keys.

/** Key epochs of a key domain: one rotation a week for 19 years. */
export const KEY_EPOCHS_MAX = 1_024;
/** Sealed secrets: KEY_EPOCHS_MAX secrets of about 50 bytes each and the HPKE overhead. */
export const SEALED_SECRETS_SIZE_MAX = 64 * KiB;

// --- Chunks, frames, packs.

/** Average chunk a data set may ask for; below it the ids outweigh what dedup gains. */
export const CHUNK_AVERAGE_MIN = 4 * KiB;
/** Average chunk a data set may ask for; above it one changed byte costs too much. */
export const CHUNK_AVERAGE_MAX = 1 * MiB;
/** Longest chunk of any data set, four times the largest average: several fit a frame. */
export const CHUNK_SIZE_MAX = 4 * MiB;
/** Raw bytes of a frame, and of a frame with its bases: bounds the memory of a decoder. */
export const FRAME_RAW_SIZE_MAX = 16 * MiB;
/** Chunks that one frame may use as its zstd prefix: a delta reads no more than these. */
export const FRAME_BASES_MAX = 16;
/** Raw bytes of one frame of several chunks: a reader of one of them decodes all. */
export const GROUP_SIZE = 8 * MiB;
/** The same of a frame with bases, which are about as many bytes again in memory. */
export const DELTA_GROUP_SIZE = 4 * MiB;
/** Chunks of one such frame: tiny files are found in it without a long walk. */
export const GROUP_CHUNKS_MAX = 4_096;
/** Decoded frames that are kept for the next reader of a chunk in them; a few are read at once. */
export const FRAMES_KEPT_SIZE_MAX = 32 * MiB;
/** The same for chunks that are bases, which are read in the order in which they were stored. */
export const BASE_FRAMES_KEPT_SIZE_MAX = 24 * MiB;
/** Pooled buffers that are made before the collector looks for those of ended work. */
export const POOLED_GARBAGE_SIZE_MAX = 192 * MiB;
/** Target size of the first pack of a publish: the first bytes are on the wire early. */
export const PACK_TARGET_SIZE_MIN = 16 * MiB;
/** Target size of the last packs of a publish: few packs later. */
export const PACK_TARGET_SIZE_MAX = 1 * GiB;
/** Size of any pack: the largest target, a frame beyond it, padding and trailer, with room. */
export const PACK_SIZE_MAX = 2 * GiB;
/** Chunks of a pack: bounds what a reader of its trailer holds in memory. */
export const PACK_CHUNKS_MAX = 131_072;
/** Pack trailer before compression: it is one frame. A writer ends a pack before it is reached. */
export const TRAILER_RAW_SIZE_MAX = FRAME_RAW_SIZE_MAX;
/** Index file of a pack: some more than its trailer at TRAILER_RAW_SIZE_MAX. */
export const INDEX_FILE_SIZE_MAX = 2 * TRAILER_RAW_SIZE_MAX;
/** Pages of index files in memory: 60 to 100 of them, each of 2,048 chunks or more. */
export const INDEX_PAGES_KEPT_SIZE_MAX = 8 * MiB;
/** Live packs of a data set; manifests, trailers and shares are held for each of them. */
export const LIVE_PACKS_MAX = 4_096;

// --- Manifest body and recipe.

/** Manifest body: LIVE_PACKS_MAX descriptors of 1 GiB packs take 22 MB. */
export const MANIFEST_BODY_SIZE_MAX = 32 * MiB;
/** Snapshots whose chunks a pack set keeps beside the newest. */
export const RETAINED_MAX = 4_096;
/** Chunks named in the manifest by the recipe root (147 KB); a longer list is chunked itself. */
export const RECIPE_ROOT_CHUNKS_MAX = 4_096;
/** Times that the list of recipe chunks may be chunked again; 2 are enough for an exabyte. */
export const RECIPE_LEVELS_MAX = 3;
/** Path of an entry: PATH_MAX of Linux without the closing NUL. */
export const PATH_LENGTH_MAX = 4_095;
/** Name of one file in its folder: NAME_MAX of Linux. */
export const FILE_NAME_LENGTH_MAX = 255;
/** Extended attributes of one entry: the kernel lists at most 64 KiB of names. */
export const XATTRS_MAX = 1_024;
/** Name of an extended attribute (XATTR_NAME_MAX of Linux). */
export const XATTR_NAME_LENGTH_MAX = 255;
/** Value of an extended attribute (XATTR_SIZE_MAX of Linux). */
export const XATTR_VALUE_SIZE_MAX = 64 * KiB;
/** All attribute values of one entry together: more is no metadata. */
export const XATTRS_SIZE_MAX = 1 * MiB;
/** Holes kept of one file (1 MiB of records); the bytes of further ones are chunked as zeros. */
export const HOLES_MAX = 65_536;
/** Chunks in one record of the recipe (590 KB): a reader holds one record of a file at a time. */
export const RECIPE_RECORD_CHUNKS_MAX = 16_384;
/** One record: path, attributes, holes and chunks at their bounds. */
export const RECIPE_RECORD_SIZE_MAX = 4 * MiB;
/** Chunks of one file: 1 TiB at 64 KiB. */
export const FILE_CHUNKS_MAX = 16_777_216;

// --- eD2k links, as people paste them.

/** Characters of a link: a name, the hashes of 6,900 parts (62 GiB), some sources. */
export const LINK_LENGTH_MAX = 256 * KiB;
/** File name in a link after decoding, in UTF-8 bytes (NAME_MAX of Linux). */
export const LINK_NAME_LENGTH_MAX = 255;
/** Sources of a link: as many as aMule asks for a file at once. */
export const LINK_SOURCES_MAX = 256;

// --- External connections: what a core may send, and how long it may take.

/** EC payload, packed or unpacked: what aMule itself accepts (ECSocket.cpp, ReadHeader). */
export const EC_PAYLOAD_SIZE_MAX = 16 * MiB;
/** EC payload before the login: a salt, or a sentence of refusal. */
export const EC_LOGIN_PAYLOAD_SIZE_MAX = 4 * KiB;
/** EC tags inside tags: aMule's deepest packet, the tree of statistics, has 8. */
export const EC_TAG_DEPTH_MAX = 32;
/** EC tags of a packet: 20,000 shared files with 20 tags each. */
export const EC_TAG_COUNT_MAX = 500_000;
/**
 * EC requests written before the oldest of them is answered. One: with more, a stock amuled answers
 * half as many a second and now and then drops the connection; the patched one gains nothing.
 */
export const EC_IN_FLIGHT_MAX = 1;
/** Requests that wait for a core: a caller that has more has lost control. */
export const EC_QUEUE_MAX = 10_000;
/** From connecting to a core to the end of the login. */
export const EC_LOGIN_TIMEOUT_MS = 10_000;
/**
 * For an answer: aMule answers on its main thread, which a reload of the shares holds for seconds.
 */
export const EC_ANSWER_TIMEOUT_MS = 60_000;
/** For a core to close its end of a connection after we closed ours. */
export const EC_CLOSE_TIMEOUT_MS = 1_000;

// --- The core and its process.

/** Files in one request to the core: descriptors of 256 packs of 1 GiB take 1 MB. */
export const CORE_BATCH_MAX = 256;
/** Between two looks for events while something is fetched: adds little to the time of a part. */
export const CORE_POLL_BUSY_MS = 100;
/** Between two looks for events otherwise: what comes then is clients that come and go. */
export const CORE_POLL_IDLE_MS = 500;
/** For a new core to answer: it reads its lists and the state of every part file first. */
export const CORE_START_TIMEOUT_MS = 60_000;
/** For a core to end in order: it writes the state of every part file. Then it is killed. */
export const CORE_STOP_TIMEOUT_MS = 15_000;
/** Wait before the first try to have a lost core back. */
export const CORE_BACKOFF_MIN_MS = 100;
/**
 * Wait between tries when they keep failing: the operator has to act, a log line a time is enough.
 */
export const CORE_BACKOFF_MAX_MS = 10_000;
/** A core that lived this long was well: the next wait is the shortest again. */
export const CORE_HEALTHY_MS = 5_000;
/**
 * Wait between tries to reach a core that runs: a refused connection on this machine costs nothing.
 */
export const CORE_RECONNECT_MAX_MS = 1_000;
/** A request waits this long for a lost connection to the same core, then it is refused. */
export const CORE_RECONNECT_WAIT_MS = 5_000;
/**
 * For a core to notice that the path to a trusted client is cut: a lost packet and its repetition
 * may still be acknowledged meanwhile, and half of a cut of 5 s is left to be back when it ends.
 */
export const CORE_CUT_TIMEOUT_MS = 2_000;
/**
 * Bytes that a core has requested of all trusted clients and not received: all of it may arrive at
 * once. Five clients on long lines of 1 Gbit/s use it up, of more each gets less. Whole MiB.
 */
export const CORE_REQUESTED_SIZE_MAX = 268_435_456;
/** Log of a core: started anew at its next start when it is longer; one older log is kept. */
export const CORE_LOG_SIZE_MAX = 10_000_000;

// --- Calls of the addon.

/**
 * Buffers, files or operations in one call: one call must not hold a thread of the pool for long.
 */
export const NATIVE_BATCH_ITEMS_MAX = 65_536;
/** Bytes that one call reads, decodes or encodes: all of them are in memory at once. */
export const NATIVE_BATCH_BYTES_MAX = 256 * MiB;
/** Entries of a tree: they are listed as a whole, at about 1 KB each. */
export const TREE_ENTRIES_MAX = 4_194_304;

// --- The control plane between sites.

/** Peers of a site: each has a connection, an outbox and a row; the product is made for tens. */
export const PEERS_MAX = 256;
/** Answers are small JSON objects, or an error with one sentence. */
export const PUSH_REPLY_SIZE_MAX = 16 * KiB;
/** Bodies that are being received by all sessions together; more are asked to come again. */
export const PUSH_BODY_BYTES_MAX = 64 * MiB;
/** A request carries six short header fields. */
export const PUSH_HEADER_LIST_SIZE_MAX = 8 * KiB;
export const PUSH_HEADER_PAIRS_MAX = 32;
/** A peer sends one item at a time, with a ping beside it. */
export const PUSH_STREAMS_MAX = 16;
/** A peer has one connection; a second one appears while the first is found dead. */
export const PUSH_SESSIONS_PER_PEER_MAX = 3;
/** Connections that have not proved who they are: they hold a TLS state of some 50 KB each. */
export const PUSH_UNPROVEN_MAX = 128;
export const PUSH_UNPROVEN_PER_HOST_MAX = 16;
/** From the first byte to the end of the TLS handshake: three round trips of a bad line. */
export const PUSH_HANDSHAKE_TIMEOUT_MS = 5_000;
/** A refused connection is read and thrown away that long, so that the reason gets through. */
export const PUSH_REFUSAL_DRAIN_MS = 1_000;
/** Nothing arrived on a request that is not complete. */
export const PUSH_IDLE_TIMEOUT_MS = 10_000;
/** A whole request: a body of 10 MB at 85 KB/s. */
export const PUSH_TOTAL_TIMEOUT_MS = 120_000;
/** The client waits longer than the server, so that the server's own verdict arrives. */
export const PUSH_REPLY_TIMEOUT_MS = 150_000;
/** A live connection is asked this often, and is dead when the answer takes so long. */
export const PEER_PING_INTERVAL_MS = 2_000;
export const PEER_PING_TIMEOUT_MS = 4_000;
/** The server ends a session on which nothing arrived, pings included. */
export const PUSH_SESSION_IDLE_MS = 15_000;
/** Pause before the next attempt to reach a peer or to deliver an item; doubles, with jitter. */
export const PEER_BACKOFF_MIN_MS = 1_000;
export const PEER_BACKOFF_MAX_MS = 30_000;
/** Window of a stream: a 10 MB body takes 10 round trips, not 160. */
export const PUSH_WINDOW_SIZE = 1 * MiB;
/** Items that wait for one peer: a peer that was away for a year of a snapshot each 10 minutes. */
export const OUTBOX_ITEMS_PER_PEER_MAX = 65_536;

// --- Publishing and following.

/** Offers whose body is awaited; a peer that never sends bodies cannot use up memory. */
export const OFFERS_PENDING_MAX = 64;

/** Bytes of packs that one session may announce: a first publish of a large data set. */
export const ANNOUNCED_SIZE_MAX = 1_024 * GiB;
/** A session of which nothing is heard: a writer that reads a slow disk is silent for less. */
export const ANNOUNCED_GRACE_MS = 6 * 3_600_000;
/** Sessions are looked at this often: a few rows. */
export const ANNOUNCED_CHECK_INTERVAL_MS = 60_000;

/**
 * Bytes of files read by one call, or the longest chunk of the data set if that is more: large
 * enough to hide its cost, small enough to hold several.
 */
export const READ_BATCH_SIZE = 2 * MiB;
/** Files above this are read alone, piece by piece. */
export const SMALL_FILE_SIZE_MAX = 1 * MiB;
/** Files read by one call; bounds its time on a slow disk. */
export const READ_BATCH_FILES = 512;
/** Raw bytes of new chunks that are looked at for what they resemble by one call. */
export const NEW_CHUNKS_BATCH_SIZE = 2 * MiB;
/** Buffers of files that they may hold: where little is new, each holds some of its own. */
export const NEW_CHUNKS_BUFFERS_MAX = 2;
/** Bytes of frames that are copied into a merged pack by one step. */
export const COPY_BATCH_SIZE = 4 * MiB;
/** Of the scan of a tree, kept in memory; the rest lies in a file, about 100 bytes an entry. */
export const SPOOL_MEMORY_MAX = 4 * MiB;
/** Recipe and index of one entry of a tree, taken before the first byte is written. */
export const ENTRY_INDEX_SIZE = 256;
/** Bytes of recipe kept before chunks are cut from them; a few longest chunks. */
export const RECIPE_BATCH_SIZE = 4 * MiB;
/** Bytes of recipe read at once: each entry is several objects until it has been looked at. */
export const RECIPE_READ_SIZE = 1 * MiB;
/** Reads of a file that changes meanwhile before the publish is given up. */
export const READ_ATTEMPTS_MAX = 3;
/** A file changed this shortly before it was looked at may change again within one clock tick. */
export const STAMP_MARGIN_MS = 100;
/** The same where the file system counts whole seconds (FAT: two). */
export const STAMP_MARGIN_COARSE_MS = 2_000;

/** Raw bytes of chunks that a recomposer reads and writes by one call. */
export const RECOMPOSE_BATCH_SIZE = 4 * MiB;
/** Batches that are read or wait for their turn while one before is written. */
export const RECOMPOSE_BATCHES_AHEAD = 2;
/** Entries made by one call. */
export const RECOMPOSE_BATCH_ENTRIES = 1_024;
/** Trees of a replica that may wait for their removal while a snapshot is made. */
export const OLD_TREES_MAX = 2;
/** Space given back ahead of what is about to be written, so that the writer finds it free. */
export const RESERVATION_SLACK = 64 * MiB;
/**
 * Space that a name and an inode take at most on the usual file systems; a folder takes a block.
 */
export const ENTRY_OVERHEAD = 1 * KiB;
export const DISK_BLOCK_SIZE = 4 * KiB;

/** A fetch is looked at this often beside its events, in case one was lost with a core. */
export const FETCH_POLL_INTERVAL_MS = 2_000;
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

/** Between two lines of progress of a call: nobody reads faster. */
export const PROGRESS_INTERVAL_MS = 100;

// --- Retention.

/** Share of a pack that may be needed no more; above it prune merges the pack. */
export const MERGE_UNUSED_MAX = 0.5;
/** Packs that prune leaves: it merges the smallest of more. Some GB of new packs come on top. */
export const MERGE_PACKS_MAX = 1_024;
/** From so many packs on a publish merges first: far below LIVE_PACKS_MAX, for one publish. */
export const MERGE_PACKS_START = 3_072;
