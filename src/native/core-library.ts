// SPDX-License-Identifier: GPL-2.0-or-later
// libmulecore.so in this process, through the addon's core host. One core a process, once: a core
// that ended cannot be run again.
import { isAbsolute } from 'node:path';
import { ReplicationError, messageOf } from '../base/errors.ts';
import { nativeAddon } from './addon.ts';
import type { NativeAddon } from './addon.ts';

export interface CoreLibrary {
  /**
   * Runs the core on a thread of its own with amuled's command line; resolves with its exit status
   * when it ended.
   */
  run(argv: readonly string[]): Promise<number>;
  /**
   * Packets are EC payloads with plain numbers. Rejects when the core does not run or ends first.
   */
  request(packet: Buffer): Promise<Buffer>;
  /** Called with an EVENTS packet for each event. Set before run(). */
  onEvent(listener: (packet: Buffer) => void): void;
  /** Ends the core in order; run() resolves. */
  stop(): void;
}

interface CoreHostAddon {
  openCore(path: string): CoreLibrary;
}

/**
 * Loads the library. Throws ERR_CORE_MISSING when it is none, or one for another program version.
 */
export function openCore(path: string): CoreLibrary {
  if (!isAbsolute(path)) throw new ReplicationError('ERR_ARGUMENT_INVALID', `${path} is relative`);
  const addon = nativeAddon() as NativeAddon & CoreHostAddon;
  try {
    return addon.openCore(path);
  } catch (error) {
    throw new ReplicationError('ERR_CORE_MISSING', `${path}: ${messageOf(error)}`, { path }, error);
  }
}
