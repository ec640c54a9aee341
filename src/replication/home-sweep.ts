// SPDX-License-Identifier: GPL-2.0-or-later
// Removes what a process that died has left in a home: files under construction, packs of a publish
// that was never committed or that were being removed, space that was held.
import type { Logger } from '../base/logger.ts';
import type { Catalogue } from '../store/catalogue.ts';
import type { FeatureStore } from '../store/feature-store.ts';
import type { Home } from '../store/home.ts';
import type { IndexStore } from '../store/index-store.ts';
import type { ManifestStore } from '../store/manifest-store.ts';
import type { PackStore } from '../store/pack-store.ts';
import { Reservation } from '../store/reservation.ts';
import type { SecretsStore } from '../store/secrets-store.ts';

interface Components {
  readonly home: Home;
  readonly catalogue: Catalogue;
  readonly packs: PackStore;
  readonly features: FeatureStore;
  readonly index: IndexStore;
  readonly manifests: ManifestStore;
  readonly secrets: SecretsStore;
  readonly logger: Logger;
}

/** For the start of a daemon, before anything else works in the home. */
export async function sweepHome(components: Components): Promise<void> {
  const { catalogue, features, home, index, logger, manifests, packs, secrets } = components;
  await packs.sweep();
  await manifests.sweep();
  await secrets.sweep();
  await Reservation.sweep(home.packsFolder);
  for (const datasetId of await secrets.list()) {
    if ((await catalogue.datasets.get(datasetId)) === undefined) await secrets.remove(datasetId);
  }
  const rows = await catalogue.packs.entries();
  const known = new Set<string>(rows.map(({ key }) => key));
  await features.sweep(known);
  await index.sweep(known);
  for (const packId of await packs.list()) {
    if (known.has(packId)) continue;
    logger.info('pack that nothing names removed', { packId });
    await packs.remove(packId);
  }
}
