// SPDX-License-Identifier: GPL-2.0-or-later
// A site's local record of peers, snapshots, transfers and receipts, in LevelDB. Every write is one
// atomic batch, synced before it resolves. LevelDB's file lock makes it single-user: it is also
// what keeps a second daemon out of a home, and it dies with the process.
import { ClassicLevel } from 'classic-level';
import { ReplicationError, errnoOf, messageOf } from '../base/errors.ts';
import type { Field } from './row.ts';
import {
  announcementRow,
  datasetRow,
  followRow,
  forkRow,
  headRow,
  outboxRow,
  packRow,
  peerRow,
  pinRow,
  receiptRow,
  retentionRow,
  sessionRow,
  snapshotRow,
} from './rows.ts';
import type {
  AnnouncementRow,
  DatasetRow,
  FollowRow,
  ForkRow,
  HeadRow,
  OutboxRow,
  PackRow,
  PeerRow,
  PinRow,
  ReceiptRow,
  RetentionRow,
  SessionRow,
  SnapshotRow,
} from './rows.ts';

const SCHEMA_KEY = 'schema';
const SCHEMA_VERSION = '1';

/** One change of a batch; made by Table.putOp and Table.removeOp. */
export type CatalogueOp =
  | { readonly type: 'put'; readonly key: string; readonly value: string }
  | { readonly type: 'del'; readonly key: string };

export interface TableEntry<V> {
  readonly key: string;
  readonly value: V;
}

type Level = ClassicLevel;

/** The rows of one kind. Keys are printable ASCII and sort by their bytes. */
export class Table<V> {
  readonly #level: Level;
  readonly #name: string;
  readonly #row: Field<V>;

  constructor(level: Level, name: string, row: Field<V>) {
    this.#level = level;
    this.#name = name;
    this.#row = row;
  }

