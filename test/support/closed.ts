// SPDX-License-Identifier: GPL-2.0-or-later
import type { EventEmitter } from 'node:events';

/** Resolves when the socket, stream or session has closed; errors before it are of no interest. */
export function closed(emitter: EventEmitter): Promise<void> {
  emitter.on('error', () => undefined);
  return new Promise((resolve) => {
    emitter.once('close', () => resolve());
  });
}
