// SPDX-License-Identifier: GPL-2.0-or-later
// The keys of a data set in the shapes in which the kernels and the store take them.
import { ReplicationError } from '../base/errors.ts';
import {
  deriveDomainKeys,
  epochKeysOf,
  type DomainSecrets,
  type EpochKeys,
} from '../dataset/keys.ts';

export interface DatasetKeys {
  /** Names chunks. */
  readonly idKey: Buffer;
  /** Places chunk boundaries. */
  readonly gearKey: Buffer;
  /** The newest key epoch: new frames are made under it. */
  readonly keyEpoch: number;
  /** ERR_KEY_MISSING for an epoch whose secret is not here. */
  epochKeys(epoch: number): EpochKeys;
}

export function datasetKeys(secrets: DomainSecrets): DatasetKeys {
  const newest = secrets.epochs.at(-1);
  if (newest === undefined) throw new ReplicationError('ERR_KEY_MISSING', 'no key epoch is here');
  return {
    ...deriveDomainKeys(secrets),
    keyEpoch: newest.epoch,
    epochKeys: epochKeysOf(secrets),
  };
}
