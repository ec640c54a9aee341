// SPDX-License-Identifier: GPL-2.0-or-later
// Where the patched core lies that scripts/build-core makes, for who names none in the config.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Above dist/src/core/, where this file runs. */
const PACKAGE_ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** Absolute path of a file of the build, present or not. */
export function coreBuildPath(name: string): string {
  return join(PACKAGE_ROOT, 'build', 'core', name);
}
