// SPDX-License-Identifier: GPL-2.0-or-later
import { coreSuite } from './core-suite.ts';

coreSuite('managed');
