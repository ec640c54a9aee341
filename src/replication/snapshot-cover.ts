// SPDX-License-Identifier: GPL-2.0-or-later
// Finds a snapshot by what people type, and the packs on this site in which all of its chunks lie:
// those of a later snapshot that retains it, or those of its pin.
import { ReplicationError } from '../base/errors.ts';
import { decodeDescriptor, type PackDescriptor } from '../dataset/descriptor.ts';
import type { PackId, SnapshotId } from '../dataset/ids.ts';
import type { Catalogue } from '../store/catalogue.ts';
import type { PackStore } from '../store/pack-store.ts';
import type { SnapshotRow } from '../store/rows.ts';
import type { Dataset, DatasetRegistry } from './dataset-registry.ts';
import { snapshotKey, type PackMap, type SnapshotChain } from './snapshot-chain.ts';

/** Above, digits alone are an id and no sequence. */
const SEQUENCE_DIGITS_MAX = 9;
const ID_DIGITS_MIN = 8;

interface Components {
  readonly catalogue: Catalogue;
  readonly packs: PackStore;
  readonly registry: DatasetRegistry;
  readonly chain: SnapshotChain;
}

export class SnapshotCover {
  readonly #components: Components;

  constructor(components: Components) {
    this.#components = components;
  }

  /**
   * The snapshot with that sequence, or whose id begins so. ERR_SNAPSHOT_UNKNOWN,
   * ERR_ARGUMENT_INVALID.
   */
  async named(dataset: Dataset, text: string): Promise<SnapshotRow> {
    const isSequence = new RegExp(`^\\d{1,${SEQUENCE_DIGITS_MAX}}$`).test(text);
    if (!isSequence && !new RegExp(`^[0-9a-f]{${ID_DIGITS_MIN},64}$`).test(text)) {
      throw new ReplicationError(
        'ERR_ARGUMENT_INVALID',
        `${text} is neither a sequence nor at least ${ID_DIGITS_MIN} digits of a snapshot id`,
      );
    }
    const rows = await this.#components.chain.list(dataset.id);
    const found = rows.filter(({ sequence, snapshotId }) =>
      isSequence ? sequence === Number(text) : snapshotId.startsWith(text),
    );
    const [row, ...others] = found;
    if (row !== undefined && others.length === 0) return row;
    throw new ReplicationError(
      'ERR_SNAPSHOT_UNKNOWN',
      `${found.length === 0 ? 'no' : 'more than one'} snapshot of ${dataset.name} is ${text}`,
      { datasetId: dataset.id, snapshot: text },
    );
  }

  /** The newest snapshot whose packs are all here; ERR_SNAPSHOT_UNKNOWN when there is none. */
  async newest(dataset: Dataset): Promise<SnapshotRow> {
    const { chain, registry } = this.#components;
    for (const row of await chain.list(dataset.id)) {
      const isUsable = registry.isOwn(dataset) || (await this.#isHere(await chain.packs(row)));
      if (isUsable) return row;
    }
    throw new ReplicationError(
      'ERR_SNAPSHOT_UNKNOWN',
      `no snapshot of ${dataset.name} is here as a whole`,
      { datasetId: dataset.id },
    );
  }

  /** Snapshots that the newest one retains, and itself. */
  async retained(dataset: Dataset): Promise<ReadonlySet<SnapshotId>> {
    const { chain } = this.#components;
    const head = await chain.head(dataset.id);
    if (head === undefined) return new Set();
    const body = await chain.body(await chain.snapshot(dataset.id, head.snapshotId));
    return new Set([head.snapshotId, ...body.retained]);
  }

  /**
   * Packs that hold every chunk of the snapshot; all of them are here if that can be, else those of
   * the newest snapshot, which peers have. ERR_SNAPSHOT_FORGOTTEN when there are none.
   */
  async packsOf(dataset: Dataset, snapshot: SnapshotRow): Promise<PackMap> {
    const covers = await this.#covers(dataset, snapshot);
    for (const { packs } of covers) if (await this.#isHere(packs)) return packs;
    const [first] = covers;
    if (first?.isNewest === true) return first.packs;
    throw new ReplicationError(
      'ERR_SNAPSHOT_FORGOTTEN',
      `snapshot ${snapshot.snapshotId} of ${dataset.name} is not retained any more`,
      { datasetId: dataset.id, snapshotId: snapshot.snapshotId },
    );
  }

  /** Newest first, the pin last. */
  async #covers(
    dataset: Dataset,
    { snapshotId, ...place }: SnapshotRow,
  ): Promise<{ readonly packs: PackMap; readonly isNewest: boolean }[]> {
    const { catalogue, chain, registry } = this.#components;
    const covers = [];
    for (const [index, row] of (await chain.list(dataset.id)).entries()) {
      if (row.epoch < place.epoch || (row.epoch === place.epoch && row.sequence < place.sequence)) {
        break;
      }
      const isCover =
        row.snapshotId === snapshotId || (await chain.body(row)).retained.includes(snapshotId);
      if (isCover) covers.push({ packs: await chain.packs(row), isNewest: index === 0 });
      // The writer removes what its newest snapshot does not name.
      if (registry.isOwn(dataset)) break;
    }
    const pin = await catalogue.pins.get(snapshotKey(dataset.id, snapshotId));
    if (pin !== undefined && pin.packs.length > 0) {
      covers.push({ packs: await this.#named(pin.packs), isNewest: false });
    }
    return covers;
  }

  async #named(packIds: readonly PackId[]): Promise<PackMap> {
    const packs = new Map<PackId, PackDescriptor>();
    for (const packId of packIds) {
      const row = await this.#components.catalogue.packs.get(packId);
      if (row !== undefined) packs.set(packId, decodeDescriptor(row.descriptor));
    }
    return packs;
  }

  async #isHere(packs: PackMap): Promise<boolean> {
    const { catalogue, packs: store } = this.#components;
    for (const [packId, descriptor] of packs) {
      const row = await catalogue.packs.get(packId);
      if (row?.state !== 'complete' || !(await store.has(packId, descriptor))) return false;
    }
    return true;
  }
}
