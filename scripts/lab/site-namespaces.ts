// SPDX-License-Identifier: GPL-2.0-or-later
// One network and mount namespace for each site of the lab, whatever joins them.
import { randomBytes } from 'node:crypto';
import { run } from './run.ts';

/** Frames to this address reach nobody. */
export const NOBODY_MAC = '02:00:00:00:ff:ff';
/** The device that leads to the other sites, in each site's namespace. */
export const UPLINK = 'uplink';
export const HEADER_BYTES_PER_PACKET = 66;

const NETWORK = '10.77.0';

export class SiteNamespaces {
  /** Site numbers, from 1. */
  readonly sites: readonly number[];
  readonly #work: string;
  readonly #inputs: readonly string[];
  readonly #prefix = `mpx${randomBytes(3).toString('hex')}`;

  constructor(init: {
    readonly sites: number;
    readonly work: string;
    readonly inputs: readonly string[];
  }) {
    this.sites = Array.from({ length: init.sites }, (_, index) => index + 1);
    this.#work = init.work;
    this.#inputs = init.inputs;
  }

  /** Of a site; of 0: for what joins them. */
  name(site: number): string {
    return `${this.#prefix}-${site}`;
  }

  address(site: number): string {
    return `${NETWORK}.${site}`;
  }

  inside(site: number, argv: readonly string[]): readonly string[] {
    return ['ip', 'netns', 'exec', this.name(site), ...argv];
  }

  command(site: number, argv: readonly string[]): readonly string[] {
    const [work, inputs] = [this.#work, this.#inputs];
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
      ...this.inside(site, []),
      ...['unshare', '--mount', '--propagation', 'private', 'sh', '-c', script, 'sh'],
      ...[work, `site-${site}`, String(below.length), ...below, ...argv],
    ];
  }

  async add(site: number): Promise<void> {
    await run(['ip', 'netns', 'add', this.name(site)]);
  }

  /** Gives the site's uplink, which is there, its address, and the site the other's. */
  async configure(site: number, congestion: string | undefined): Promise<void> {
    const ip = (text: string): Promise<string> =>
      run(['ip', '-n', this.name(site), ...text.split(' ')]);
    await ip(`address add ${this.address(site)}/24 dev ${UPLINK}`);
    await ip('link set lo up');
    await ip(`link set ${UPLINK} up`);
    if (congestion !== undefined) {
      const route = `${NETWORK}.0/24 dev ${UPLINK} src ${this.address(site)}`;
      await ip(`route replace ${route} congctl ${congestion}`);
    }
    for (const other of this.sites) {
      if (other !== site) await this.setNeighbour(site, other, macOf(other));
    }
  }

  /** No ARP: where a site's frames for another go is said, not asked. */
  async setNeighbour(site: number, other: number, mac: string): Promise<void> {
    const neighbour = `${this.address(other)} lladdr ${mac} dev ${UPLINK} nud permanent`;
    await run(['ip', '-n', this.name(site), 'neigh', 'replace', ...neighbour.split(' ')]);
  }

  /** Removes them all, and that of 0. */
  async destroy(): Promise<void> {
    for (const site of [0, ...this.sites]) {
      await run(['ip', 'netns', 'delete', this.name(site)]).catch(() => '');
    }
  }
}

export function macOf(site: number): string {
  return `02:00:00:00:00:${site.toString(16).padStart(2, '0')}`;
}

/** What TCP carried in frames that together have so many bytes. */
export function payloadOf(bytes: number, packets: number): number {
  return Math.max(0, bytes - packets * HEADER_BYTES_PER_PACKET);
}
