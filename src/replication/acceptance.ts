// SPDX-License-Identifier: GPL-2.0-or-later
// Decides about manifests that peers push: whose signature, which right, where in the chain. What
// is refused leaves nothing behind but, for a fork, the header that proves it. What is accepted is
// durable before the peer hears of it.
import type { Clock } from '../base/clock.ts';
import { ReplicationError } from '../base/errors.ts';
import { OFFERS_PENDING_MAX } from '../base/limits.ts';
import type { Logger } from '../base/logger.ts';
import type { KeyLookup } from '../dataset/envelope.ts';
import { decodeGenesis, type Genesis } from '../dataset/genesis.ts';
import type { SiteId, SnapshotId } from '../dataset/ids.ts';
import { checkSecrets, domainCheckOf, openSecrets, type DomainSecrets } from '../dataset/keys.ts';
import { bodyHashOf, decodeHeader, type DecodedHeader } from '../dataset/manifest-header.ts';
import { decodeBody, type ManifestBody } from '../dataset/manifest.ts';
import type { Identity } from '../peers/identity.ts';
import type { PeerBook } from '../peers/peer-book.ts';
import type { ManifestSink, Offer } from '../peers/routes.ts';
import type { Catalogue } from '../store/catalogue.ts';
import type { ManifestStore } from '../store/manifest-store.ts';
import type { HeadRow, SnapshotRow } from '../store/rows.ts';
import type { SecretsStore } from '../store/secrets-store.ts';
import type { Dataset, DatasetRegistry } from './dataset-registry.ts';
import type { ReceiptLedger } from './receipt-ledger.ts';
import { extendPacks, sizeOfPacks, snapshotKey, type SnapshotChain } from './snapshot-chain.ts';

interface Components {
  readonly catalogue: Catalogue;
  readonly manifests: ManifestStore;
  readonly secrets: SecretsStore;
  readonly registry: DatasetRegistry;
  readonly chain: SnapshotChain;
  readonly receipts: ReceiptLedger;
  readonly identity: Identity;
  readonly peers: PeerBook;
  readonly keyOf: KeyLookup;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called after a manifest became the head of its data set. */
  readonly onHead: (dataset: Dataset, snapshotId: SnapshotId) => void;
}

/** An offer that was found good and whose body is on its way. */
interface PendingOffer {
  readonly peer: SiteId;
  readonly offer: Offer;
  readonly dataset: Dataset;
  readonly genesis: Genesis;
  readonly decoded: DecodedHeader;
  readonly secrets: DomainSecrets | undefined;
}

export class ManifestAcceptance implements ManifestSink {
  readonly #components: Components;
  readonly #pending = new Map<SnapshotId, PendingOffer>();
  /** Bodies are taken one at a time: each is judged against the head the one before left. */
  #queue: Promise<unknown> = Promise.resolve();

  constructor(components: Components) {
    this.#components = components;
  }

  async offer(peer: SiteId, offer: Offer): Promise<'have' | 'want'> {
    const pending = await this.#judge(peer, offer);
    const { header, snapshotId } = pending.decoded;
    const known = await this.#components.chain.find(header.datasetId, snapshotId);
    if (known !== undefined) {
      await this.#keepSecrets(pending);
      return 'have';
    }
    await this.#checkPlace(pending);
    this.#remember(snapshotId, pending);
    return 'want';
  }

  bodySize(peer: SiteId, snapshotId: SnapshotId): Promise<number | undefined> {
    const pending = this.#pending.get(snapshotId);
    const isAsked = pending?.peer === peer;
    return Promise.resolve(isAsked ? pending.decoded.header.bodySize : undefined);
  }

  accept(peer: SiteId, snapshotId: SnapshotId, body: Buffer): Promise<void> {
    const done = this.#queue.then(() => this.#accept(peer, snapshotId, body));
    this.#queue = done.catch(() => undefined);
    return done;
  }

  receipt(peer: SiteId, receipt: Buffer): Promise<void> {
    return this.#components.receipts.take(peer, receipt);
  }

