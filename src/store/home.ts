// SPDX-License-Identifier: GPL-2.0-or-later
// The home folder of a site: where each thing lies, and that nobody but its owner can enter. One
// daemon at a time is ensured by the catalogue's lock (catalogue.ts), which dies with the process.
import { chmod, lstat, mkdir, readdir } from 'node:fs/promises';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { ReplicationError, errnoOf, storageError } from '../base/errors.ts';
import { readBounded, writeAtomic } from './atomic-file.ts';
import { realDisk } from './disk.ts';

/** First line of the file `version`; a home of another layout is refused. */
const HOME_VERSION = 'muleplex-home 1\n';
const VERSION_FILE_SIZE_MAX = 256;

const FOLDERS = {
  identity: 'identity',
  catalogue: 'catalogue',
  packs: 'packs',
  manifests: 'manifests',
  datasets: 'datasets',
  index: 'index',
  core: 'core',
  log: 'log',
} as const;

export class Home {
  /** Absolute path of the home. */
  readonly root: string;
  readonly configFile: string;
  readonly identityFolder: string;
  readonly catalogueFolder: string;
  readonly packsFolder: string;
  readonly manifestsFolder: string;
  readonly datasetsFolder: string;
  readonly indexFolder: string;
  readonly coreFolder: string;
  readonly logFolder: string;
  readonly controlSocket: string;

  private constructor(root: string) {
    this.root = root;
    this.configFile = join(root, 'config.toml');
    this.identityFolder = join(root, FOLDERS.identity);
    this.catalogueFolder = join(root, FOLDERS.catalogue);
    this.packsFolder = join(root, FOLDERS.packs);
    this.manifestsFolder = join(root, FOLDERS.manifests);
    this.datasetsFolder = join(root, FOLDERS.datasets);
    this.indexFolder = join(root, FOLDERS.index);
    this.coreFolder = join(root, FOLDERS.core);
    this.logFolder = join(root, FOLDERS.log);
    this.controlSocket = join(root, 'control.sock');
  }

  /**
   * Makes a new home (0700, with its folders). The folder may exist when it is empty. The version
   * file comes last, so an interrupted create can be repeated. ERR_HOME_EXISTS when there is one.
   */
  static async create(path: string): Promise<Home> {
    const home = new Home(resolve(path));
    try {
      await mkdir(home.root, { recursive: true, mode: 0o700 });
      await refuseUsed(home.root);
      await chmod(home.root, 0o700);
      for (const name of Object.values(FOLDERS)) {
        await mkdir(join(home.root, name), { recursive: true, mode: 0o700 });
      }
    } catch (error) {
      throw storageError(home.root, error);
    }
    await refuseForeign(home.root);
    await writeAtomic(join(home.root, 'version'), Buffer.from(HOME_VERSION));
    await realDisk.syncFolder(dirname(home.root));
    return home;
  }

  /** Opens a home; ERR_HOME_INVALID when it is absent, of another layout or open to others. */
  static async open(path: string): Promise<Home> {
    if (path === '') throw invalid(path, 'is not named');
    const home = new Home(isAbsolute(path) ? path : resolve(path));
    await refuseForeign(home.root);
    const version = await readBounded(join(home.root, 'version'), VERSION_FILE_SIZE_MAX);
    if (version === undefined) throw invalid(home.root, 'is not a home');
    if (version.toString('latin1') !== HOME_VERSION) {
      throw invalid(home.root, 'has a layout of another version');
    }
    for (const name of Object.values(FOLDERS)) {
      await realDisk.makeFolder(join(home.root, name), 0o700);
    }
    return home;
  }
}

async function refuseUsed(root: string): Promise<void> {
  const known = new Set<string>(Object.values(FOLDERS));
  const names = await readdir(root);
  if (names.includes('version')) {
    throw new ReplicationError('ERR_HOME_EXISTS', `${root} is a home already`, { path: root });
  }
  if (names.some((name) => !known.has(name) && !name.endsWith('.tmp'))) {
    throw new ReplicationError('ERR_HOME_EXISTS', `${root} is not empty`, { path: root });
  }
}

async function refuseForeign(root: string): Promise<void> {
  let stats;
  try {
    stats = await lstat(root);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') throw invalid(root, 'does not exist');
    throw storageError(root, error);
  }
  if (!stats.isDirectory()) throw invalid(root, 'is not a folder');
  if (process.getuid !== undefined && stats.uid !== process.getuid()) {
    throw invalid(root, `belongs to user ${stats.uid}`);
  }
  if ((stats.mode & 0o077) !== 0) {
    throw invalid(root, `is open to others (mode ${(stats.mode & 0o777).toString(8)}, not 700)`);
  }
}

function invalid(path: string, reason: string): ReplicationError {
  return new ReplicationError('ERR_HOME_INVALID', `home ${path} ${reason}`, { path });
}
