// SPDX-License-Identifier: GPL-2.0-or-later
// `muleplex status`: the site on one screen.
import type { FollowView, StatusView } from '../../replication/site-view.ts';
import { EXIT_DONE, type Command } from '../command.ts';
import { formatBytes, formatTable, short } from '../quantities.ts';

export const status: Command<object> = {
  usage: 'status',
  summary: 'Show the site, its core, peers, data sets and replicas',
  options: (yargs) => yargs,
  run: async (_argv, { call, output }) => {
    const view = (await call('GET', '/v1/status')) as StatusView;
    output.result(view, () => lines(view));
    return EXIT_DONE;
  },
};

function lines(view: StatusView): string[] {
  const { site, daemon, core } = view;
  return [
    `site     ${site.name} (${short(site.siteId)}) at ${site.host}:${site.port}`,
    `daemon   ${daemon.running ? `process ${daemon.pid ?? 0}` : 'not running'}`,
    ...(core === undefined
      ? []
      : [
          `core     ${core.mode}, ${core.state}, eD2k ${site.ed2kHost}:${core.port}, ` +
            `${core.restarts} restarts`,
        ]),
    '',
    ...formatTable(
      ['PEER', 'SITE', 'CONTROL', 'CONNECTED', 'PENDING'],
      view.peers.map((peer) => [
        peer.name,
        short(peer.siteId),
        `${peer.host}:${peer.port}`,
        peer.connected ? 'yes' : 'no',
        String(peer.pending),
      ]),
    ),
    '',
    ...formatTable(
      ['DATA SET', 'ID', 'WRITER', 'HEAD', 'SEQUENCE', 'PACKS'],
      view.datasets.map((dataset) => [
        dataset.forks === 0 ? dataset.name : `${dataset.name} (FORK REFUSED)`,
        short(dataset.datasetId),
        dataset.own ? 'this site' : short(dataset.writer),
        dataset.head === undefined ? '-' : short(dataset.head),
        String(dataset.sequence),
        `${dataset.packs} (${formatBytes(dataset.packBytes)})`,
      ]),
    ),
    '',
    ...formatTable(
      ['FOLLOWS', 'TO', 'STATE', 'VISIBLE'],
      view.follows.map((follow) => [
        follow.dataset,
        follow.folder,
        stateOf(follow),
        follow.visible === undefined ? '-' : short(follow.visible),
      ]),
    ),
  ];
}

function stateOf(follow: FollowView): string {
  if (follow.problem === undefined) {
    return follow.state === 'fetching' ? `fetching ${follow.percent} %` : follow.state;
  }
  return `${follow.state}: ${follow.problem.message} (${follow.problem.code})`;
}
