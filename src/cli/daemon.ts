#!/usr/bin/env node
// SPDX-License-Identifier: GPL-2.0-or-later
// muleplexd: the same as `muleplex daemon`, under the name that a service unit shows.
import { main } from './main.ts';

process.exitCode = await main(['daemon', ...process.argv.slice(2)]);
