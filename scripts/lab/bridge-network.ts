// SPDX-License-Identifier: GPL-2.0-or-later
// Sites in namespaces on a bridge of the kernel: a shaped uplink each, a kernel counter for each
// pair. Nearly no delay and no loss; as fast as the machine when not shaped.
import type { Network, NetworkInit, PairCount } from './network.ts';
import { run } from './run.ts';
import { macOf, NOBODY_MAC, payloadOf, SiteNamespaces, UPLINK } from './site-namespaces.ts';

export class BridgeNetwork implements Network {
  readonly description: string;
  readonly isolated = true;
  readonly #rateMbit: number | undefined;
  readonly #congestion: string | undefined;
  readonly #spaces: SiteNamespaces;

  constructor(init: NetworkInit) {
    this.#rateMbit = init.rateMbit;
    this.#congestion = init.congestion;
    this.#spaces = new SiteNamespaces(init);
    const uplinks = init.rateMbit === undefined ? 'not shaped' : `of ${init.rateMbit} Mbit/s`;
    this.description = `${init.sites} network and mount namespaces on a bridge, uplinks ${uplinks}`;
  }

  address(site: number): string {
    return this.#spaces.address(site);
  }

  command(site: number, argv: readonly string[]): readonly string[] {
    return this.#spaces.command(site, argv);
  }

  async create(): Promise<void> {
    const hub = this.#spaces.name(0);
    await this.#spaces.add(0);
    await run(['ip', '-n', hub, 'link', 'add', 'bridge', 'type', 'bridge']);
    await run(['ip', '-n', hub, 'link', 'set', 'bridge', 'up']);
    for (const site of this.#spaces.sites) await this.#createSite(hub, site);
  }

  async cut(siteA: number, siteB: number): Promise<void> {
    await this.#spaces.setNeighbour(siteA, siteB, NOBODY_MAC);
    await this.#spaces.setNeighbour(siteB, siteA, NOBODY_MAC);
  }

  async mend(siteA: number, siteB: number): Promise<void> {
    await this.#spaces.setNeighbour(siteA, siteB, macOf(siteB));
    await this.#spaces.setNeighbour(siteB, siteA, macOf(siteA));
  }

  async pairCounts(): Promise<readonly PairCount[]> {
    if (this.#rateMbit === undefined) return this.#interfaceCounts();
    const counts: PairCount[] = [];
    for (const sender of this.#spaces.sites) {
      const text = await run(
        this.#spaces.inside(sender, ['tc', '-s', 'class', 'show', 'dev', UPLINK]),
      );
      for (const match of text.matchAll(/class htb 1:(\d+)0 [^]*?Sent (\d+) bytes (\d+) pkt/g)) {
        const [receiver, bytes, packets] = match.slice(1).map(Number);
        if (receiver === undefined || bytes === undefined || packets === undefined) continue;
        const payloadBytes = payloadOf(bytes, packets);
        counts.push({ sender, receiver, payloadBytes });
      }
    }
    return counts;
  }

  /** What is not shaped has no classes that count; two sites are one pair each way. */
  async #interfaceCounts(): Promise<readonly PairCount[]> {
    if (this.#spaces.sites.length !== 2)
      throw new Error('more than two sites are counted when shaped');
    const read = async (site: number, counter: string): Promise<number> =>
      Number(
        await run(
          this.#spaces.inside(site, ['cat', `/sys/class/net/${UPLINK}/statistics/${counter}`]),
        ),
      );
    return Promise.all(
      this.#spaces.sites.map(async (sender) => {
        const [bytes, packets] = [await read(sender, 'tx_bytes'), await read(sender, 'tx_packets')];
        const payloadBytes = payloadOf(bytes, packets);
        return { sender, receiver: 3 - sender, payloadBytes };
      }),
    );
  }

  async destroy(): Promise<void> {
    await this.#spaces.destroy();
  }

  async #createSite(hub: string, site: number): Promise<void> {
    const port = `port${site}`;
    await this.#spaces.add(site);
    const uplink = `link add ${UPLINK} address ${macOf(site)} type veth peer name ${port}`;
    await run(['ip', '-n', this.#spaces.name(site), ...uplink.split(' '), 'netns', hub]);
    await run(['ip', '-n', hub, 'link', 'set', port, 'master', 'bridge', 'up']);
    if (this.#rateMbit !== undefined) await this.#shape(site, this.#rateMbit);
    await this.#spaces.configure(site, this.#congestion);
  }

  /** One class of the uplink's rate, and in it a class for each receiver, which counts. */
  async #shape(site: number, rateMbit: number): Promise<void> {
    const rate = `${rateMbit}mbit`;
    const tc = (args: string): Promise<string> =>
      run(this.#spaces.inside(site, ['tc', ...args.split(' ')]));
    await tc(`qdisc add dev ${UPLINK} root handle 1: htb default 1`);
    await tc(`class add dev ${UPLINK} parent 1: classid 1:1 htb rate ${rate} ceil ${rate}`);
    for (const other of this.#spaces.sites) {
      if (other === site) continue;
      const share = `${Math.max(1, Math.floor(rateMbit / this.#spaces.sites.length))}mbit`;
      // Class numbers are hexadecimal to tc; decimal digits and a zero keep them apart from 1:1.
      const id = `1:${other}0`;
      await tc(`class add dev ${UPLINK} parent 1:1 classid ${id} htb rate ${share} ceil ${rate}`);
      await tc(
        `filter add dev ${UPLINK} protocol ip parent 1: u32 match ip dst ${this.address(other)} flowid ${id}`,
      );
    }
  }
}
