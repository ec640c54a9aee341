// SPDX-License-Identifier: GPL-2.0-or-later
// A test file whose programs do not take loopback addresses for those of clients, as stock aMule:
// it runs itself again in a network namespace with other addresses, which is gone after it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';

const INSIDE = 'MULEPLEX_OWN_NETWORK';

/**
 * True inside. Outside it registers one test: the file, run inside, with these addresses.
 */
export function isInOwnNetwork(url: string, addresses: readonly string[]): boolean {
  if (process.env[INSIDE] !== undefined) return true;
  it('runs in a network of its own', async () => {
    const asRoot = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'];
    const setUp = ['ip link set lo up', ...addresses.map((one) => `ip addr add ${one}/32 dev lo`)];
    const script = `${setUp.join(' && ')} && exec "$@"`;
    // Node takes a run below a test for one of its own.
    const env = { ...process.env, [INSIDE]: '1', NODE_TEST_CONTEXT: undefined };
    const run = ['sh', '-c', script, 'sh', process.execPath, '--enable-source-maps', '--test'];
    const child = spawn('unshare', [...asRoot, '--net', ...run, fileURLToPath(url)], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (output += text));
    }
    const [status] = (await once(child, 'close')) as [number | null];
    if (status !== 0) throw new Error(output);
  });
  return false;
}