  async #judge(peer: SiteId, offer: Offer): Promise<PendingOffer> {
    const { identity, keyOf, peers } = this.#components;
    const decoded = decodeHeader(offer.header, keyOf);
    const { header, signer } = decoded;
    const { datasetId, genesis } = decodeGenesis(offer.genesis, keyOf);
    if (datasetId !== header.datasetId) {
      throw new ReplicationError(
        'ERR_MANIFEST_MALFORMED',
        'header and genesis do not belong together',
      );
    }
    const dataset: Dataset = { id: datasetId, name: genesis.name, writer: genesis.firstWriter };
    if (signer !== dataset.writer) throw noRight(signer, 'publish', dataset);
    if (signer !== identity.siteId && !peers.allows(signer, 'publish', dataset)) {
      throw noRight(signer, 'publish', dataset);
    }
    if (peer !== signer && !peers.allows(peer, 'relay', dataset)) {
      throw noRight(peer, 'relay', dataset);
    }
    return {
      peer,
      offer,
      dataset,
      genesis,
      decoded,
      secrets: await this.#openSecrets(offer, genesis, dataset),
    };
  }

  async #openSecrets(
    offer: Offer,
    genesis: Genesis,
    dataset: Dataset,
  ): Promise<DomainSecrets | undefined> {
    if (offer.secrets === null) return undefined;
    const secrets = await openSecrets(
      offer.secrets,
      dataset.id,
      this.#components.identity.sealingKey,
    );
    if (!domainCheckOf(secrets).equals(genesis.domainCheck)) {
      throw new ReplicationError('ERR_SECRETS_REFUSED', 'the secrets are not those of the genesis');
    }
    return secrets;
  }

  /** The header must follow the head directly: ERR_MANIFEST_STALE, _FORK, ERR_SNAPSHOT_UNKNOWN. */
  async #checkPlace(pending: PendingOffer): Promise<void> {
    const { header, snapshotId } = pending.decoded;
    const { chain } = this.#components;
    const head = await chain.head(header.datasetId);
    if (header.parent === (head?.snapshotId ?? null) && isAfter(header, head)) return;
    const rows = await chain.list(header.datasetId);
    if (rows.some((row) => contradicts(row, pending.decoded))) await this.#refuseFork(pending);
    if (!isAfter(header, head)) {
      throw new ReplicationError(
        'ERR_MANIFEST_STALE',
        `snapshot ${snapshotId} is not newer than the head of ${pending.dataset.name}`,
        { snapshotId, epoch: header.epoch, sequence: header.sequence },
      );
    }
    throw new ReplicationError(
      'ERR_SNAPSHOT_UNKNOWN',
      `the parent of snapshot ${snapshotId} is not known here`,
      { snapshotId, parent: header.parent ?? '' },
    );
  }

  async #refuseFork(pending: PendingOffer): Promise<never> {
    const { catalogue, clock, logger } = this.#components;
    const { header, snapshotId } = pending.decoded;
    const key = snapshotKey(header.datasetId, snapshotId);
    if ((await catalogue.forks.get(key)) === undefined) {
      await catalogue.forks.put(key, {
        header: pending.offer.header,
        peer: pending.peer,
        foundMs: clock.now(),
      });
      logger.error('fork refused', { dataset: pending.dataset.name, snapshotId });
    }
    throw new ReplicationError(
      'ERR_MANIFEST_FORK',
      `snapshot ${snapshotId} contradicts the chain of ${pending.dataset.name}`,
      { snapshotId, epoch: header.epoch, sequence: header.sequence },
    );
  }

  /** A peer that was given the right to read later gets the keys with a snapshot it already has. */
  async #keepSecrets({ dataset, secrets }: PendingOffer): Promise<void> {
    if (secrets === undefined) return;
    const known = await this.#components.secrets.secrets(dataset.id);
    if (known !== undefined && known.epochs.length >= secrets.epochs.length) return;
    const { chain, onHead } = this.#components;
    await this.#components.secrets.putSecrets(dataset.id, secrets);
    const head = await chain.head(dataset.id);
    if (head !== undefined) onHead(dataset, head.snapshotId);
  }

  #remember(snapshotId: SnapshotId, pending: PendingOffer): void {
    this.#pending.delete(snapshotId);
    this.#pending.set(snapshotId, pending);
    const oldest = this.#pending.keys().next().value;
    if (this.#pending.size > OFFERS_PENDING_MAX && oldest !== undefined) {
      this.#pending.delete(oldest);
    }
  }

  async #accept(peer: SiteId, snapshotId: SnapshotId, bytes: Buffer): Promise<void> {
    const pending = this.#pending.get(snapshotId);
    if (pending?.peer !== peer) {
      throw new ReplicationError('ERR_SNAPSHOT_UNKNOWN', `no body of ${snapshotId} was asked for`);
    }
    const { header } = pending.decoded;
    const { chain, onHead, registry } = this.#components;
    if ((await chain.find(header.datasetId, snapshotId)) !== undefined) return;
    if (bytes.length !== header.bodySize || !bodyHashOf(bytes).equals(header.bodyHash)) {
      throw new ReplicationError(
        'ERR_MANIFEST_MALFORMED',
        `the body of ${snapshotId} is not the one that its header names`,
        { snapshotId },
      );
    }
    await this.#checkPlace(pending);
    const body = decodeBody(bytes);
    if (pending.secrets !== undefined) {
      checkSecrets(pending.secrets, pending.genesis.domainCheck, body.keyEpochs);
    }
    await this.#store(pending, bytes, body);
    this.#pending.delete(snapshotId);
    registry.remember(pending.dataset);
    onHead(pending.dataset, snapshotId);
  }

  /** Files first, then one batch that makes them count. */
  async #store(pending: PendingOffer, bytes: Buffer, body: ManifestBody): Promise<void> {
    const { catalogue, chain, clock, manifests, registry, secrets } = this.#components;
    const { dataset, decoded, offer } = pending;
    const { header, snapshotId } = decoded;
    const parent =
      header.parent === null ? undefined : await chain.snapshot(dataset.id, header.parent);
    const parentPacks = parent === undefined ? new Map() : await chain.packs(parent);
    const packs = extendPacks(parentPacks, body);
    await manifests.putBody(snapshotId, bytes);
    await manifests.putHeader(snapshotId, offer.header);
    if ((await secrets.genesis(dataset.id)) === undefined) {
      await secrets.putGenesis(dataset.id, offer.genesis);
    }
    if (pending.secrets !== undefined) await secrets.putSecrets(dataset.id, pending.secrets);
    const row: SnapshotRow = {
      ...snapshotRowOf(dataset, decoded, body),
      packBytes: sizeOfPacks(packs.values()),
      state: 'accepted',
      acceptedMs: clock.now(),
    };
    await catalogue.write([
      ...(registry.get(dataset.id) === undefined ? [registry.admitOp(dataset)] : []),
      catalogue.snapshots.putOp(snapshotKey(dataset.id, snapshotId), row),
      catalogue.heads.putOp(dataset.id, {
        snapshotId,
        epoch: header.epoch,
        sequence: header.sequence,
      }),
    ]);
  }
}

