// SPDX-License-Identifier: GPL-2.0-or-later
// Debian's unmodified aMule 2.3.3 and a core of ours in an open swarm: each downloads from the
// other what the other shares by itself, byte for byte; a pack does not exist for it.
//
// Stock aMule at times no longer notices what a socket receives, and at times leaves a file that
// has all its parts where it is, which a core of ours must not. Both are then started again, and go
// on: for minutes, the one would not ask the other again, or not be heard.
import assert from 'node:assert/strict';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, it } from 'node:test';
import { trustOf } from '../../scripts/lab/trust.ts';
import { systemClock } from '../../src/base/clock.ts';
import { createLogger } from '../../src/base/logger.ts';
import { ControlCore } from '../../src/core/control-core.ts';
import { ExternalTransport } from '../../src/core/external.ts';
import { formatEd2kLink } from '../../src/ed2k/link.ts';
import { hashFile } from '../../src/native/file-hasher.ts';
import { Amuled, eventually } from '../support/amuled.ts';
import { coreFile } from '../support/core-build.ts';
import { Ed2kServer } from '../support/ed2k-server.ts';
import { isInOwnNetwork } from '../support/own-network.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { testBytes } from '../support/test-bytes.ts';
import { makeTestPack } from '../support/test-pack.ts';

const DEBIAN = '/usr/bin/amuled';
const OURS = '10.66.0.1';
const STOCK = '10.66.0.2';
const SERVER = { host: '10.66.0.3', port: 4661 };

/** Two parts; between it and another Debian's moves less than 0.5 MB/s. */
const SIZE = 9_728_000 + 300_000;
const TRANSFER_TIMEOUT_MS = 120_000;
const STALL_MS = 8000;

/** Puts a file where the amuled at this folder shares it. */
async function offer(folder: string, name: string, bytes: Buffer): Promise<void> {
  const incoming = join(folder, 'Incoming');
  await mkdir(incoming, { recursive: true });
  await writeFile(join(incoming, name), bytes);
}

interface Pair {
  readonly to: Amuled;
  readonly from: Amuled;
  /** Which of them is Debian's. */
  readonly stock: Amuled;
  /** Starts both again. */
  readonly restart: () => Promise<void>;
}

/** `to` downloads what `from` shares; resolves when it is complete and the same. */
async function download({ to, from, stock, restart }: Pair, name: string): Promise<void> {
  const path = join(from.incoming, name);
  await eventually(`${name} is shared`, async () =>
    (await from.ec.sharedFiles()).some((file) => file.name === name),
  );
  const { size } = await stat(path);
  const hashes = await hashFile(path);
  const fileHash = hashes.fileHash.toString('hex');
  const { partHashes } = hashes;
  const { host, port } = from.endPoint;
  const link = formatEd2kLink({ name, size, fileHash, partHashes, sources: [{ host, port }] });
  const there = join(to.incoming, name);
  const last = { bytes: 0, atMs: Date.now() };
  await to.ec.addLink(link);
  await eventually(
    `${name} is downloaded`,
    async () => {
      if ((await stat(there).catch(() => undefined))?.size === size) return true;
      const found = (await to.ec.downloads()).find((one) => one.fileHash === fileHash);
      if (found?.bytesDone !== last.bytes) {
        Object.assign(last, { bytes: found?.bytesDone ?? 0, atMs: Date.now() });
      } else if (Date.now() - last.atMs > STALL_MS && (found.bytesDone < size || to === stock)) {
        await restart();
        last.atMs = Date.now();
      } else if (found.sourceCount === 0 && found.bytesDone < size) {
        // aMule forgets a source that is added in its first second. The link adds it again.
        await to.ec.addLink(link);
        await delay(1000);
      }
      return false;
    },
    TRANSFER_TIMEOUT_MS,
  );
  assert.ok((await readFile(path)).equals(await readFile(there)), `${name} differs`);
}

if (isInOwnNetwork(import.meta.url, [OURS, STOCK, SERVER.host])) {
  describe('an unmodified aMule 2.3.3', () => {
    it('and an open core of ours exchange files, but no packs', async (test) => {
      const root = temporaryFolder(test);
      const [ourFolder, stockFolder] = [join(root, 'ours'), join(root, 'stock')];
      await mkdir(ourFolder, { mode: 0o700 });
      await offer(ourFolder, 'ours.bin', testBytes(SIZE, 1));
      await offer(stockFolder, 'stock.bin', testBytes(SIZE, 2));
      const server = await Ed2kServer.start(SERVER);
      const ours = await Amuled.start({
        ...{ program: coreFile('amuled'), folder: ourFolder, address: OURS, ecPort: 4712 },
      });
      const stock = await Amuled.start({
        ...{ program: DEBIAN, folder: stockFolder, address: STOCK, ecPort: 4713 },
      });
      const log = createLogger({ level: 'debug', file: join(root, 'muleplexd.log') });
      const components = { clock: systemClock, log };
      const socketPath = ours.controlSocketPath;
      const core = new ControlCore({
        ...{ ...components, transport: new ExternalTransport(components, { socketPath }) },
      });
      const pack = await makeTestPack(ourFolder, 100_000, 3);
      const beginOurs = async (): Promise<void> => {
        await core.setTrust(trustOf(ours.endPoint, [], true));
        await core.share([pack]);
        await ours.connectTo(SERVER);
      };
      const restart = async (): Promise<void> => {
        const answered = new Promise<void>((resolve) => core.onRestart(resolve));
        await Promise.all([ours.restart(), stock.restart()]);
        await answered;
        await beginOurs();
        await stock.connectTo(SERVER);
      };
      try {
        await core.start();
        await beginOurs();
        await stock.connectTo(SERVER);
        await download({ to: stock, from: ours, stock, restart }, 'ours.bin');
        await download({ to: ours, from: stock, stock, restart }, 'stock.bin');
        const { host, port } = ours.endPoint;
        const { size, fileHash } = pack;
        const link = { name: 'pack', size, fileHash, sources: [{ host, port }] };
        await stock.ec.addLink(formatEd2kLink(link));
        const wanted = (await stock.ec.downloads()).find((one) => one.fileHash === fileHash);
        assert.equal(wanted?.bytesDone, 0);
      } finally {
        await core.stop();
        await ours.stop();
        await stock.stop();
        await server.stop();
      }
    });
  });
}
