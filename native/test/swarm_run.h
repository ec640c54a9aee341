// SPDX-License-Identifier: GPL-2.0-or-later
// One run of a simulated swarm. swarm_simulation.cc has time and links, swarm_requests.cc what the
// sites ask each other for.
#ifndef MULEPLEX_TEST_SWARM_RUN_H_
#define MULEPLEX_TEST_SWARM_RUN_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <queue>
#include <random>
#include <tuple>
#include <vector>

#include "flow_shares.h"
#include "swarm_model.h"
#include "swarm_scheduler.h"
#include "swarm_simulation.h"

namespace muleplex::test {

constexpr double kTick = 0.02;

class Simulation {
 public:
  explicit Simulation(const SimulatedSwarm& swarm);

  SimulatedOutcome run();
  SwarmSource sourceView(size_t site, size_t from, size_t file) const;
  bool look(size_t site, size_t asked, size_t index, SwarmFile& out) const;
  void fillFile(size_t site, size_t index, size_t asked, SwarmFile& out) const;
  uint32_t nowMs() const { return static_cast<uint32_t>(now_ * 1000); }
  const Site& site(size_t index) const { return sites_[index]; }

 private:
  struct Event {
    double at;
    uint64_t order;
    std::function<void()> action;
    bool operator<(const Event& other) const {
      return std::tie(other.at, other.order) < std::tie(at, order);
    }
  };
  bool isPresent(size_t i) const;
  bool isCut(size_t i) const;
  bool isCut(size_t i, size_t j) const { return isCut(i) || isCut(j); }
  bool fetches(size_t i) const;
  bool isDone() const;
  void at(double time, std::function<void()> action);
  /// The connections in both directions are one.
  void maintain(size_t i, size_t j);
  void disconnect(size_t i, size_t j);
  void giveBack(size_t i, size_t j, const Request& request);
  bool serves(const Link& link) const;
  void sample(size_t i);
  void fill(size_t i, size_t j);
  size_t takeBlocks(size_t i, size_t j, size_t count);
  void request(size_t i, size_t j, size_t f, uint32_t p, uint32_t b);
  void repeat(size_t i, size_t j);
  void begin(size_t i, const SwarmChoice& choice);
  void tell(size_t i, std::function<void(Known&)> change, size_t f);
  /// What is said while the link is cut arrives after it, if the connection lives so long.
  void deliver(size_t to, size_t from, uint64_t epoch, size_t f,
      std::function<void(Known&)> change, double time);
  void transfer();
  void redrawWeights();
  void advance(const Flow& flow);
  void received(size_t to, size_t from, const Request& request);
  void checked(size_t i, size_t f, uint32_t p, uint32_t b);
  void verified(size_t i, size_t f, uint32_t p);
  SimulatedOutcome outcome() const;

  const SimulatedSwarm& swarm_;
  std::mt19937_64 random_;
  std::vector<Site> sites_;
  std::priority_queue<Event> events_;
  uint64_t eventCount_ = 0;
  uint64_t tick_ = 0;
  double now_ = 0;
  double wasted_ = 0;
};

}  // namespace muleplex::test

#endif  // MULEPLEX_TEST_SWARM_RUN_H_
