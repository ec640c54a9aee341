// SPDX-License-Identifier: GPL-2.0-or-later
// What a site keeps of each data set beside its snapshots: the signed genesis, and the secrets of
// its key domain where it has the right to read. Files 0600 in datasets/<datasetId>/.
import { join } from 'node:path';
import { ReplicationError, messageOf } from '../base/errors.ts';
import type { DatasetId } from '../dataset/ids.ts';
import type { DomainSecrets } from '../dataset/keys.ts';
import { realDisk } from './disk.ts';
import type { Disk } from './disk.ts';
import { PrivateFolder } from './private-folder.ts';
import { bytes, count, list, record } from './row.ts';

const GENESIS = 'genesis';
const SECRETS = 'secrets';

const secretsRow = record({
  domainSecret: bytes,
  epochs: list(record({ epoch: count, secret: bytes })),
});

export class SecretsStore {
  readonly #folder: string;
  readonly #disk: Disk;

  constructor(folder: string, disk: Disk = realDisk) {
    this.#folder = folder;
    this.#disk = disk;
  }

  /** Keeps the genesis envelope; durable when it resolves. */
  async putGenesis(datasetId: DatasetId, envelope: Buffer): Promise<void> {
    await this.#write(datasetId, GENESIS, envelope);
  }

  /** The genesis envelope, undefined when it is not here. */
  genesis(datasetId: DatasetId): Promise<Buffer | undefined> {
    return this.#files(datasetId).read(GENESIS);
  }

  /** Replaces the secrets; durable when it resolves. */
  async putSecrets(datasetId: DatasetId, secrets: DomainSecrets): Promise<void> {
    const row = { domainSecret: secrets.domainSecret, epochs: [...secrets.epochs] };
    const json = JSON.stringify(secretsRow.encode(row));
    await this.#write(datasetId, SECRETS, Buffer.from(json, 'utf8'));
  }

  /** The secrets, undefined when they are not here; ERR_HOME_INVALID when the file is damaged. */
  async secrets(datasetId: DatasetId): Promise<DomainSecrets | undefined> {
    const stored = await this.#files(datasetId).read(SECRETS);
    if (stored === undefined) return undefined;
    try {
      return secretsRow.decode(JSON.parse(stored.toString('utf8')), SECRETS);
    } catch (error) {
      throw new ReplicationError(
        'ERR_HOME_INVALID',
        `the secrets of data set ${datasetId} are damaged: ${messageOf(error)}`,
        { datasetId },
        error,
      );
    }
  }

  /** Removes all that is kept of a data set; absent is fine. */
  async remove(datasetId: DatasetId): Promise<void> {
    await this.#disk.remove(join(this.#folder, datasetId));
    await this.#disk.syncFolder(this.#folder);
  }

  /** Data sets of which something is here, sorted. */
  async list(): Promise<DatasetId[]> {
    const names = await this.#disk.list(this.#folder);
    return names.filter((name) => /^[0-9a-f]{64}$/.test(name)) as DatasetId[];
  }

  /** Removes what interrupted writes left; for the start of a daemon. */
  async sweep(): Promise<void> {
    for (const datasetId of await this.list()) await this.#files(datasetId).sweep();
  }

  async #write(datasetId: DatasetId, name: string, content: Buffer): Promise<void> {
    await this.#files(datasetId).write(name, content);
    await this.#disk.syncFolder(this.#folder);
  }

  #files(datasetId: DatasetId): PrivateFolder {
    return new PrivateFolder(join(this.#folder, datasetId), this.#disk);
  }
}
