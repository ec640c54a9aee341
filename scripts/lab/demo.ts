// SPDX-License-Identifier: GPL-2.0-or-later
// The demo: real data, replicated by the real thing between sites on this machine.
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { changeOnePercent } from './changes.ts';
import { differences } from './compare.ts';
import { parseOptions, type Options } from './demo-options.ts';
import { boundSeconds, countsBetween, followerFigures, sumSentBy } from './figures.ts';
import type { Published, SnapshotRow, Transfers } from './figures.ts';
import { createNetwork, type Network, type PairCount } from './network.ts';
import { watchSites } from './progress.ts';
import { formatReport, type Replication, type Report } from './report.ts';
import { rsyncSeconds } from './rsync.ts';
import { run } from './run.ts';
import { Site } from './site.ts';
import { copySample } from './sample.ts';

const DATASET = 'main';
const SECOND_DATASET = 'second';
const SECOND_SIZE = 64_000_000;
/** Share of the transfer after which the link of sites 1 and 3 is cut, and for how long. */
const CUT_AFTER = 0.2;
const CUT_MS = 3000;
const WAIT_SECONDS = 3600;
/** Below it, start-up and not the links decides how long a transfer takes. */
const BOUND_SECONDS_MIN = 1;

function say(text: string): void {
  process.stderr.write(`==> ${text}\n`);
}

class Demo {
  readonly #options: Options;
  readonly #network: Network;
  readonly #sites: readonly Site[];
  readonly #publisher: Site;
  readonly #differences: string[] = [];

  constructor(options: Options, network: Network) {
    this.#options = options;
    this.#network = network;
    const makeSite = (site: number): Site =>
      new Site(network, {
        site,
        folder: join(options.work, `site-${site}`),
        core: site === 1 ? 'embedded' : 'managed',
      });
    this.#publisher = makeSite(1);
    const others = Array.from({ length: options.sites - 1 }, (_, index) => makeSite(index + 2));
    this.#sites = [this.#publisher, ...others];
  }

  async run(): Promise<Report> {
    await this.#startSites();
    const source = await this.#makeSource();
    const { once } = this.#options;
    const disturb = async (): Promise<void> => {
      await Promise.all([this.#cutFirstAndThird(), this.#publishSecond()]);
    };
    const first = await this.#replicate('first replication', source, once ? undefined : disturb);
    const replications = [first];
    let rsync: number | null = null;
    if (!once) {
      const changes = await changeOnePercent(source);
      say(`changed 1 % of the files: ${JSON.stringify(changes)}`);
      replications.push(await this.#replicate('increment', source));
      if (this.#network.isolated) {
        say('rsync of the same source over the same links, for comparison');
        rsync = await rsyncSeconds(this.#network, source, this.#followers());
      }
    }
    return {
      sites: this.#sites.length,
      network: this.#network.description,
      rateMbit: this.#network.isolated ? this.#options.rate : null,
      replications,
      diskBytes: await this.#diskBytes(),
      rsyncSeconds: rsync,
      differences: this.#differences,
    };
  }

  async stop(): Promise<void> {
    await Promise.allSettled(this.#sites.map((site) => site.stop()));
  }

  #followers(): readonly Site[] {
    return this.#sites.slice(1);
  }

  async #startSites(): Promise<void> {
    say(`starting ${this.#sites.length} sites: ${this.#network.description}`);
    const cards = await Promise.all(this.#sites.map((site) => site.init()));
    await Promise.all(
      this.#sites.map(async (site, own) => {
        for (const [other, card] of cards.entries()) {
          if (other !== own) await site.succeed(['peer', 'add', card]);
        }
        await site.start();
        if (site !== this.#publisher) {
          await site.succeed(['follow', DATASET, '--to', join(site.folder, 'replica')]);
        }
        if (site.site !== 2 && !this.#options.once) {
          const to = join(site.folder, 'replica-second');
          await site.succeed(['follow', SECOND_DATASET, '--to', to]);
        }
      }),
    );
  }

  async #makeSource(): Promise<string> {
    const { input, once } = this.#options;
    if (once) return input;
    const source = join(this.#publisher.folder, 'source');
    say(`copying ${input} to ${source}`);
    await mkdir(source);
    await run(['cp', '-a', '--reflink=auto', `${input}/.`, source]);
    return source;
  }

  /** Publishes source and waits for all; calls inTransfer when a follower has its first share. */
  async #replicate(
    title: string,
    source: string,
    inTransfer?: () => Promise<void>,
  ): Promise<Replication> {
    say(`publishing ${source}: ${title}`);
    const before = await this.#network.pairCounts();
    const coreBefore = await this.#corePairs();
    let onTransferring = (): void => undefined;
    const transferring = new Promise<void>((resolve) => (onTransferring = resolve));
    const stopWatching = watchSites(this.#sites, (_site, transfers) => {
      if (shareDone(transfers) > CUT_AFTER) onTransferring();
    });
    const startedMs = Date.now();
    try {
      const publishing = this.#publish(this.#publisher, source, DATASET).finally(onTransferring);
      const [published] = await Promise.all([
        publishing,
        transferring.then(async () => inTransfer?.()),
      ]);
      const pairs = countsBetween(before, await this.#network.pairCounts());
      const corePairs = countsBetween(coreBefore, await this.#corePairs());
      await this.#compare(source, 'replica', this.#followers());
      return await this.#measure({ title, published, startedMs, pairs, corePairs });
    } finally {
      await stopWatching();
    }
  }

  async #publish(site: Site, source: string, dataset: string): Promise<Published> {
    const wait = ['--wait', 'all', '--timeout', String(WAIT_SECONDS)];
    return (await site.json(['publish', source, '--dataset', dataset, ...wait])) as Published;
  }

  async #cutFirstAndThird(): Promise<void> {
    if (!this.#network.isolated || this.#sites.length < 3) return;
    say(`cutting the link of sites 1 and 3 for ${CUT_MS / 1000} s`);
    await this.#network.cut(1, 3);
    await new Promise((resolve) => setTimeout(resolve, CUT_MS));
    await this.#network.mend(1, 3);
    say('the link of sites 1 and 3 is back');
  }

  async #publishSecond(): Promise<void> {
    const [second] = this.#followers();
    if (second === undefined) return;
    const source = join(second.folder, 'source');
    await copySample(this.#options.input, source, SECOND_SIZE);
    say(`site 2 publishes ${source} meanwhile`);
    await this.#publish(second, source, SECOND_DATASET);
    const followers = this.#sites.filter((site) => site !== second);
    await this.#compare(source, 'replica-second', followers);
  }

  async #compare(source: string, replica: string, followers: readonly Site[]): Promise<void> {
    for (const site of followers) {
      const lines = await differences(source, join(site.folder, replica, 'current'));
      this.#differences.push(...lines.map((line) => `${site.name} ${replica}: ${line}`));
    }
  }

