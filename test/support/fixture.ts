// SPDX-License-Identifier: GPL-2.0-or-later
// Files of test/fixtures, found from the compiled tests.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Seen from dist/test/support. */
const FIXTURES = new URL('../../../test/fixtures/', import.meta.url);

export function fixturePath(name: string): string {
  return fileURLToPath(new URL(name, FIXTURES));
}

export function readJsonFixture(name: string): unknown {
  return JSON.parse(readFileSync(fixturePath(name), 'utf8'));
}

export function writeJsonFixture(name: string, value: unknown): void {
  writeFileSync(fixturePath(name), `${JSON.stringify(value, null, 2)}\n`);
}
