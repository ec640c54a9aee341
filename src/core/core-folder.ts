// SPDX-License-Identifier: GPL-2.0-or-later
// The configuration folder of a core that we run: what must be there before it starts.
import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { ReplicationError, errnoOf, storageError } from '../base/errors.ts';
import { CORE_LOG_SIZE_MAX } from '../base/limits.ts';
import { amuleConf } from './amule-conf.ts';
import type { CoreLimits } from './amule-conf.ts';

export interface CoreFolderInit {
  /** Absolute. On the file system of the packs: completed files are renamed to their place. */
  readonly path: string;
  /** Local IPv4 address and port of eD2k. */
  readonly address: string;
  readonly port: number;
  readonly limits?: CoreLimits;
  /** Absolute; files elsewhere are neither shared nor fetched. Default: the whole file system. */
  readonly storeRoot?: string;
}

/** How a core of ours can be reached but through its C interface. */
export interface WaysIn {
  readonly hasControlSocket: boolean;
  /** External connections on 127.0.0.1; undefined: none. */
  readonly ecPort?: number;
  /** Default: one of our own, in the file ec-password of the folder. */
  readonly ecPassword?: string;
}

/** Where a core of ours offers external connections. */
const EC_HOST = '127.0.0.1';

const EC_PASSWORD_SIZE = 16;
const PRIVATE_FILE = 0o600;
const PRIVATE_FOLDER = 0o700;

export class CoreFolder {
  readonly path: string;
  /** Where an amuled is driven; the folder is entered by nobody else. */
  readonly controlSocketPath: string;
  /** Which process runs here (process-record.ts). */
  readonly processRecordPath: string;
  readonly #init: CoreFolderInit;

  constructor(init: CoreFolderInit) {
    this.path = init.path;
    this.controlSocketPath = join(init.path, 'control.sock');
    this.processRecordPath = join(init.path, 'process');
    this.#init = init;
  }

  /**
   * Makes the folders, writes amule.conf, and takes away the lock of a core that was killed. No
   * core may run here. Throws ERR_CORE_REFUSED when a port is taken, ERR_STORAGE_FAILED.
   */
  async prepare({ hasControlSocket, ecPort, ecPassword }: WaysIn): Promise<void> {
    const { address, port, limits, storeRoot } = this.#init;
    await assertPortFree('eD2k', address, port);
    if (ecPort !== undefined) await assertPortFree('external connections', EC_HOST, ecPort);
    const password = ecPassword ?? (ecPort === undefined ? '' : await this.ecPassword());
    const ec = ecPort === undefined ? undefined : { port: ecPort, password };
    const tempPath = join(this.path, 'Temp');
    const incomingPath = join(this.path, 'Incoming');
    try {
      for (const folder of [this.path, tempPath, incomingPath]) {
        await mkdir(folder, { recursive: true, mode: PRIVATE_FOLDER });
      }
      const given = {
        ...(limits === undefined ? {} : { limits }),
        ...(storeRoot === undefined ? {} : { storeRoot }),
        ...(hasControlSocket ? { controlSocketPath: this.controlSocketPath } : {}),
      };
      const conf = amuleConf({ tempPath, incomingPath, address, port, ec, ...given });
      await writePrivate(join(this.path, 'amule.conf'), conf);
      // wxWidgets takes a lock file whose pid was given to another program for a running core.
      await rm(join(this.path, 'muleLock'), { force: true });
    } catch (error) {
      throw storageError(this.path, error);
    }
  }

  /**
   * The password for external connections: made once, kept in a file that amulecmd's user reads.
   */
  async ecPassword(): Promise<string> {
    const path = join(this.path, 'ec-password');
    try {
      const known = await readFile(path, 'utf8').catch(() => '');
      if (/^[0-9a-f]{32}\n$/.test(known)) return known.trimEnd();
      const password = randomBytes(EC_PASSWORD_SIZE).toString('hex');
      await mkdir(this.path, { recursive: true, mode: PRIVATE_FOLDER });
      await writePrivate(path, `${password}\n`);
      return password;
    } catch (error) {
      throw storageError(path, error);
    }
  }
}

/** Opens a log for appending; a long one is put aside first. */
export async function openLog(path: string): Promise<FileHandle> {
  try {
    const size = await stat(path).then(
      (stats) => stats.size,
      () => 0,
    );
    if (size > CORE_LOG_SIZE_MAX) await rename(path, `${path}.1`);
    return await open(path, 'a', PRIVATE_FILE);
  } catch (error) {
    throw storageError(path, error);
  }
}

async function assertPortFree(use: string, address: string, port: number): Promise<void> {
  try {
    await bindOnce(address, port);
  } catch (error) {
    const errno = errnoOf(error) ?? 'UNKNOWN';
    const reason = errno === 'EADDRINUSE' ? 'is in use' : `cannot be used (${errno})`;
    throw new ReplicationError(
      'ERR_CORE_REFUSED',
      `the address ${address}:${port} for ${use} ${reason}`,
      { address, port, reason: errno },
      error,
    );
  }
}

function bindOnce(host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ host, port }, () => server.close(() => resolve()));
  });
}

async function writePrivate(path: string, text: string): Promise<void> {
  const draft = `${path}.new`;
  await writeFile(draft, text, { mode: PRIVATE_FILE });
  await rename(draft, path);
}
