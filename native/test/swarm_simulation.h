// SPDX-License-Identifier: GPL-2.0-or-later
// Sites that fetch the same files from each other, without sockets: links of given rates that flows
// share, round trips, cuts. What is asked of whom comes from the code of the core, SwarmScheduler
// and RequestWindow; all around it is a model of the core.
#ifndef MULEPLEX_TEST_SWARM_SIMULATION_H_
#define MULEPLEX_TEST_SWARM_SIMULATION_H_

#include <cstdint>
#include <vector>

namespace muleplex::test {

struct SimulatedSite {
  /// Bytes per second.
  double up = 12.5e6;
  double down = 12.5e6;
  /// It has all files from the beginning.
  bool isComplete = false;
  /// Seconds from the start until it asks for the files.
  double joins = 0;
  /// Seconds after which it is gone for good; 0 for never.
  double leaves = 0;
  /// Its link is cut for the first `cutSeconds` of every `cutPeriod`, shifted by `cutPhase`.
  double cutSeconds = 0;
  double cutPeriod = 20;
  double cutPhase = 0;
};

struct SimulatedSwarm {
  std::vector<SimulatedSite> sites;
  std::vector<uint64_t> fileSizes;
  double roundTripSeconds = 0.02;
  uint64_t seed = 1;
  /// Sites give on the blocks of a part before it is whole.
  bool relaysBlocks = true;
  /// How unfair links are to their flows: the share of a flow is redrawn each second between
  /// 1 - unfairness and 1 + unfairness.
  double unfairness = 0.5;
  /// Gives up after so many seconds.
  double limitSeconds = 2000;
};

struct SimulatedOutcome {
  /// Seconds from its start until each site had all; negative for never, 0 for who had all.
  std::vector<double> seconds;
  /// Payload that left each site, as a multiple of all files.
  std::vector<double> copies;
  /// Payload that came to a site which had it, as a multiple of all files; over all sites.
  double wasted = 0;

  double last() const;
};

/// The same for the same argument.
SimulatedOutcome simulate(const SimulatedSwarm& swarm);

}  // namespace muleplex::test

#endif  // MULEPLEX_TEST_SWARM_SIMULATION_H_
