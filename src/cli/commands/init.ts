// SPDX-License-Identifier: GPL-2.0-or-later
// `muleplex init`: makes a home with keys and an explained config.toml.
import { isIPv4 } from 'node:net';
import { ReplicationError } from '../../base/errors.ts';
import { EXIT_DONE, type Command } from '../command.ts';

interface InitOptions {
  readonly name: string;
  readonly listen: string | undefined;
  readonly address: string | undefined;
  readonly ed2k: string | undefined;
  readonly 'ed2k-port': number | undefined;
  readonly core: string | undefined;
}

/** Splits HOST:PORT, HOST or :PORT. */
function endPoint(option: string, text: string): { host?: string; port?: number } {
  const match = /^([^:]*)(?::(\d{1,5}))?$/.exec(text);
  const host = match?.[1] ?? '';
  if (match === null || (host !== '' && !isIPv4(host))) {
    throw new ReplicationError('ERR_ARGUMENT_INVALID', `--${option} ${text} is not IPv4:PORT`);
  }
  return {
    ...(host === '' ? {} : { host }),
    ...(match[2] === undefined ? {} : { port: Number(match[2]) }),
  };
}

/** The configuration keys that the options name; the rest keeps its default. */
function configured(argv: InitOptions): Map<string, string | number> {
  const values = new Map<string, string | number>([['site.name', argv.name]]);
  const set = (key: string, value: string | number | undefined): void => {
    if (value !== undefined) values.set(key, value);
  };
  const control = argv.listen === undefined ? {} : endPoint('listen', argv.listen);
  set('control.listen', control.host);
  set('control.port', control.port);
  const address = argv.address ?? (control.host === '0.0.0.0' ? undefined : control.host);
  if (control.host === '0.0.0.0' && address === undefined) {
    throw new ReplicationError(
      'ERR_ARGUMENT_INVALID',
      '--listen 0.0.0.0 needs --address, the address at which peers reach this site',
    );
  }
  set('control.address', address);
  const ed2k = argv.ed2k === undefined ? {} : endPoint('ed2k', argv.ed2k);
  set('ed2k.address', ed2k.host ?? address);
  set('ed2k.port', argv['ed2k-port'] ?? ed2k.port);
  set('core.mode', argv.core);
  return values;
}

export const init: Command<InitOptions> = {
  usage: 'init',
  summary: 'Make a home: keys, folders and an explained config.toml',
  options: (yargs) =>
    yargs
      .option('name', { type: 'string', demandOption: true, describe: 'name shown to peers' })
      .option('listen', {
        type: 'string',
        describe: 'IPv4:PORT that muleplexd listens on (default 127.0.0.1:7660)',
      })
      .option('address', {
        type: 'string',
        describe: 'IPv4 address at which peers reach it (default: that of --listen)',
      })
      .option('ed2k', {
        type: 'string',
        describe: 'IPv4:PORT of eD2k transfers (default: the address, port 4662)',
      })
      .option('ed2k-port', { type: 'number', describe: 'the port alone' })
      .option('core', {
        type: 'string',
        choices: ['embedded', 'managed', 'external'],
        describe: 'how the aMule core runs (default embedded)',
      }),
  run: async (argv, { homePath, output }) => {
    const { createSite } = await import('../assemble.ts');
    const site = await createSite(homePath, configured(argv));
    output.result({ home: homePath, ...site }, () => [
      `home ${homePath} of site ${site.name}`,
      `configuration: ${homePath}/config.toml`,
      'site card for the other sites:',
      site.card,
    ]);
    return EXIT_DONE;
  },
};
