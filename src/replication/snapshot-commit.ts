// SPDX-License-Identifier: GPL-2.0-or-later
// Makes a manifest of this site count: signed, files on disk, then one batch that makes it the head
// of its data set.
import type { Clock } from '../base/clock.ts';
import { ReplicationError } from '../base/errors.ts';
import { LIVE_PACKS_MAX } from '../base/limits.ts';
import { packIdOf } from '../dataset/descriptor.ts';
import type { KeyLookup } from '../dataset/envelope.ts';
import type { SnapshotId } from '../dataset/ids.ts';
import { epochChecksOf } from '../dataset/keys.ts';
import {
  bodyHashOf,
  decodeHeader,
  encodeHeader,
  type ManifestHeader,
} from '../dataset/manifest-header.ts';
import { encodeBody, packSetRoot, type ManifestBody } from '../dataset/manifest.ts';
import type { Identity } from '../peers/identity.ts';
import type { Catalogue, CatalogueOp } from '../store/catalogue.ts';
import type { ManifestStore } from '../store/manifest-store.ts';
import type { SnapshotRow } from '../store/rows.ts';
import { snapshotRowOf } from './acceptance.ts';
import type { Dataset, DatasetRegistry } from './dataset-registry.ts';
import { completeRow } from './pack-fetch.ts';
import { extendPacks, sizeOfPacks, snapshotKey, type PackMap } from './snapshot-chain.ts';

interface Components {
  readonly catalogue: Catalogue;
  readonly manifests: ManifestStore;
  readonly registry: DatasetRegistry;
  readonly identity: Identity;
  readonly keyOf: KeyLookup;
  readonly clock: Clock;
}

/** Where a new snapshot goes on from. */
export interface Parent {
  readonly row: SnapshotRow;
  readonly body: ManifestBody;
  readonly packs: PackMap;
}

export interface NewManifest {
  readonly kind: ManifestHeader['kind'];
  readonly parent: Parent | undefined;
  readonly body: Omit<ManifestBody, 'packSetRoot' | 'keyEpochs'>;
  /** Called when the id is known, before the snapshot counts. */
  readonly onSigned?: (snapshotId: SnapshotId) => Promise<void>;
  /** Changes that count with the snapshot. */
  readonly ops?: readonly CatalogueOp[];
}

export class SnapshotCommit {
  readonly #components: Components;

  constructor(components: Components) {
    this.#components = components;
  }

  /** The packs added are durable. The snapshot is the head when this resolves. */
  async commit(dataset: Dataset, manifest: NewManifest): Promise<SnapshotRow> {
    const { clock, identity, keyOf, manifests, registry } = this.#components;
    const { kind, parent, onSigned } = manifest;
    const body: ManifestBody = {
      ...manifest.body,
      packSetRoot: packSetRoot(packIdsOf(dataset, manifest)),
      keyEpochs: epochChecksOf(await registry.secretsOf(dataset)),
    };
    const bytes = encodeBody(body);
    const header: ManifestHeader = {
      datasetId: dataset.id,
      epoch: parent?.row.epoch ?? 0,
      sequence: (parent?.row.sequence ?? 0) + 1,
      parent: parent?.row.snapshotId ?? null,
      kind,
      visibility: 'onStage',
      members: [],
      threshold: 0,
      bodyHash: bodyHashOf(bytes),
      bodySize: bytes.length,
      createdMs: clock.now(),
    };
    const envelope = encodeHeader(header, identity.signer);
    const { snapshotId } = decodeHeader(envelope, keyOf);
    await manifests.putBody(snapshotId, bytes);
    await manifests.putHeader(snapshotId, envelope);
    await onSigned?.(snapshotId);
    const packs = extendPacks(parent?.packs ?? new Map(), body);
    const row = {
      ...snapshotRowOf(dataset, { header, snapshotId }, body),
      ...this.#visible(packs),
    };
    await this.#commitRows(dataset, row, body, manifest.ops ?? []);
    return row;
  }

  /** The writer sees its own snapshots at once. */
  #visible(packs: PackMap): Pick<SnapshotRow, 'packBytes' | 'state' | 'acceptedMs' | 'visibleMs'> {
    const now = this.#components.clock.now();
    const packBytes = sizeOfPacks(packs.values());
    return { packBytes, state: 'visible', acceptedMs: now, visibleMs: now };
  }

  async #commitRows(
    dataset: Dataset,
    row: SnapshotRow,
    body: ManifestBody,
    ops: readonly CatalogueOp[],
  ): Promise<void> {
    const { catalogue, registry } = this.#components;
    const { snapshotId, epoch, sequence } = row;
    await catalogue.write([
      ...(registry.get(dataset.id) === undefined ? [registry.admitOp(dataset)] : []),
      ...body.packsAdded.map((descriptor) => {
        const packId = packIdOf(descriptor);
        return catalogue.packs.putOp(packId, completeRow({ packId, descriptor, dataset }));
      }),
      catalogue.snapshots.putOp(snapshotKey(dataset.id, snapshotId), row),
      catalogue.heads.putOp(dataset.id, { snapshotId, epoch, sequence }),
      ...ops,
    ]);
    registry.remember(dataset);
  }
}

/** Those of the new pack set; ERR_LIMIT_EXCEEDED. */
function packIdsOf(dataset: Dataset, { parent, body }: NewManifest): ReturnType<typeof packIdOf>[] {
  const removed = new Set(body.packsRemoved);
  const kept = [...(parent?.packs.keys() ?? [])].filter((packId) => !removed.has(packId));
  const packIds = [...kept, ...body.packsAdded.map(packIdOf)];
  if (packIds.length <= LIVE_PACKS_MAX) return packIds;
  throw new ReplicationError('ERR_LIMIT_EXCEEDED', `${dataset.name} has too many packs`, {
    limit: 'LIVE_PACKS_MAX',
    value: packIds.length,
  });
}
