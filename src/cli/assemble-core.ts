// SPDX-License-Identifier: GPL-2.0-or-later
// The part of the composition root that makes the way to the aMule core, as the config says.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../base/clock.ts';
import { ReplicationError, storageError } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import type { Config } from '../control/config.ts';
import { coreBuildPath } from '../core/core-build.ts';
import { EmbeddedTransport } from '../core/embedded.ts';
import { ExternalTransport } from '../core/external.ts';
import { ManagedTransport } from '../core/managed.ts';
import type { CoreTransport } from '../core/transport.ts';
import type { Home } from '../store/home.ts';

interface Components {
  readonly config: Config;
  readonly home: Home;
  readonly logger: Logger;
}

/** ERR_CONFIG_INVALID when the file with the password does not fit. */
export async function transportOf({
  config,
  home,
  logger: log,
}: Components): Promise<CoreTransport> {
  const { mode, socket, ecPort, ecPasswordFile, uploadLimit, downloadLimit } = config.core;
  const clock = systemClock;
  const { address, port } = config.ed2k;
  const limits = { upload: uploadLimit, download: downloadLimit };
  const folder = {
    ...{ path: home.coreFolder, address, port, limits },
    storeRoot: home.packsFolder,
  };
  const logPath = join(home.logFolder, 'core.log');
  const password = ecPasswordFile === undefined ? undefined : await readPassword(ecPasswordFile);
  const ec = {
    ...(ecPort === undefined ? {} : { ecPort }),
    ...(password === undefined ? {} : { ecPassword: password }),
  };
  switch (mode) {
    case 'embedded': {
      const library = config.core.library ?? coreBuildPath('libmulecore.so');
      return new EmbeddedTransport({ clock, log }, { folder, library, logPath, ...ec });
    }
    case 'managed': {
      const program = config.core.program ?? coreBuildPath('amuled');
      return new ManagedTransport({ clock, log }, { folder, program, logPath, ...ec });
    }
    case 'external':
      // The config's checks ask for it.
      return new ExternalTransport({ clock, log }, { socketPath: socket ?? '' });
  }
}

async function readPassword(path: string): Promise<string> {
  let content: string;
  try {
    content = await readFile(path, 'utf8');
  } catch (error) {
    throw storageError(path, error);
  }
  const [password = ''] = content.split('\n');
  if (password !== '') return password;
  throw new ReplicationError('ERR_CONFIG_INVALID', `${path} has no password in its first line`, {
    path,
  });
}
