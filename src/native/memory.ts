// SPDX-License-Identifier: GPL-2.0-or-later
import { nativeAddon } from './addon.ts';
import { checkBuffer, checkInteger, checkSize } from './argument-checks.ts';

/**
 * Has the process give large blocks of memory back when they are freed, and threads share heaps:
 * for a process that lives long and works in bursts. Its threads wait for each other a little more.
 */
export function returnFreeMemory(): void {
  nativeAddon().returnFreeMemory();
}

/**
 * As from.copy(to, start), which V8 makes word by word where memory is shared. There must be room
 * for all bytes.
 */
export function copyBytes(from: Buffer, to: Buffer, start = 0): void {
  checkBuffer('from', from);
  checkBuffer('to', to);
  checkInteger('start', start, 0, to.length - from.length);
  nativeAddon().copyBytes(from, to, start);
}

/** Has the collector look soon for so many bytes that it does not count. */
export function announceGarbage(bytes: number): void {
  checkSize('bytes', bytes);
  nativeAddon().announceGarbage(bytes);
}
