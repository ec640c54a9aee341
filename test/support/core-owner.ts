// SPDX-License-Identifier: GPL-2.0-or-later
// A program that runs a core, to be killed: arguments are mode, folder and address of
// startTestCore. Prints one line when the core answers.
import type { CoreMode } from '../../src/core/core.ts';
import { startTestCore } from './test-core.ts';

const [mode = '', root = '', address = ''] = process.argv.slice(2);
const { core } = await startTestCore(mode as CoreMode, root, address);
const { boot } = await core.info();
process.stdout.write(`${boot}\n`);
