// SPDX-License-Identifier: GPL-2.0-or-later
// The network between the sites of a demo or a test on one machine. As root: one network and mount
// namespace a site, a bridge between them, a shaped uplink each, a kernel counter for each pair.
// Otherwise: one loopback address a site, no shaping, no counters, no cuts.
import { randomBytes } from 'node:crypto';
import { run } from './run.ts';

/** Payload of one sender-receiver pair, from the kernel's counters. */
export interface PairCount {
  /** Site numbers, from 1. */
  readonly sender: number;
  readonly receiver: number;
  /** Bytes on the wire less 66 a packet (Ethernet 14, IPv4 20, TCP with timestamps 32). */
  readonly payloadBytes: number;
}

export interface Network {
  /** What it is, for a person. */
  readonly description: string;
  /** True if cut, mend and pairCounts work. */
  readonly isolated: boolean;
  /** IPv4 address of a site, which counts from 1. */
  address(site: number): string;
  /** The argv that runs a program of a site: inside its namespaces, seeing only its folder. */
  command(site: number, argv: readonly string[]): readonly string[];
  /** From now on every frame between two sites is lost, as when a cable is pulled far away. */
  cut(siteA: number, siteB: number): Promise<void>;
  mend(siteA: number, siteB: number): Promise<void>;
  pairCounts(): Promise<readonly PairCount[]>;
  /** Removes all of it. */
  destroy(): Promise<void>;
}

export interface NetworkInit {
  readonly sites: number;
  /** Folder below which each site sees only its own folder, site-<n>. */
  readonly work: string;
  /** Further folders that site 1 must see although they are below work. */
  readonly inputs: readonly string[];
  /** Rate of each site's uplink; undefined: as fast as the kernel carries it. */
  readonly rateMbit: number | undefined;
  /** TCP congestion control of connections between sites; undefined: the kernel's default. */
  readonly congestion?: string | undefined;
}

const HEADER_BYTES_PER_PACKET = 66;
/** Frames to this address reach nobody. */
const NOBODY_MAC = '02:00:00:00:ff:ff';
const SITE_COUNT_MAX = 200;

export async function createNetwork(init: NetworkInit): Promise<Network> {
  if (init.sites < 1 || init.sites > SITE_COUNT_MAX) throw new Error('1 to 200 sites');
  if (process.getuid?.() !== 0) return createLoopbackNetwork(init.sites);
  const network = new NamespaceNetwork(init);
  try {
    await network.create();
  } catch (error) {
    await network.destroy();
    throw error;
  }
  return network;
}

function createLoopbackNetwork(sites: number): Network {
  const refuse = (): Promise<never> =>
    Promise.reject(new Error('links are cut in network namespaces only, which need root'));
  return {
    description: `${sites} loopback addresses 127.0.0.x (not root: no namespaces, no shaped links)`,
    isolated: false,
    address: (site) => `127.0.0.${site + 1}`,
    command: (_site, argv) => argv,
    cut: refuse,
    mend: refuse,
    pairCounts: () => Promise.resolve([]),
    destroy: () => Promise.resolve(),
  };
}

class NamespaceNetwork implements Network {
  readonly description: string;
  readonly isolated = true;
  readonly #init: NetworkInit;
  readonly #prefix = `mpx${randomBytes(3).toString('hex')}`;

  constructor(init: NetworkInit) {
    this.#init = init;
    const uplinks = init.rateMbit === undefined ? 'not shaped' : `of ${init.rateMbit} Mbit/s`;
    this.description = `${init.sites} network and mount namespaces on a bridge, uplinks ${uplinks}`;
  }

  address(site: number): string {
    return `10.77.0.${site}`;
  }

