// SPDX-License-Identifier: GPL-2.0-or-later
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatConfig, parseConfig } from '../../../src/control/config.ts';
import { refuses } from '../../support/refuses.ts';

const MINIMAL = new Map<string, string | number>([['site.name', 'berlin']]);

function refused(source: string, message: RegExp): void {
  refuses('ERR_CONFIG_INVALID', () => parseConfig(source, 'config.toml'), message);
}

test('a new file explains every key and is read back with its values', () => {
  const values = new Map<string, string | number>([
    ['site.name', 'berlin'],
    ['control.address', '192.0.2.10'],
    ['control.port', 7000],
    ['control.listen', '0.0.0.0'],
    ['ed2k.address', '192.0.2.11'],
    ['ed2k.port', 5000],
    ['core.mode', 'external'],
    ['core.swarm', 'closed'],
    ['core.program', '/a'],
    ['core.library', '/b'],
    ['core.socket', '/d'],
    ['core.ec_port', 4712],
    ['core.ec_password_file', '/c'],
    ['core.upload_limit', 70_000],
    ['core.download_limit', 80_000],
    ['ingest.chunk_average', 65_536],
    ['ingest.compression_level', 9],
    ['ingest.threads', 3],
    ['follow.announced_limit', 20],
    ['log.level', 'debug'],
  ]);
  const source = formatConfig(values);
  assert.deepEqual(parseConfig(source, 'config.toml'), {
    site: { name: 'berlin' },
    control: { address: '192.0.2.10', port: 7000, listen: '0.0.0.0' },
    ed2k: { address: '192.0.2.11', port: 5000 },
    core: {
      mode: 'external',
      program: '/a',
      library: '/b',
      socket: '/d',
      ecPort: 4712,
      ecPasswordFile: '/c',
      uploadLimit: 70_000,
      downloadLimit: 80_000,
      isOpen: false,
    },
    ingest: { chunkAverage: 65_536, compressionLevel: 9, threads: 3 },
    follow: { announcedLimit: 20 },
    log: { level: 'debug' },
  });
  const lines = source.split('\n');
  for (const name of values.keys()) {
    const key = name.split('.')[1] ?? '';
    const index = lines.findIndex((line) => line.startsWith(`${key} = `));
    assert.match(lines[index - 1] ?? '', /^# /, `${name} is explained`);
  }
});

test('the swarm is closed, but for a core that has other traffic, unless the file says so', () => {
  const isOpen = (...pairs: [string, string | number][]): boolean => {
    const values = new Map<string, string | number>([['site.name', 'berlin'], ...pairs]);
    return parseConfig(formatConfig(values), 'config.toml').core.isOpen;
  };
  const external: [string, string | number][] = [
    ['core.mode', 'external'],
    ['core.socket', '/d'],
  ];
  assert.equal(isOpen(), false);
  assert.equal(isOpen(['core.swarm', 'open']), true);
  assert.equal(isOpen(...external), true);
  assert.equal(isOpen(...external, ['core.swarm', 'closed']), false);
});

test('optional keys are shown as comments', () => {
  const source = formatConfig(MINIMAL);
  assert.match(source, /^# program = "/m);
  assert.equal(parseConfig(source, 'config.toml').core.program, undefined);
});

test('an empty home needs a name only', () => {
  const { control, core } = parseConfig('[site]\nname = "x"\n', 'config.toml');
  assert.equal(control.port, 7660);
  assert.equal(core.mode, 'embedded');
});

test('what is wrong is named', () => {
  const site = '[site]\nname = "x"\n';
  refused('', /site\.name is missing/);
  refused('[site', /is not TOML/);
  refused('name = "x"', /name is outside/);
  refused(`${site}colour = "red"`, /site\.colour is not a key/);
  refused(`${site}[colours]\nred = 1`, /colours\.red is not a key/);
  refused('[site]\nname = "a b"', /site\.name must be/);
  refused(`${site}[control]\nport = 65536`, /control\.port must be a whole number/);
  refused(`${site}[control]\nport = "1"`, /control\.port must be/);
  refused(`${site}[control]\naddress = "host"`, /control\.address must be an IPv4/);
  refused(`${site}[core]\nmode = "stock"`, /core\.mode must be one of/);
  refused(`${site}[core]\nprogram = "amuled"`, /core\.program must be an absolute path/);
  refused(`${site}[core]\nmode = "external"`, /core\.socket is needed/);
  refused(`${site}[ingest]\nchunk_average = 100000`, /chunk_average must be a power of two/);
  refused(`${site}[log]\nlevel = "loud"`, /log\.level must be one of/);
});

test('init refuses values that the daemon would refuse', () => {
  refuses('ERR_CONFIG_INVALID', () => formatConfig(new Map([['site.name', ' ']])));
});
