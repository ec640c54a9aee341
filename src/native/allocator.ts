// SPDX-License-Identifier: GPL-2.0-or-later
import { nativeAddon } from './addon.ts';

/**
 * Has the process give large blocks of memory back when they are freed, and threads share heaps:
 * for a process that lives long and works in bursts. Its threads wait for each other a little more.
 */
export function returnFreeMemory(): void {
  nativeAddon().returnFreeMemory();
}