  command(site: number, argv: readonly string[]): readonly string[] {
    const { work, inputs } = this.#init;
    // The site's folder is kept aside, the rest of the work folder hidden, the site's put back.
    const script = `set -e
work=$1; site=$2; shift 2
inputs=$1; shift
aside=$(mktemp -d); mkdir "$aside/site"
mount --bind "$work/$site" "$aside/site"
i=0; while [ "$i" -lt "$inputs" ]; do
  eval "input$i=\\$1"; mkdir "$aside/$i"; mount --bind "$1" "$aside/$i"; shift; i=$((i+1))
done
mount -t tmpfs -o mode=0755 muleplex "$work"
mkdir "$work/$site"; mount --move "$aside/site" "$work/$site"
i=0; while [ "$i" -lt "$inputs" ]; do
  eval "input=\\$input$i"; mkdir -p "$input"; mount --move "$aside/$i" "$input"; i=$((i+1))
done
rmdir "$aside"/* "$aside"
exec "$@"`;
    const below = site === 1 ? inputs.filter((input) => input.startsWith(`${work}/`)) : [];
    return [
      ...['ip', 'netns', 'exec', this.#namespace(site)],
      ...['unshare', '--mount', '--propagation', 'private', 'sh', '-c', script, 'sh'],
      ...[work, `site-${site}`, String(below.length), ...below, ...argv],
    ];
  }

  async create(): Promise<void> {
    const hub = this.#namespace(0);
    await run(['ip', 'netns', 'add', hub]);
    await run(['ip', '-n', hub, 'link', 'add', 'bridge', 'type', 'bridge']);
    await run(['ip', '-n', hub, 'link', 'set', 'bridge', 'up']);
    for (const site of this.#sites()) await this.#createSite(hub, site);
  }

  async cut(siteA: number, siteB: number): Promise<void> {
    await this.#setNeighbour(siteA, siteB, NOBODY_MAC);
    await this.#setNeighbour(siteB, siteA, NOBODY_MAC);
  }

  async mend(siteA: number, siteB: number): Promise<void> {
    await this.#setNeighbour(siteA, siteB, mac(siteB));
    await this.#setNeighbour(siteB, siteA, mac(siteA));
  }

  async pairCounts(): Promise<readonly PairCount[]> {
    if (this.#init.rateMbit === undefined) return this.#interfaceCounts();
    const counts: PairCount[] = [];
    for (const sender of this.#sites()) {
      const text = await run(this.#inside(sender, ['tc', '-s', 'class', 'show', 'dev', 'uplink']));
      for (const match of text.matchAll(/class htb 1:(\d+)0 [^]*?Sent (\d+) bytes (\d+) pkt/g)) {
        const [receiver, bytes, packets] = match.slice(1).map(Number);
        if (receiver === undefined || bytes === undefined || packets === undefined) continue;
        const payloadBytes = Math.max(0, bytes - packets * HEADER_BYTES_PER_PACKET);
        counts.push({ sender, receiver, payloadBytes });
      }
    }
    return counts;
  }

  /** What is not shaped has no classes that count; two sites are one pair each way. */
  async #interfaceCounts(): Promise<readonly PairCount[]> {
    if (this.#init.sites !== 2) throw new Error('more than two sites are counted when shaped');
    const read = async (site: number, counter: string): Promise<number> =>
      Number(await run(this.#inside(site, ['cat', `/sys/class/net/uplink/statistics/${counter}`])));
    return Promise.all(
      this.#sites().map(async (sender) => {
        const [bytes, packets] = [await read(sender, 'tx_bytes'), await read(sender, 'tx_packets')];
        const payloadBytes = Math.max(0, bytes - packets * HEADER_BYTES_PER_PACKET);
        return { sender, receiver: 3 - sender, payloadBytes };
      }),
    );
  }

  async destroy(): Promise<void> {
    for (const site of [0, ...this.#sites()]) {
      await run(['ip', 'netns', 'delete', this.#namespace(site)]).catch(() => '');
    }
  }

  async #createSite(hub: string, site: number): Promise<void> {
    const name = this.#namespace(site);
    const port = `port${site}`;
    await run(['ip', 'netns', 'add', name]);
    await run(
      `ip -n ${name} link add uplink address ${mac(site)} type veth peer name ${port} netns ${hub}`.split(
        ' ',
      ),
    );
    await run(['ip', '-n', hub, 'link', 'set', port, 'master', 'bridge', 'up']);
    await run(['ip', '-n', name, 'address', 'add', `${this.address(site)}/24`, 'dev', 'uplink']);
    await run(['ip', '-n', name, 'link', 'set', 'lo', 'up']);
    await run(['ip', '-n', name, 'link', 'set', 'uplink', 'up']);
    const { rateMbit, congestion } = this.#init;
    if (rateMbit !== undefined) await this.#shape(site, rateMbit);
    if (congestion !== undefined) {
      const route = ['10.77.0.0/24', 'dev', 'uplink', 'src', this.address(site)];
      await run(['ip', '-n', name, 'route', 'replace', ...route, 'congctl', congestion]);
    }
    for (const other of this.#sites()) {
      if (other !== site) await this.#setNeighbour(site, other, mac(other));
    }
  }

  /** One class of the uplink's rate, and in it a class for each receiver, which counts. */
  async #shape(site: number, rateMbit: number): Promise<void> {
    const rate = `${rateMbit}mbit`;
    const tc = (args: string): Promise<string> =>
      run(this.#inside(site, ['tc', ...args.split(' ')]));
    await tc('qdisc add dev uplink root handle 1: htb default 1');
    await tc(`class add dev uplink parent 1: classid 1:1 htb rate ${rate} ceil ${rate}`);
    for (const other of this.#sites()) {
      if (other === site) continue;
      const share = `${Math.max(1, Math.floor(rateMbit / this.#init.sites))}mbit`;
      // Class numbers are hexadecimal to tc; decimal digits and a zero keep them apart from 1:1.
      const id = `1:${other}0`;
      await tc(`class add dev uplink parent 1:1 classid ${id} htb rate ${share} ceil ${rate}`);
      await tc(
        `filter add dev uplink protocol ip parent 1: u32 match ip dst ${this.address(other)} flowid ${id}`,
      );
    }
  }

  async #setNeighbour(site: number, other: number, address: string): Promise<void> {
    const to = this.address(other);
    await run(
      `ip -n ${this.#namespace(site)} neigh replace ${to} lladdr ${address} dev uplink nud permanent`.split(
        ' ',
      ),
    );
  }

  #inside(site: number, argv: readonly string[]): readonly string[] {
    return ['ip', 'netns', 'exec', this.#namespace(site), ...argv];
  }

  #namespace(site: number): string {
    return `${this.#prefix}-${site}`;
  }

  #sites(): readonly number[] {
    return Array.from({ length: this.#init.sites }, (_, index) => index + 1);
  }
}

function mac(site: number): string {
  return `02:00:00:00:00:${site.toString(16).padStart(2, '0')}`;
}
