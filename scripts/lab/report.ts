// SPDX-License-Identifier: GPL-2.0-or-later
// The demo's table for people, and its one JSON object for scripts.
import type { FollowerFigures } from './figures.ts';
import type { PairCount } from './network.ts';

/** One replication: a snapshot of one data set to all followers. */
export interface Replication {
  readonly title: string;
  readonly files: number;
  readonly bytes: number;
  readonly uniqueBytes: number;
  readonly packBytes: number;
  readonly manifestBytes: number;
  readonly ingestSeconds: number;
  readonly followers: readonly FollowerFigures[];
  /** Kernel counters of the replication; empty without namespaces. */
  readonly pairs: readonly PairCount[];
  /** Payload by the cores' own count, same pairs. */
  readonly corePairs: readonly PairCount[];
  readonly publisherCopies: number | null;
  readonly boundSeconds: number | null;
  readonly ratioToBound: number | null;
}

export interface Report {
  readonly sites: number;
  readonly network: string;
  readonly rateMbit: number | null;
  readonly replications: readonly Replication[];
  readonly diskBytes: Readonly<Record<string, number>>;
  readonly rsyncSeconds: number | null;
  readonly differences: readonly string[];
}

export function formatReport(report: Report): string {
  const lines = [`${report.sites} sites: ${report.network}`];
  for (const replication of report.replications) lines.push('', ...formatReplication(replication));
  lines.push('');
  for (const [site, bytes] of Object.entries(report.diskBytes)) {
    lines.push(row(`disk used, ${site}`, mb(bytes)));
  }
  if (report.rsyncSeconds !== null) {
    lines.push(row('rsync of the source to the followers', `${report.rsyncSeconds.toFixed(1)} s`));
  }
  const equal = report.differences.length === 0;
  lines.push(row('replicas', equal ? 'equal to their sources' : 'DIFFERENT'));
  lines.push(...report.differences.slice(0, 20).map((difference) => `  ${difference}`));
  return lines.join('\n');
}

function formatReplication(replication: Replication): string[] {
  const lines = [
    replication.title,
    row('files, bytes', `${replication.files}, ${mb(replication.bytes)}`),
    row('unique bytes', mb(replication.uniqueBytes)),
    row('pack bytes, manifest bytes', `${mb(replication.packBytes)}, ${replication.manifestBytes}`),
    row('ingest', `${replication.ingestSeconds.toFixed(1)} s`),
  ];
  for (const follower of replication.followers) {
    const { site, transferSeconds, recomposeSeconds, visibleSeconds } = follower;
    lines.push(
      row(
        `${site}: transfer, recompose, visible after`,
        `${transferSeconds.toFixed(1)} s, ${recomposeSeconds.toFixed(1)} s, ` +
          `${visibleSeconds.toFixed(1)} s`,
      ),
    );
  }
  const kernel = replication.pairs.length > 0;
  for (const pair of kernel ? replication.pairs : replication.corePairs) {
    const core = replication.corePairs.find(
      ({ sender, receiver }) => sender === pair.sender && receiver === pair.receiver,
    );
    const beside = kernel ? ` (core: ${mb(core?.payloadBytes ?? 0)})` : ' (core)';
    lines.push(
      row(`payload ${pair.sender} -> ${pair.receiver}`, `${mb(pair.payloadBytes)}${beside}`),
    );
  }
  if (replication.publisherCopies !== null) {
    lines.push(row('copies that left the publisher', replication.publisherCopies.toFixed(2)));
  }
  if (replication.boundSeconds !== null) {
    const ratio = replication.ratioToBound?.toFixed(2) ?? 'too short to say';
    lines.push(
      row('bound of the links, ratio', `${replication.boundSeconds.toFixed(1)} s, ${ratio}`),
    );
  }
  return lines;
}

function row(name: string, value: string): string {
  return `  ${name.padEnd(44)} ${value}`;
}

function mb(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
