// SPDX-License-Identifier: GPL-2.0-or-later
// Main file of the child process of the embedded core: loads libmulecore.so, runs the core on a
// thread of it, and passes packets between its C interface and the parent. Arguments: the library,
// the configuration folder. Ends when the core ends, and ends the core when the parent goes away.
import { messageOf } from '../base/errors.ts';
import { CORE_STOP_TIMEOUT_MS } from '../base/limits.ts';
import { openCore } from '../native/core-library.ts';
import type { CoreLibrary } from '../native/core-library.ts';
import type { HostMessage, HostRequest } from './host-messages.ts';

const STATUS_FAILED = 70;
const EXIT_DELAY_MS = 500;

/**
 * Resolves when the message is on its way; the parent may be gone, which 'disconnect' deals with.
 */
function tell(message: HostMessage): Promise<void> {
  return new Promise((resolve) => {
    if (process.connected) process.send?.(message, () => resolve());
    else resolve();
  });
}

async function answer(core: CoreLibrary, request: HostRequest): Promise<void> {
  const { id, packet } = request;
  const bytes = Buffer.from(packet.buffer, packet.byteOffset, packet.byteLength);
  const reply = await core.request(bytes).catch(() => undefined);
  await tell({ kind: 'answer', id, packet: reply });
}

/** The core writes its state first; a core that hangs does not keep the process. */
function stop(core: CoreLibrary): void {
  core.stop();
  setTimeout(() => process.exit(STATUS_FAILED), CORE_STOP_TIMEOUT_MS).unref();
}

async function main(library: string, folder: string): Promise<number> {
  const core = openCore(library);
  core.onEvent((packet) => void tell({ kind: 'event', packet }));
  process.on('message', (request) => void answer(core, request as HostRequest));
  process.once('disconnect', () => stop(core));
  process.once('SIGTERM', () => stop(core));
  // A terminal sends it to the whole group: the parent decides in which order things end.
  process.on('SIGINT', () => undefined);
  return core.run(['amuled', '-c', folder, '-o']);
}

const [library = '', folder = ''] = process.argv.slice(2);
try {
  process.exitCode = await main(library, folder);
} catch (error) {
  await tell({ kind: 'failed', text: messageOf(error) });
  process.exitCode = STATUS_FAILED;
}
if (process.connected) process.disconnect();
// Threads of the library that are still there do not keep the process.
setTimeout(() => process.exit(), EXIT_DELAY_MS).unref();
