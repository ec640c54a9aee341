// SPDX-License-Identifier: GPL-2.0-or-later
// `muleplex transfers`: the packs being fetched, from whom, and payload per trusted client.
import type { TransfersView } from '../../replication/site-view.ts';
import { EXIT_DONE, type Command } from '../command.ts';
import { formatBytes, formatRate, formatTable, short } from '../quantities.ts';

export const transfers: Command<object> = {
  usage: 'transfers',
  summary: 'Show the packs being fetched, their sources, and payload per peer',
  options: (yargs) => yargs,
  run: async (_argv, { call, output }) => {
    const view = (await call('GET', '/v1/transfers')) as TransfersView;
    output.result(view, () => [...packLines(view), '', ...clientLines(view)]);
    return EXIT_DONE;
  },
};

function packLines({ transfers: all }: TransfersView): string[] {
  const packs = all.filter(({ state }) => state !== 'complete');
  if (packs.length === 0) return ['no pack is being fetched'];
  return formatTable(
    ['PACK', 'DATA SET', 'STATE', 'DONE', 'PARTS', 'RATE', 'SOURCES'],
    packs.map((pack) => [
      short(pack.packId),
      pack.dataset,
      pack.state,
      `${formatBytes(pack.bytesDone)} of ${formatBytes(pack.size)}`,
      `${pack.verifiedParts}/${pack.partCount}`,
      formatRate(pack.rate),
      pack.sources
        .map((source) => `${source.site}:${source.state}:${formatBytes(source.bytesDown)}`)
        .join(' '),
    ]),
  );
}

function clientLines({ clients }: TransfersView): string[] {
  return formatTable(
    ['PEER', 'ADDRESS', 'CONNECTED', 'RECEIVED', 'SENT', 'RATE'],
    clients.map((client) => [
      client.site,
      `${client.host}:${client.port}`,
      client.connected ? 'yes' : 'no',
      formatBytes(client.bytesDown),
      formatBytes(client.bytesUp),
      formatRate(client.rate),
    ]),
  );
}
