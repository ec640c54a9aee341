// SPDX-License-Identifier: GPL-2.0-or-later
// config.toml of a home: one table of keys gives the parser, the checks and the explained file that
// `muleplex init` writes, so that no key can exist in one of them only.
import { isIPv4 } from 'node:net';
import { availableParallelism } from 'node:os';
import { parse } from 'smol-toml';
import { ReplicationError, messageOf } from '../base/errors.ts';
import { ANNOUNCED_SIZE_MAX } from '../base/limits.ts';
import type { LogLevel } from '../base/logger.ts';
import type { CoreMode } from '../core/core.ts';
import { isSiteName } from '../dataset/ids.ts';

export interface Config {
  readonly site: { readonly name: string };
  readonly control: {
    readonly address: string;
    readonly port: number;
    readonly listen: string;
  };
  readonly ed2k: { readonly address: string; readonly port: number };
  readonly core: {
    readonly mode: CoreMode;
    readonly program: string | undefined;
    readonly library: string | undefined;
    readonly socket: string | undefined;
    readonly ecPort: number | undefined;
    readonly ecPasswordFile: string | undefined;
    /** KiB/s, 0 is none. */
    readonly uploadLimit: number;
    readonly downloadLimit: number;
    /** Other eD2k clients than those of peers may connect to the core. */
    readonly isOpen: boolean;
  };
  readonly ingest: {
    readonly chunkAverage: number;
    readonly compressionLevel: number;
    readonly threads: number;
  };
  readonly follow: {
    /** GiB. */
    readonly announcedLimit: number;
  };
  readonly log: { readonly level: LogLevel };
}

type Value = string | number;

interface Key {
  readonly table: string;
  readonly key: string;
  /** Undefined: optional without a default, written as a comment. */
  readonly fallback?: Value;
  /** Shown in the commented line of an optional key. */
  readonly example?: Value;
  readonly explain: string;
  /** Returns what is wrong, or undefined. */
  readonly check: (value: unknown) => string | undefined;
}

/** Below, ids outweigh what finer chunks save; above, one changed byte costs too much. */
const CHUNK_AVERAGE_MIN = 65_536;
const CHUNK_AVERAGE_MAX = 262_144;
/** Each thread holds a batch; more of them only help where cores are idle. */
const THREADS_MAX = 64;
/** GiB: what a first publish of a large data set may announce; no more, for it is no quota then. */
const ANNOUNCED_LIMIT = ANNOUNCED_SIZE_MAX / 1024 ** 3;
/** KiB/s: more than any line has, and aMule's preferences hold it (int). */
const LIMIT_MAX = 2_000_000_000;

const siteName = (value: unknown): string | undefined =>
  typeof value === 'string' && isSiteName(value)
    ? undefined
    : 'must be 1 to 64 of A-Z a-z 0-9 . _ - and start with a letter or digit';
const address = (value: unknown): string | undefined =>
  typeof value === 'string' && isIPv4(value) ? undefined : 'must be an IPv4 address';
const absolutePath = (value: unknown): string | undefined =>
  typeof value === 'string' && value.startsWith('/') ? undefined : 'must be an absolute path';
const integer =
  (low: number, high: number) =>
  (value: unknown): string | undefined =>
    typeof value === 'number' && Number.isInteger(value) && value >= low && value <= high
      ? undefined
      : `must be a whole number from ${low} to ${high}`;
const oneOf =
  (...names: readonly string[]) =>
  (value: unknown): string | undefined =>
    typeof value === 'string' && names.includes(value)
      ? undefined
      : `must be one of ${names.join(', ')}`;
const powerOfTwo = (value: unknown): string | undefined =>
  integer(CHUNK_AVERAGE_MIN, CHUNK_AVERAGE_MAX)(value) ??
  (Number.isInteger(Math.log2(value as number)) ? undefined : 'must be a power of two');