  async #measure(run: {
    readonly title: string;
    readonly published: Published;
    readonly startedMs: number;
    readonly pairs: readonly PairCount[];
    readonly corePairs: readonly PairCount[];
  }): Promise<Replication> {
    const { title, published, startedMs, pairs, corePairs } = run;
    const followers = await Promise.all(
      this.#followers().map(async (site) => {
        const { snapshots } = (await site.ask('snapshots')) as { snapshots: SnapshotRow[] };
        const row = snapshots.find(({ snapshotId }) => snapshotId === published.snapshotId);
        if (row === undefined) throw new Error(`${site.name} does not know the snapshot`);
        return followerFigures(site.name, row, startedMs);
      }),
    );
    const packBytes = published.newPackBytes;
    const bound = this.#network.isolated
      ? boundSeconds(packBytes, followers.length, this.#options.rate)
      : null;
    const slowest = Math.max(...followers.map(({ transferSeconds }) => transferSeconds));
    return {
      title,
      files: published.files,
      bytes: published.bytes,
      uniqueBytes: published.uniqueBytes,
      packBytes,
      manifestBytes: published.manifestBytes,
      ingestSeconds: published.ingestMs / 1000,
      followers,
      pairs,
      corePairs,
      publisherCopies: packBytes > 0 ? sumSentBy(corePairs, 1) / packBytes : null,
      boundSeconds: bound,
      ratioToBound: bound === null || bound < BOUND_SECONDS_MIN ? null : slowest / bound,
    };
  }

  /** Payload of each sender-receiver pair by the sender's core. */
  async #corePairs(): Promise<readonly PairCount[]> {
    const pairs: PairCount[] = [];
    for (const sender of this.#sites) {
      const { clients } = (await sender.ask('transfers')) as Transfers;
      for (const client of clients) {
        const receiver = this.#sites.find(({ name }) => name === client.site);
        if (receiver === undefined) continue;
        pairs.push({
          sender: sender.site,
          receiver: receiver.site,
          payloadBytes: client.bytesUp,
        });
      }
    }
    return pairs;
  }

  async #diskBytes(): Promise<Record<string, number>> {
    const used: Record<string, number> = {};
    for (const site of this.#sites) {
      const output = await run(['du', '-s', '--block-size=1', site.folder]);
      used[site.name] = Number.parseInt(output, 10);
    }
    return used;
  }
}

/** Done share of all the bytes that a site fetches now; 0 when it fetches nothing. */
function shareDone(transfers: Transfers): number {
  let done = 0;
  let size = 0;
  for (const transfer of transfers.transfers) {
    done += transfer.bytesDone;
    size += transfer.size;
  }
  return size === 0 ? 0 : done / size;
}

async function main(): Promise<number> {
  const options = await parseOptions();
  const { sites, work, input, rate } = options;
  const network = await createNetwork({ sites, work, inputs: [input], rateMbit: rate });
  const demo = new Demo(options, network);
  const interrupt = (): void => {
    void demo.stop().then(() => network.destroy());
  };
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  try {
    const report = await demo.run();
    process.stdout.write(`${formatReport(report)}\n`);
    if (options.json) process.stdout.write(`${JSON.stringify(report)}\n`);
    return report.differences.length === 0 ? 0 : 1;
  } finally {
    await demo.stop();
    await network.destroy();
    if (options.keep) say(`kept ${work}`);
    else await rm(work, { recursive: true, force: true });
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`scripts/demo: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
