// SPDX-License-Identifier: GPL-2.0-or-later
// The writer's side of packs on the wire before their manifest: each sealed pack is journalled,
// shared and announced while the next is being made. A session that no manifest follows is ended,
// and its packs are removed, however the publish came to its end.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { ReplicationError, messageOf } from '../base/errors.ts';
import { ANNOUNCED_GRACE_MS, LIVE_PACKS_MAX } from '../base/limits.ts';
import type { Logger } from '../base/logger.ts';
import { decodeAnnouncement, encodeAnnouncement } from '../dataset/announcement.ts';
import type { KeyLookup } from '../dataset/envelope.ts';
import type { SnapshotId } from '../dataset/ids.ts';
import type { Identity } from '../peers/identity.ts';
import type { Catalogue, CatalogueOp } from '../store/catalogue.ts';
import type { SealedPack } from '../store/pack-writer.ts';
import type { SessionRow } from '../store/rows.ts';
import {
  announcementKey,
  datasetOf,
  forgetAnnouncements,
  forgetSession,
} from './announced-session.ts';
import type { AnnouncementPush } from './announcement-push.ts';
import type { Dataset, DatasetRegistry } from './dataset-registry.ts';
import type { PackExchange } from './pack-exchange.ts';
import { completeRow } from './pack-fetch.ts';
import type { PackRetirement } from './pack-retirement.ts';

const SESSION_SIZE = 16;

interface Components {
  readonly catalogue: Catalogue;
  readonly registry: DatasetRegistry;
  readonly identity: Identity;
  readonly keyOf: KeyLookup;
  readonly exchange: Pick<PackExchange, 'share'>;
  readonly retirement: Pick<PackRetirement, 'run'>;
  readonly push: Pick<AnnouncementPush, 'set' | 'forget'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Where the manifest of the publish will stand. */
interface Place {
  readonly epoch: number;
  readonly parent: SnapshotId | null;
}

export class PackAnnouncer {
  readonly #components: Components;

  constructor(components: Components) {
    this.#components = components;
  }

  /** For the start of a daemon: ends the sessions that a dead process left open. */
  async recover(): Promise<void> {
    const { catalogue, clock, identity, push } = this.#components;
    for (const { value } of await catalogue.sessions.entries()) {
      if (value.writer !== identity.siteId) continue;
      if (value.end === null) {
        await this.#end(value);
      } else if (clock.now() - value.changedMs > ANNOUNCED_GRACE_MS) {
        // Whoever has not heard of the end by now has dropped the packs by itself.
        await catalogue.sessions.remove(value.datasetId);
      } else {
        push.set(value);
      }
    }
  }

  /** Nothing is known of the session before its first pack. One at a time for a data set. */
  async open(dataset: Dataset, place: Place): Promise<PublishSession> {
    const { catalogue, registry } = this.#components;
    const left = await catalogue.sessions.get(dataset.id);
    // The commit before this publish failed, and its manifest does not count.
    if (left?.end === null) await this.#end(left);
    const { bytes: genesis } = await registry.genesisOf(dataset);
    const session = randomBytes(SESSION_SIZE);
    return new PublishSession(this.#components, {
      row: {
        ...{ datasetId: dataset.id, name: dataset.name, writer: dataset.writer, genesis, session },
        ...place,
        ...{ packCount: 0, packBytes: 0, lastHash: Buffer.alloc(0), end: null, changedMs: 0 },
      },
      end: (row) => this.#end(row),
    });
  }

  async #end(row: SessionRow): Promise<void> {
    const { catalogue, clock, logger, push, retirement } = this.#components;
    const end = sign(this.#components, row, null).envelope;
    const ended: SessionRow = { ...row, end, changedMs: clock.now() };
    await catalogue.write([
      catalogue.sessions.putOp(row.datasetId, ended),
      ...forgetAnnouncements(catalogue, row),
    ]);
    logger.info('announced packs dropped', { dataset: row.name, packs: row.packCount });
    push.set(ended);
    await retirement.run(datasetOf(row));
  }
}

interface SessionInit {
  readonly row: SessionRow;
  readonly end: (row: SessionRow) => Promise<void>;
}

/** Of one publish. */
export class PublishSession {
  readonly #components: Components;
  readonly #init: SessionInit;
  #row: SessionRow;

  constructor(components: Components, init: SessionInit) {
    this.#components = components;
    this.#init = init;
    this.#row = init.row;
  }

  /**
   * The pack, which lies durable in the store, belongs to the session durably and is shared when
   * this resolves; peers are told meanwhile. Calls must not overlap.
   */
  async add(pack: SealedPack): Promise<void> {
    const { catalogue, clock, exchange, push } = this.#components;
    const row = this.#row;
    const dataset = datasetOf(row);
    if (row.packCount >= LIVE_PACKS_MAX) {
      throw new ReplicationError('ERR_LIMIT_EXCEEDED', `${row.name} has too many packs`, {
        limit: 'LIVE_PACKS_MAX',
        value: row.packCount + 1,
      });
    }
    const { envelope, hash } = sign(this.#components, row, pack);
    const next: SessionRow = {
      ...row,
      packCount: row.packCount + 1,
      packBytes: row.packBytes + pack.descriptor.size,
      lastHash: hash,
      changedMs: clock.now(),
    };
    const { packId } = pack;
    await catalogue.write([
      catalogue.packs.putOp(packId, completeRow({ ...pack, dataset })),
      catalogue.announcements.putOp(announcementKey(row.datasetId, row.packCount), {
        packId,
        envelope,
      }),
      catalogue.sessions.putOp(row.datasetId, next),
    ]);
    this.#row = next;
    await exchange.share([pack]);
    push.set(next);
  }

  /** Changes for the batch that makes the manifest of these packs count. */
  closeOps(): CatalogueOp[] {
    return this.#row.packCount === 0 ? [] : forgetSession(this.#components.catalogue, this.#row);
  }

  /** That batch is durable. */
  close(): void {
    if (this.#row.packCount > 0) this.#components.push.forget(this.#row.datasetId);
  }

  /**
   * There will be no manifest: removes the packs and tells peers so. What fails is made up for by
   * the next publish or start.
   */
  async abandon(): Promise<void> {
    const { logger } = this.#components;
    if (this.#row.packCount === 0) return;
    try {
      await this.#init.end(this.#row);
    } catch (error) {
      logger.warn('announced packs not dropped', { reason: messageOf(error) });
    }
  }
}

/** The announcement that follows those of the row; without a pack it ends the session. */
function sign(
  { identity, keyOf }: Components,
  row: SessionRow,
  pack: SealedPack | null,
): { readonly envelope: Buffer; readonly hash: Buffer } {
  const { datasetId, epoch, packCount: index, parent, session } = row;
  const previous = index === 0 ? null : row.lastHash;
  const descriptor = pack === null ? null : pack.descriptor;
  const announcement = { datasetId, epoch, session, index, previous, parent, descriptor };
  const envelope = encodeAnnouncement(announcement, identity.signer);
  const { hash, signer } = decodeAnnouncement(envelope, keyOf);
  assert(signer === identity.siteId, 'the writer signs');
  return { envelope, hash };
}