const KEYS: readonly Key[] = [
  {
    table: 'site',
    key: 'name',
    explain: 'What people call this site. Peers see it; it identifies nothing.',
    check: siteName,
  },
  {
    table: 'control',
    key: 'address',
    fallback: '127.0.0.1',
    explain: 'IPv4 address at which peers reach muleplexd; part of the site card.',
    check: address,
  },
  {
    table: 'control',
    key: 'port',
    fallback: 7660,
    explain: 'TCP port of muleplexd (TLS 1.3, both sides authenticated).',
    check: integer(1, 65_535),
  },
  {
    table: 'control',
    key: 'listen',
    fallback: '127.0.0.1',
    explain: 'Local IPv4 address that muleplexd listens on; 0.0.0.0 means all.',
    check: address,
  },
  {
    table: 'ed2k',
    key: 'address',
    fallback: '127.0.0.1',
    explain: 'IPv4 address at which the cores of peers reach this core; part of the site card.',
    check: address,
  },
  {
    table: 'ed2k',
    key: 'port',
    fallback: 4662,
    explain: 'TCP port of the core for eD2k transfers. UDP uses the next ones.',
    check: integer(1, 65_500),
  },
  {
    table: 'core',
    key: 'mode',
    fallback: 'embedded',
    explain:
      'How the aMule core runs: embedded (libmulecore.so in a child process of muleplexd), ' +
      'managed (muleplexd starts and supervises amuled) or external (a patched amuled that ' +
      'somebody else runs).',
    check: oneOf('embedded', 'managed', 'external'),
  },
  {
    table: 'core',
    key: 'swarm',
    example: 'closed',
    explain:
      'Who may connect to the core: closed (cores of peers only; others get no answer) or open ' +
      '(any eD2k client, for what aMule itself shares). Default: closed, and open for external, ' +
      'whose other traffic is not ours to end.',
    check: oneOf('closed', 'open'),
  },
  {
    table: 'core',
    key: 'program',
    example: '/usr/local/bin/amuled',
    explain: 'Patched amuled for managed. Default: the one built by ./scripts/build-core.',
    check: absolutePath,
  },
  {
    table: 'core',
    key: 'library',
    example: '/usr/local/lib/libmulecore.so',
    explain: 'Core library for embedded. Default: the one built by ./scripts/build-core.',
    check: absolutePath,
  },
  {
    table: 'core',
    key: 'socket',
    example: '/home/amule/.aMule/muleplex/control.sock',
    explain:
      'Control socket of an external amuled: what its amule.conf names as ControlSocket in the ' +
      'section Muleplex. muleplexd must run as the same user, or as root.',
    check: absolutePath,
  },
  {
    table: 'core',
    key: 'ec_port',
    example: 4712,
    explain:
      'Port on 127.0.0.1 at which an embedded or managed core offers external connections, for ' +
      'amulecmd, amulegui and amuleweb. Default: none.',
    check: integer(1, 65_535),
  },
  {
    table: 'core',
    key: 'ec_password_file',
    example: '/etc/muleplex/ec-password',
    explain:
      'File (mode 0600) whose first line is the password for external connections. Default: ' +
      'core/ec-password in the home, made by muleplexd.',
    check: absolutePath,
  },
  {
    table: 'core',
    key: 'upload_limit',
    fallback: 0,
    explain: 'KiB/s that go to all peers together, 0 for no limit. Not for an external core.',
    check: integer(0, LIMIT_MAX),
  },
  {
    table: 'core',
    key: 'download_limit',
    fallback: 0,
    explain: 'KiB/s that come from all peers together, 0 for no limit. Not for an external core.',
    check: integer(0, LIMIT_MAX),
  },
  {
    table: 'ingest',
    key: 'chunk_average',
    fallback: 131_072,
    explain:
      'Average chunk in bytes of data sets first published here: a power of two, 65536 to 262144.',
    check: powerOfTwo,
  },
  {
    table: 'ingest',
    key: 'compression_level',
    fallback: 5,
    explain:
      'zstd level of new frames, 1 (fast) to 19 (small); where a lower one is as good, that.',
    check: integer(1, 19),
  },
  {
    table: 'ingest',
    key: 'threads',
    fallback: Math.min(availableParallelism(), 16),
    explain: 'Batches that are read, compressed and encrypted at once; each holds about 32 MB.',
    check: integer(1, THREADS_MAX),
  },
  {
    table: 'follow',
    key: 'announced_limit',
    fallback: ANNOUNCED_LIMIT,
    explain:
      'GiB of packs that a publish under way may have fetched here before its manifest comes, for ' +
      'each writer and data set; 0 for none.',
    check: integer(0, ANNOUNCED_LIMIT),
  },
  {
    table: 'log',
    key: 'level',
    fallback: 'info',
    explain: 'Least severe line that is written to log/muleplexd.log: error, warn, info or debug.',
    check: oneOf('error', 'warn', 'info', 'debug'),
  },
];

/** Values of single keys, named `table.key`. */
export type ConfigValues = ReadonlyMap<string, Value>;

