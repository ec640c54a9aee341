// SPDX-License-Identifier: GPL-2.0-or-later
// A folder for one test, removed after it.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

export function temporaryFolder(test: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'muleplex-test-'));
  test.after(() => {
    rmSync(path, { recursive: true, force: true });
  });
  return path;
}