/** What a snapshot's row takes over from its manifest. */
export function snapshotRowOf(
  dataset: Dataset,
  { header, snapshotId }: Pick<DecodedHeader, 'header' | 'snapshotId'>,
  body: ManifestBody,
): Omit<SnapshotRow, 'packBytes' | 'state' | 'acceptedMs'> {
  return {
    datasetId: dataset.id,
    snapshotId,
    parent: header.parent,
    epoch: header.epoch,
    sequence: header.sequence,
    kind: header.kind,
    writer: dataset.writer,
    bodyHash: header.bodyHash,
    bodySize: header.bodySize,
    fileCount: body.fileCount,
    contentBytes: body.contentBytes,
    newPackBytes: sizeOfPacks(body.packsAdded),
    fetchedBytes: 0,
    createdMs: header.createdMs,
    fetchStartedMs: null,
    fetchCompleteMs: null,
    stagedMs: null,
    visibleMs: null,
    failure: null,
  };
}

interface Place {
  readonly epoch: number;
  readonly sequence: number;
}

function isAfter(header: Place, head: HeadRow | undefined): boolean {
  if (head === undefined) return true;
  if (header.epoch !== head.epoch) return header.epoch > head.epoch;
  return header.sequence > head.sequence;
}

/** Two snapshots at one place, or on one parent, cannot both be history. */
function contradicts(row: SnapshotRow, { header, snapshotId }: DecodedHeader): boolean {
  if (row.snapshotId === snapshotId) return false;
  const isSamePlace = row.epoch === header.epoch && row.sequence === header.sequence;
  return isSamePlace || row.parent === header.parent;
}

export function noRight(site: SiteId, right: string, dataset: Dataset): ReplicationError {
  return new ReplicationError(
    'ERR_RIGHT_MISSING',
    `site ${site} has no right to ${right} data set ${dataset.name}`,
    { siteId: site, right, datasetId: dataset.id },
  );
}