function invalid(path: string, name: string, problem: string): ReplicationError {
  return new ReplicationError('ERR_CONFIG_INVALID', `${path}: ${name} ${problem}`, {
    path,
    key: name,
  });
}

/** Collects `table.key` => value; refuses what is in no table of ours. */
function flatten(source: string, path: string): Map<string, unknown> {
  let tables: Record<string, unknown>;
  try {
    tables = parse(source);
  } catch (error) {
    throw invalid(path, 'the file', `is not TOML: ${messageOf(error).split('\n')[0] ?? ''}`);
  }
  const found = new Map<string, unknown>();
  for (const [table, content] of Object.entries(tables)) {
    if (typeof content !== 'object' || content === null || Array.isArray(content)) {
      throw invalid(path, table, 'is outside of the known tables');
    }
    for (const [key, value] of Object.entries(content)) {
      const name = `${table}.${key}`;
      if (!KEYS.some((known) => nameOf(known) === name)) {
        throw invalid(path, name, 'is not a key of this version');
      }
      found.set(name, value);
    }
  }
  return found;
}

const nameOf = (key: Key): string => `${key.table}.${key.key}`;

/** Checks the text of a config.toml and fills in defaults. Throws ERR_CONFIG_INVALID. */
export function parseConfig(source: string, path: string): Config {
  const found = flatten(source, path);
  const values = new Map<string, Value>();
  for (const key of KEYS) {
    const name = nameOf(key);
    const value = found.get(name) ?? key.fallback;
    if (value === undefined) {
      if (key.example === undefined) throw invalid(path, name, 'is missing');
      continue;
    }
    const problem = key.check(value);
    if (problem !== undefined) throw invalid(path, name, problem);
    values.set(name, value as Value);
  }
  const config = assemble(values);
  if (config.core.mode === 'external') {
    if (!values.has('core.socket')) {
      throw invalid(path, 'core.socket', 'is needed by core.mode = "external"');
    }
  }
  return config;
}

/** The values were checked by the table of keys. */
function assemble(values: ConfigValues): Config {
  const text = (name: string): string => values.get(name) as string;
  const number = (name: string): number => values.get(name) as number;
  return {
    site: { name: text('site.name') },
    control: {
      address: text('control.address'),
      port: number('control.port'),
      listen: text('control.listen'),
    },
    ed2k: { address: text('ed2k.address'), port: number('ed2k.port') },
    core: {
      mode: text('core.mode') as CoreMode,
      program: values.get('core.program') as string | undefined,
      library: values.get('core.library') as string | undefined,
      socket: values.get('core.socket') as string | undefined,
      ecPort: values.get('core.ec_port') as number | undefined,
      ecPasswordFile: values.get('core.ec_password_file') as string | undefined,
      uploadLimit: number('core.upload_limit'),
      downloadLimit: number('core.download_limit'),
      isOpen:
        (values.get('core.swarm') ?? (text('core.mode') === 'external' ? 'open' : 'closed')) ===
        'open',
    },
    ingest: {
      chunkAverage: number('ingest.chunk_average'),
      compressionLevel: number('ingest.compression_level'),
      threads: number('ingest.threads'),
    },
    follow: { announcedLimit: number('follow.announced_limit') },
    log: { level: text('log.level') as LogLevel },
  };
}

/**
 * The text of a new config.toml: every key with its explanation, optional ones without a value as
 * a comment. Throws ERR_CONFIG_INVALID when a given value is wrong.
 */
export function formatConfig(given: ConfigValues): string {
  const lines = ['# Configuration of a Muleplex site. Changes take effect when muleplexd starts.'];
  let table = '';
  for (const key of KEYS) {
    if (key.table !== table) {
      table = key.table;
      lines.push('', `[${table}]`);
    }
    lines.push(...wrap(key.explain).map((line) => `# ${line}`));
    const value = given.get(nameOf(key)) ?? key.fallback;
    lines.push(
      value === undefined
        ? `# ${key.key} = ${JSON.stringify(key.example)}`
        : `${key.key} = ${JSON.stringify(value)}`,
    );
  }
  const source = `${lines.join('\n')}\n`;
  parseConfig(source, 'config.toml');
  return source;
}

const COLUMNS = 90;

function wrap(sentence: string): string[] {
  const lines = [''];
  for (const word of sentence.split(' ')) {
    const last = lines.at(-1) ?? '';
    if (last.length + word.length + 1 > COLUMNS) lines.push(word);
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`;
  }
  return lines;
}
