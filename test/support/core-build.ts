// SPDX-License-Identifier: GPL-2.0-or-later
// Where scripts/build-core left the patched core. Tests that need it fail without it, they are
// never skipped: a contract that nobody checked holds for nobody.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { coreBuildPath } from '../../src/core/core-build.ts';

export type CoreFile = 'amuled' | 'amulecmd' | 'ed2k' | 'libmulecore.so';

/**
 * Absolute path of a file of the patched core; throws when it is not built. MULEPLEX_CORE_BUILD
 * names the folder of another build, as scripts/core-sanitize does.
 */
export function coreFile(name: CoreFile): string {
  const folder = process.env['MULEPLEX_CORE_BUILD'];
  const path = folder === undefined ? coreBuildPath(name) : join(folder, name);
  if (existsSync(path)) return path;
  throw new Error(`${path} is missing: run ./scripts/build-core first`);
}

/** aMule's list of EC codes in the source that the core was built from. */
export function ecCodesPath(): string {
  return join(coreBuildPath('source'), 'src', 'libs', 'ec', 'abstracts', 'ECCodes.abstract');
}
