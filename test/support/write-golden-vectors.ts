// SPDX-License-Identifier: GPL-2.0-or-later
// Writes test/fixtures/golden anew: `node dist/test/support/write-golden-vectors.js`. Bytes that
// change there are a new version of a format, never a correction.
import { writeJsonFixture } from './fixture.ts';
import { goldenVectors } from './golden-vectors.ts';

for (const [name, value] of Object.entries(await goldenVectors())) {
  writeJsonFixture(`golden/${name}.json`, value);
}
