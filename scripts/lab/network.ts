// SPDX-License-Identifier: GPL-2.0-or-later
// The network between the sites of a demo, a test or a benchmark on one machine. As root: one
// network and mount namespace a site, joined by a bridge of the kernel, or by a switch of ours
// where delay or loss are wanted. Otherwise: one loopback address a site, and nothing is shaped,
// counted or cut.
import { BridgeNetwork } from './bridge-network.ts';
import { SwitchNetwork } from './switch-network.ts';

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
  /** A line that is not as short and clean as a bridge; rateMbit is then also that of downlinks. */
  readonly line?: LineInit | undefined;
}

export interface LineInit {
  /** Between any two sites, there and back. */
  readonly rttMs: number;
  /** Of frames, each way, at random. */
  readonly lossPct: number;
  /** Draws the frames that are lost. */
  readonly seed: number;
  /** Bytes that wait in each direction of each site's link; what finds no room is dropped. */
  readonly queueBytes: number;
}

const SITE_COUNT_MAX = 200;

export async function createNetwork(init: NetworkInit): Promise<Network> {
  if (init.sites < 1 || init.sites > SITE_COUNT_MAX) throw new Error('1 to 200 sites');
  if (process.getuid?.() !== 0) return createLoopbackNetwork(init.sites);
  const network =
    init.line === undefined ? new BridgeNetwork(init) : new SwitchNetwork(init, init.line);
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
