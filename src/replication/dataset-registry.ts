// SPDX-License-Identifier: GPL-2.0-or-later
// The data sets this site knows, by id and by name. A name is a label: two writers may use the same
// one, so a name that fits several data sets is refused and the user names the id.
import { randomBytes, type KeyObject } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { ReplicationError } from '../base/errors.ts';
import {
  GENESIS_DEFAULTS,
  decodeGenesis,
  encodeGenesis,
  freshGenesisRandom,
  type Genesis,
} from '../dataset/genesis.ts';
import { parseDatasetName, type DatasetId, type SiteId } from '../dataset/ids.ts';
import { SECRET_SIZE, domainCheckOf, type DomainSecrets } from '../dataset/keys.ts';
import { publicKeyFromRaw } from '../dataset/signing-key.ts';
import type { Identity } from '../peers/identity.ts';
import type { Catalogue, CatalogueOp } from '../store/catalogue.ts';
import type { SecretsStore } from '../store/secrets-store.ts';

export interface Dataset {
  readonly id: DatasetId;
  readonly name: string;
  /** The site that may publish it. */
  readonly writer: SiteId;
}

export interface DatasetParameters {
  readonly chunkAverage: number;
  readonly compressionLevel: number;
}

interface Components {
  readonly catalogue: Catalogue;
  readonly secrets: SecretsStore;
  readonly identity: Identity;
  readonly clock: Clock;
}

export class DatasetRegistry {
  readonly #components: Components;
  readonly #datasets = new Map<DatasetId, Dataset>();

  private constructor(components: Components) {
    this.#components = components;
  }

  static async load(components: Components): Promise<DatasetRegistry> {
    const registry = new DatasetRegistry(components);
    for (const { value } of await components.catalogue.datasets.entries()) {
      const { datasetId: id, name, writer } = value;
      registry.#datasets.set(id, { id, name, writer });
    }
    return registry;
  }

  /** By name, then id. */
  list(): Dataset[] {
    const key = (dataset: Dataset): string => `${dataset.name}/${dataset.id}`;
    return [...this.#datasets.values()].sort((a, b) => (key(a) < key(b) ? -1 : 1));
  }

  get(id: DatasetId): Dataset | undefined {
    return this.#datasets.get(id);
  }

  isOwn(dataset: Dataset): boolean {
    return dataset.writer === this.#components.identity.siteId;
  }

  /** All that this name or id fits. */
  find(nameOrId: string): Dataset[] {
    return this.list().filter(({ id, name }) => id === nameOrId || name === nameOrId);
  }

  /** The one that fits; ERR_DATASET_UNKNOWN, ERR_DATASET_AMBIGUOUS. */
  resolve(nameOrId: string): Dataset {
    const [found, ...others] = this.find(nameOrId);
    if (found === undefined) {
      throw new ReplicationError('ERR_DATASET_UNKNOWN', `no data set is named ${nameOrId}`, {
        dataset: nameOrId,
      });
    }
    if (others.length > 0) throw ambiguous(nameOrId, [found, ...others]);
    return found;
  }

  /**
   * The own data set of that name. When no data set has the name yet, a new one is made, which
   * counts once its first snapshot is committed with admitOp; else discard() it. ERR_WRITER_OTHER
   * when the name is another site's: a publish there would be a second line of history.
   */
  async own(nameOrId: string, parameters: DatasetParameters): Promise<Dataset> {
    const found = this.find(nameOrId);
    const own = found.filter((dataset) => this.isOwn(dataset));
    if (own.length > 1) throw ambiguous(nameOrId, own);
    if (own[0] !== undefined) return own[0];
    if (found[0] !== undefined) {
      const { writer } = found[0];
      throw new ReplicationError(
        'ERR_WRITER_OTHER',
        `data set ${nameOrId} is written by site ${writer}`,
        { dataset: nameOrId, writer },
      );
    }
    return this.#create(parseDatasetName(nameOrId), parameters);
  }

  /** The genesis of an own data set. */
  async genesisOf(
    dataset: Dataset,
  ): Promise<{ readonly bytes: Buffer; readonly genesis: Genesis }> {
    const { secrets } = this.#components;
    const bytes = await secrets.genesis(dataset.id);
    if (bytes === undefined) {
      throw new ReplicationError('ERR_HOME_INVALID', `the genesis of ${dataset.name} is absent`);
    }
    const { genesis } = decodeGenesis(bytes, () => this.#ownKey());
    return { bytes, genesis };
  }

  /** ERR_KEY_MISSING while the writer has not granted the right to read. */
  async secretsOf(dataset: Dataset): Promise<DomainSecrets> {
    const secrets = await this.#components.secrets.secrets(dataset.id);
    if (secrets === undefined) {
      throw new ReplicationError(
        'ERR_KEY_MISSING',
        `the writer of ${dataset.name} has not given this site its keys`,
        { datasetId: dataset.id },
      );
    }
    return secrets;
  }

  /** The catalogue change that makes a data set known; remember() it once that is durable. */
  admitOp(dataset: Dataset): CatalogueOp {
    return this.#components.catalogue.datasets.putOp(dataset.id, {
      datasetId: dataset.id,
      name: dataset.name,
      writer: dataset.writer,
      addedMs: this.#components.clock.now(),
    });
  }

  remember(dataset: Dataset): void {
    this.#datasets.set(dataset.id, dataset);
  }

  /** Removes what own() made of a data set that never got a snapshot. */
  async discard(dataset: Dataset): Promise<void> {
    if (this.#datasets.has(dataset.id)) return;
    await this.#components.secrets.remove(dataset.id);
  }

  #ownKey(): KeyObject {
    return publicKeyFromRaw(this.#components.identity.record.signingKey);
  }

  async #create(name: string, parameters: DatasetParameters): Promise<Dataset> {
    const { identity, secrets } = this.#components;
    const domain: DomainSecrets = {
      domainSecret: randomBytes(SECRET_SIZE),
      epochs: [{ epoch: 0, secret: randomBytes(SECRET_SIZE) }],
    };
    const genesis: Genesis = {
      ...GENESIS_DEFAULTS,
      name,
      random: freshGenesisRandom(),
      ownerKeys: [identity.siteId],
      firstWriter: identity.siteId,
      keyDomain: freshGenesisRandom(),
      domainCheck: domainCheckOf(domain),
      chunkAverage: parameters.chunkAverage,
      zstdLevel: parameters.compressionLevel,
    };
    const bytes = encodeGenesis(genesis, identity.signer);
    const { datasetId } = decodeGenesis(bytes, () => this.#ownKey());
    await secrets.putSecrets(datasetId, domain);
    await secrets.putGenesis(datasetId, bytes);
    return { id: datasetId, name, writer: identity.siteId };
  }
}

function ambiguous(name: string, found: readonly Dataset[]): ReplicationError {
  return new ReplicationError(
    'ERR_DATASET_AMBIGUOUS',
    `${name} names ${found.length} data sets: ${found.map(({ id }) => id).join(', ')}`,
    { dataset: name, ids: found.map(({ id }) => id) },
  );
}