  /** The row, undefined when there is none; ERR_FORMAT_MALFORMED when it lost its shape. */
  async get(key: string): Promise<V | undefined> {
    const stored = await attempt(() => this.#level.get(this.#key(key)));
    return stored === undefined ? undefined : this.#decode(key, stored);
  }

  /** All rows whose key starts with prefix, in the order of their keys. */
  async entries(prefix = ''): Promise<TableEntry<V>[]> {
    const start = `${this.#name}/${prefix}`;
    const stored = await attempt(() =>
      this.#level.iterator({ gte: start, lt: `${start}\x7f` }).all(),
    );
    const skip = this.#name.length + 1;
    return stored.map(([key, value]) => {
      const own = key.slice(skip);
      return { key: own, value: this.#decode(own, value) };
    });
  }

  /** Durable when it resolves. */
  put(key: string, value: V): Promise<void> {
    return writeDurably(this.#level, [this.putOp(key, value)]);
  }

  /** Durable when it resolves; absent is fine. */
  remove(key: string): Promise<void> {
    return writeDurably(this.#level, [this.removeOp(key)]);
  }

  /** All of the rows or none; durable when it resolves. */
  putAll(entries: readonly TableEntry<V>[]): Promise<void> {
    return writeDurably(
      this.#level,
      entries.map(({ key, value }) => this.putOp(key, value)),
    );
  }

  /** All of the keys or none; durable when it resolves. */
  removeAll(keys: readonly string[]): Promise<void> {
    return writeDurably(
      this.#level,
      keys.map((key) => this.removeOp(key)),
    );
  }

  /** The change for Catalogue.write that puts this row. */
  putOp(key: string, value: V): CatalogueOp {
    const stored = JSON.stringify(this.#row.encode(value));
    // Pair check: what could not be read back is not written.
    this.#decode(key, stored);
    return { type: 'put', key: this.#key(key), value: stored };
  }

  /** The change for Catalogue.write that removes this row. */
  removeOp(key: string): CatalogueOp {
    return { type: 'del', key: this.#key(key) };
  }

  #key(key: string): string {
    if (!/^[\x20-\x7e]{1,1024}$/.test(key)) {
      throw new ReplicationError('ERR_ARGUMENT_INVALID', `bad key of table ${this.#name}`);
    }
    return `${this.#name}/${key}`;
  }

  #decode(key: string, stored: string): V {
    const path = `${this.#name}/${key}`;
    let json: unknown;
    try {
      json = JSON.parse(stored);
    } catch (error) {
      throw new ReplicationError(
        'ERR_FORMAT_MALFORMED',
        `catalogue row ${path} is not JSON`,
        { path },
        error,
      );
    }
    return this.#row.decode(json, path);
  }
}

export class Catalogue {
  readonly #level: Level;
  readonly peers: Table<PeerRow>;
  readonly datasets: Table<DatasetRow>;
  readonly follows: Table<FollowRow>;
  readonly heads: Table<HeadRow>;
  readonly forks: Table<ForkRow>;
  readonly snapshots: Table<SnapshotRow>;
  readonly packs: Table<PackRow>;
  readonly receipts: Table<ReceiptRow>;
  readonly outbox: Table<OutboxRow>;
  readonly retention: Table<RetentionRow>;
  readonly pins: Table<PinRow>;
  readonly sessions: Table<SessionRow>;
  readonly announcements: Table<AnnouncementRow>;

  private constructor(level: Level) {
    this.#level = level;
    this.peers = new Table(level, 'peer', peerRow);
    this.datasets = new Table(level, 'dataset', datasetRow);
    this.follows = new Table(level, 'follow', followRow);
    this.forks = new Table(level, 'fork', forkRow);
    this.heads = new Table(level, 'head', headRow);
    this.snapshots = new Table(level, 'snapshot', snapshotRow);
    this.packs = new Table(level, 'pack', packRow);
    this.receipts = new Table(level, 'receipt', receiptRow);
    this.outbox = new Table(level, 'outbox', outboxRow);
    this.retention = new Table(level, 'retention', retentionRow);
    this.pins = new Table(level, 'pin', pinRow);
    this.sessions = new Table(level, 'session', sessionRow);
    this.announcements = new Table(level, 'announcement', announcementRow);
  }

  /**
   * Opens the catalogue in this folder and makes it when it is absent. ERR_CATALOGUE_LOCKED when
   * another process, or another Catalogue of this one, has it open.
   */
  static async open(folder: string): Promise<Catalogue> {
    const level = new ClassicLevel(folder, { keyEncoding: 'utf8', valueEncoding: 'utf8' });
    try {
      await level.open();
    } catch (error) {
      throw openError(folder, error);
    }
    try {
      const schema = await attempt(() => level.get(SCHEMA_KEY));
      if (schema === undefined) {
        await writeDurably(level, [{ type: 'put', key: SCHEMA_KEY, value: SCHEMA_VERSION }]);
      } else if (schema !== SCHEMA_VERSION) {
        throw new ReplicationError(
          'ERR_HOME_INVALID',
          `the catalogue has schema ${schema}, this program reads ${SCHEMA_VERSION}`,
          { folder },
        );
      }
    } catch (error) {
      await level.close();
      throw error;
    }
    return new Catalogue(level);
  }

  /** Applies all of the changes or none; durable when it resolves. */
  write(ops: readonly CatalogueOp[]): Promise<void> {
    return writeDurably(this.#level, ops);
  }

  /** Waits for writes under way, then gives up the lock. */
  close(): Promise<void> {
    return attempt(() => this.#level.close());
  }
}

function writeDurably(level: Level, ops: readonly CatalogueOp[]): Promise<void> {
  if (ops.length === 0) return Promise.resolve();
  return attempt(() => level.batch([...ops], { sync: true }));
}

async function attempt<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof ReplicationError) throw error;
    const reason = causeOf(error);
    const full = /no space left|disk quota/i.test(messageOf(reason));
    throw new ReplicationError(
      full ? 'ERR_SPACE_SHORT' : 'ERR_STORAGE_FAILED',
      `catalogue: ${messageOf(reason)}`,
      {},
      error,
    );
  }
}

function openError(folder: string, error: unknown): ReplicationError {
  const cause = causeOf(error);
  if (errnoOf(cause) === 'LEVEL_LOCKED') {
    return new ReplicationError(
      'ERR_CATALOGUE_LOCKED',
      `another process uses ${folder}`,
      { folder },
      error,
    );
  }
  return new ReplicationError(
    'ERR_STORAGE_FAILED',
    `the catalogue in ${folder} cannot be opened: ${messageOf(cause)}`,
    { folder },
    error,
  );
}

/** The reason inside abstract-level's wrapping error. */
function causeOf(error: unknown): unknown {
  return error instanceof Error && error.cause !== undefined ? error.cause : error;
}
