// SPDX-License-Identifier: GPL-2.0-or-later
// A child process in the place of core-host.ts that misbehaves as its argument says.
import type { HostMessage, HostRequest } from '../../src/core/host-messages.ts';

const [behaviour = ''] = process.argv.slice(2);

function tell(message: HostMessage): void {
  process.send?.(message);
}

process.on('message', (message) => {
  const { id } = message as HostRequest;
  switch (behaviour) {
    case 'noAnswer':
      tell({ kind: 'answer', id, packet: undefined });
      return;
    case 'malformedAnswer':
      tell({ kind: 'answer', id, packet: Buffer.from('ff', 'hex') });
      return;
    case 'malformedEvent':
      tell({ kind: 'event', packet: Buffer.from('ff', 'hex') });
      return;
    case 'failed':
      tell({ kind: 'failed', text: 'not a library' });
      process.exitCode = 1;
      setImmediate(() => process.disconnect());
      return;
    case 'twice':
      for (let times = 0; times < 2; times++) {
        tell({ kind: 'answer', id, packet: Buffer.from('010000', 'hex') });
      }
      return;
    default:
      process.exit(3);
  }
});
