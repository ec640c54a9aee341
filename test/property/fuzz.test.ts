// SPDX-License-Identifier: GPL-2.0-or-later
// A short run of the fuzz targets with a fixed seed; test/fuzz/run.ts runs them for long.
import { test } from 'node:test';
import { Mutator } from '../fuzz/mutator.ts';
import { FUZZ_TARGETS } from '../fuzz/targets.ts';
import { blamesInput } from '../support/refuses.ts';

const INPUTS = 1_500;

for (const [name, { seeds, run }] of Object.entries(FUZZ_TARGETS)) {
  test(`${name}: mutated inputs are taken or blamed`, () => {
    const mutator = new Mutator(1);
    for (let input = 0; input < INPUTS; input += 1) {
      blamesInput(() => {
        run(mutator.mutate(seeds));
      });
    }
  });
}
