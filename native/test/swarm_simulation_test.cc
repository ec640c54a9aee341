// SPDX-License-Identifier: GPL-2.0-or-later
// What the scheduler makes of a swarm. The bound is max(F/u, N F / (u (N + 1))), as in
// docs/benchmarks.md, without any header: what is above it here is the policy's own cost, and that
// of links which flows share unevenly.
#include "swarm_simulation.h"

#include <cstdio>

#include "test.h"

namespace muleplex::test {
namespace {

constexpr uint64_t kGiB = 1ull << 30;
constexpr double kRate = 12.5e6;
constexpr double kBound = kGiB / kRate;

/// One publisher and followers on links of 100 Mbit/s.
SimulatedSwarm swarmOf(size_t followers) {
  SimulatedSwarm swarm;
  swarm.sites.resize(followers + 1);
  swarm.sites[0].isComplete = true;
  swarm.fileSizes = {kGiB};
  return swarm;
}

SimulatedOutcome run(const char* name, const SimulatedSwarm& swarm, double bound) {
  const SimulatedOutcome outcome = simulate(swarm);
  std::printf("  %-34s %.3f of the bound, %.3f copies, %.3f wasted\n", name,
              outcome.last() / bound, outcome.copies[0], outcome.wasted);
  return outcome;
}

TEST("one copy leaves the publisher, and four followers end near the bound") {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    SimulatedSwarm swarm = swarmOf(4);
    swarm.seed = seed;
    const auto outcome = run("four followers", swarm, kBound);
    EXPECT(outcome.last() < 1.06 * kBound);
    EXPECT(outcome.copies[0] < 1.02 && outcome.wasted < 0.005);
  }
}

TEST("blocks that are given on before their part is whole bring small packs nearer to the bound") {
  for (const uint64_t mib : {16, 64, 256, 1024}) {
    const double bound = static_cast<double>(mib << 20) / kRate;
    SimulatedSwarm swarm = swarmOf(4);
    swarm.fileSizes = {mib << 20};
    std::printf("  %4d MiB:\n", static_cast<int>(mib));
    const auto blocks = run("blocks are given on", swarm, bound);
    swarm.relaysBlocks = false;
    const auto parts = run("only whole parts are", swarm, bound);
    EXPECT(blocks.last() < parts.last());
    EXPECT(blocks.copies[0] < 1.1);
  }
}

TEST("one and two followers, and links that are long, are near the bound too") {
  EXPECT(run("one follower", swarmOf(1), kBound).last() < 1.01 * kBound);
  const auto two = run("two followers", swarmOf(2), kBound);
  EXPECT(two.last() < 1.06 * kBound && two.copies[0] < 1.03);
  SimulatedSwarm longWay = swarmOf(4);
  longWay.roundTripSeconds = 0.2;
  const auto outcome = run("four followers, 200 ms", longWay, kBound);
  EXPECT(outcome.last() < 1.07 * kBound && outcome.copies[0] < 1.02);
}

TEST("many packs take no longer than one of the same bytes") {
  SimulatedSwarm swarm = swarmOf(4);
  swarm.fileSizes.assign(64, kGiB / 64);
  const auto outcome = run("64 packs", swarm, kBound);
  EXPECT(outcome.last() < 1.06 * kBound && outcome.copies[0] < 1.02);
}

TEST("a slow site does not hold up the others") {
  SimulatedSwarm swarm = swarmOf(4);
  swarm.sites[1].up = swarm.sites[1].down = kRate / 10;
  const auto outcome = run("a slow site", swarm, 10 * kBound);
  for (size_t i = 2; i < 5; ++i) EXPECT(outcome.seconds[i] < 1.12 * kBound);
  EXPECT(outcome.seconds[1] < 10.2 * kBound);
}

TEST("what a site gives on too slowly is taken from the publisher again") {
  SimulatedSwarm swarm = swarmOf(4);
  swarm.sites[1].up = kRate / 10;
  const auto outcome = run("a slow uplink", swarm, kBound);
  EXPECT(outcome.last() < 1.25 * kBound && outcome.copies[0] < 1.25);
}

TEST("links that are cut again and again cost little more than the time of the cuts") {
  SimulatedSwarm swarm = swarmOf(4);
  for (size_t i = 1; i < 5; ++i) {
    swarm.sites[i].cutSeconds = 5;
    swarm.sites[i].cutPhase = 4 * i;
  }
  const auto outcome = run("cuts", swarm, kBound / 0.75);
  EXPECT(outcome.last() < 1.15 * kBound / 0.75);
}

TEST("followers end without the publisher once a copy has left it") {
  SimulatedSwarm swarm = swarmOf(4);
  swarm.sites[0].leaves = 1.07 * kBound;
  const auto outcome = run("the publisher leaves", swarm, kBound);
  for (size_t i = 1; i < 5; ++i) EXPECT(outcome.seconds[i] > 0);
  EXPECT(outcome.seconds[4] < 1.3 * kBound);
}

TEST("who comes late gets all at the rate of its own link") {
  SimulatedSwarm swarm = swarmOf(4);
  swarm.sites[4].joins = 2 * kBound;
  EXPECT(run("a late follower", swarm, kBound).seconds[4] < 1.06 * kBound);
}

TEST("a swarm of sixteen moves no byte twice but for the end") {
  SimulatedSwarm swarm = swarmOf(16);
  const auto outcome = run("sixteen followers", swarm, kBound);
  EXPECT(outcome.last() < 1.08 * kBound && outcome.copies[0] < 1.05);
}

}  // namespace
}  // namespace muleplex::test
