// SPDX-License-Identifier: GPL-2.0-or-later
// An amuled, ours or Debian's, with a file that it shares by itself, driven over EC as amulecmd does.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { amuleConf } from '../../src/core/amule-conf.ts';
import type { EndPoint } from '../../src/core/core.ts';
import { EcClient } from '../../src/ec/client.ts';
import { EC_OP } from '../../src/ec/opcodes.ts';
import { expectReply } from '../../src/ec/reply.ts';
import { textTag } from '../../src/ec/tag.ts';
import { EC_TAG } from '../../src/ec/tags.ts';

const PORT = 4662;
const START_TIMEOUT_MS = 30_000;
const POLL_MS = 100;

/** Password for external connections of all of them. */
export const EC_PASSWORD = 'a password';

export interface AmuledInit {
  /** Absolute path of the program. */
  readonly program: string;
  /** Of its own; files in the folder Incoming are shared. */
  readonly folder: string;
  /** Local IPv4 address of eD2k; EC is on 127.0.0.1. */
  readonly address: string;
  readonly ecPort: number;
}

export class Amuled {
  readonly endPoint: EndPoint;
  readonly incoming: string;
  /** Of a patched one. */
  readonly controlSocketPath: string;
  readonly #init: AmuledInit;
  #child: ChildProcess;
  #ec: EcClient;

  private constructor(init: AmuledInit, child: ChildProcess, ec: EcClient) {
    this.#init = init;
    this.endPoint = { host: init.address, port: PORT };
    this.incoming = join(init.folder, 'Incoming');
    this.controlSocketPath = socketOf(init.folder);
    this.#child = child;
    this.#ec = ec;
  }

  static async start(init: AmuledInit): Promise<Amuled> {
    const { folder, address, ecPort } = init;
    const [tempPath, incomingPath] = [join(folder, 'Temp'), join(folder, 'Incoming')];
    await mkdir(folder, { recursive: true, mode: 0o700 });
    for (const path of [tempPath, incomingPath]) await mkdir(path, { recursive: true });
    const conf = amuleConf({
      ...{ tempPath, incomingPath, address, port: PORT },
      ec: { port: ecPort, password: EC_PASSWORD },
      controlSocketPath: socketOf(folder),
    });
    // Without a limit Debian's begins with a few KiB/s, and takes 65,535 for none.
    const changed = conf
      .replace('MaxUpload=0', 'MaxUpload=60000')
      .replace('ConnectToED2K=0', 'ConnectToED2K=1');
    await writeFile(join(folder, 'amule.conf'), changed, { mode: 0o600 });
    const child = await run(init);
    return new Amuled(init, child, await connect(ecPort));
  }

  /** Of the present run. */
  get ec(): EcClient {
    return this.#ec;
  }

  /** Ends it and starts it again, with what it has on disk. */
  async restart(): Promise<void> {
    await this.stop();
    this.#child = await run(this.#init);
    this.#ec = await connect(this.#init.ecPort);
  }

  /** Has it log in to the server; resolves when it counts as connected. */
  async connectTo(server: EndPoint): Promise<void> {
    const name = textTag(EC_TAG.SERVER_NAME, 'server of the test');
    const address = textTag(EC_TAG.SERVER_ADDRESS, `${server.host}:${server.port}`);
    // Refused when it knows the server from an earlier run.
    await this.ec.exchange({ opcode: EC_OP.SERVER_ADD, tags: [address, name] });
    const request = { opcode: EC_OP.SERVER_CONNECT, tags: [] };
    expectReply(request, await this.ec.exchange(request), EC_OP.NOOP);
    await eventually('it is connected to the server', async () => {
      return (await this.ec.connectState()).ed2k === 'connected';
    });
  }

  async stop(): Promise<void> {
    await this.ec.close();
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await exit;
  }
}

async function run({ program, folder }: AmuledInit): Promise<ChildProcess> {
  const log = await open(join(folder, 'output'), 'a');
  const args = ['--pdeathsig', 'KILL', '--', program, '-c', folder, '-o'];
  const child = spawn('setpriv', args, {
    env: { PATH: process.env['PATH'], LC_ALL: 'C.UTF-8', HOME: folder },
    stdio: ['ignore', log.fd, log.fd],
  });
  await log.close();
  return child;
}

function socketOf(folder: string): string {
  return join(folder, 'muleplex.sock');
}

async function connect(port: number): Promise<EcClient> {
  const init = {
    address: { host: '127.0.0.1', port },
    ...{ password: EC_PASSWORD, clientName: 'test', clientVersion: '1' },
    ...{ zlib: false, utf8Numbers: false },
  };
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    try {
      return await EcClient.connect(init);
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await delay(POLL_MS);
    }
  }
}

/** For what no event tells. */
export async function eventually(
  what: string,
  condition: () => Promise<boolean>,
  timeoutMs = START_TIMEOUT_MS,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await delay(POLL_MS);
  }
}
