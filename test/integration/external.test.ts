// SPDX-License-Identifier: GPL-2.0-or-later
// A site that replicates through an amuled of its administrator's, with an amule.conf, a share and a
// download that are none of ours.
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { it } from 'node:test';
import type { Network } from '../../scripts/lab/network.ts';
import { differences } from '../../scripts/lab/compare.ts';
import { run } from '../../scripts/lab/run.ts';
import type { Site } from '../../scripts/lab/site.ts';
import { coreFile } from '../support/core-build.ts';
import { eventually, replicaOf, siteAt, startLab } from '../support/lab.ts';
import { makeBulk } from '../support/tree.ts';

const PASSWORD = 'the password of the administrator';
const EC_PORT = 4712;
const FOREIGN_SHARE = 'foreign share.txt';
const FOREIGN_DOWNLOAD = 'ed2k://|file|foreign.bin|20000000|cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd|/';

function controlSocket(home: string): string {
  return join(home, 'muleplex', 'control.sock');
}

/** What an administrator writes for amuled: of ours is only the control socket. */
function amuleConf(home: string, address: string): string {
  const password = createHash('md5').update(PASSWORD).digest('hex');
  return `[eMule]
Nick=administrator
Address=${address}
Port=4662
TempDir=${join(home, 'Temp')}
IncomingDir=${join(home, 'Incoming')}
ConnectToKad=0
ConnectToED2K=0
Autoconnect=0
[ExternalConnect]
AcceptExternalConnections=1
ECAddress=127.0.0.1
ECPort=${EC_PORT}
ECPassword=${password}
[Muleplex]
ControlSocket=${controlSocket(home)}
`;
}

async function startAmuled(site: Site, network: Network): Promise<ChildProcess> {
  const home = join(site.folder, 'aMule');
  for (const name of ['Temp', 'Incoming']) await mkdir(join(home, name), { recursive: true });
  await writeFile(join(home, 'Incoming', FOREIGN_SHARE), 'not for Muleplex');
  await writeFile(join(home, 'amule.conf'), amuleConf(home, site.address));
  await mkdir(dirname(controlSocket(home)), { mode: 0o700 });
  const configPath = join(site.home, 'config.toml');
  const config = await readFile(configPath, 'utf8');
  const external = `mode = "external"\nsocket = "${controlSocket(home)}"`;
  await writeFile(configPath, config.replace(/^mode = .*$/m, external));
  const argv = [coreFile('amuled'), '-c', home, '-o'];
  const [program = '', ...args] = network.command(site.site, argv);
  return spawn(program, args, { stdio: 'ignore', env: { ...process.env, HOME: home } });
}

it('a site replicates through an amuled that somebody else runs', async (t) => {
  const amuleds: ChildProcess[] = [];
  t.after(async () => {
    for (const amuled of amuleds) {
      if (amuled.exitCode !== null || amuled.signalCode !== null) continue;
      amuled.kill('SIGTERM');
      await once(amuled, 'exit');
    }
  });
  const lab = await startLab(t, {
    dataset: 'files',
    modes: ['embedded', 'managed'],
    prepare: async (site, network) => {
      if (site.site !== 2) return;
      amuleds.push(await startAmuled(site, network));
    },
  });
  const [publisher, follower] = [siteAt(lab, 1), siteAt(lab, 2)];
  const amulecmd = (command: string): Promise<string> =>
    run(
      lab.network.command(follower.site, [
        ...[coreFile('amulecmd'), '-h', '127.0.0.1', '-p', String(EC_PORT)],
        ...['-P', PASSWORD, '-c', command],
      ]),
    );
  await amulecmd(`add ${FOREIGN_DOWNLOAD}`);

  const source = join(publisher.folder, 'source');
  await makeBulk(source, 40_000_000, 9_000_000);
  await publisher.succeed([
    ...['publish', source, '--dataset', 'files', '--wait', 'all', '--timeout', '120'],
  ]);
  assert.deepEqual(await differences(source, join(replicaOf(follower), 'current')), []);

  await follower.stop();
  await eventually('the foreign share is still there', async () =>
    (await amulecmd('show shared')).includes(FOREIGN_SHARE) ? true : undefined,
  );
  assert.match(await amulecmd('show dl'), /foreign\.bin/);
});
