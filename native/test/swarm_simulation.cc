// SPDX-License-Identifier: GPL-2.0-or-later
#include "swarm_simulation.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "swarm_run.h"

namespace muleplex::test {
namespace {

/// From the last byte of a part to its announcement: writing, hashing, saving.
constexpr double kVerifySeconds = 0.05;
/// From the last byte of a block to its announcement: writing, hashing, waiting for others.
constexpr double kCheckSeconds = 0.1;
/// Until the AICH leaves have come.
constexpr double kLeavesSeconds = 0.5;
/// As in the core: when a cut is noticed, and when the next attempt to connect comes.
constexpr double kCutNoticed = 2, kReconnect = 1;

}  // namespace

Simulation::Simulation(const SimulatedSwarm& swarm) : swarm_(swarm), random_(swarm.seed) {
  for (const SimulatedSite& config : swarm.sites) {
    sites_.push_back(makeSite(config, swarm, random_()));
  }
}

SimulatedOutcome Simulation::run() {
  for (size_t i = 0; i < sites_.size(); ++i) {
    for (size_t j = 0; j < sites_.size(); ++j) {
      if (i != j) sites_[i].links[j].mendedAt = -kReconnect;
    }
  }
  for (tick_ = 0; now_ < swarm_.limitSeconds && !isDone(); ++tick_, now_ = tick_ * kTick) {
    while (!events_.empty() && events_.top().at <= now_) {
      const auto action = events_.top().action;
      events_.pop();
      action();
    }
    for (size_t i = 0; i < sites_.size(); ++i) {
      for (size_t j = 0; j < sites_.size(); ++j) {
        if (i != j) maintain(i, j);
      }
    }
    for (size_t i = 0; i < sites_.size(); ++i) sample(i);
    for (size_t i = 0; i < sites_.size(); ++i) {
      if (!fetches(i)) continue;
      for (size_t j = 0; j < sites_.size(); ++j) {
        if (i != j) fill(i, j);
      }
    }
    transfer();
  }
  return outcome();
}

bool Simulation::isPresent(size_t i) const {
  const SimulatedSite& config = sites_[i].config;
  return now_ >= config.joins && (config.leaves == 0 || now_ < config.leaves);
}

bool Simulation::isCut(size_t i) const {
  const SimulatedSite& config = sites_[i].config;
  if (!isPresent(i)) return true;
  return config.cutSeconds > 0 &&
         std::fmod(now_ + config.cutPhase, config.cutPeriod) < config.cutSeconds;
}

bool Simulation::fetches(size_t i) const {
  return isPresent(i) && sites_[i].filesDone < sites_[i].files.size();
}

bool Simulation::isDone() const {
  for (size_t i = 0; i < sites_.size(); ++i) {
    const bool isGone = sites_[i].config.leaves > 0 && now_ >= sites_[i].config.leaves;
    if (!isGone && sites_[i].filesDone < sites_[i].files.size()) return false;
  }
  return true;
}

void Simulation::at(double time, std::function<void()> action) {
  events_.push({time, eventCount_++, std::move(action)});
}

void Simulation::maintain(size_t i, size_t j) {
  Link& link = sites_[i].links[j];
  if (isCut(i, j)) {
    if (link.cutSince < 0) link.cutSince = now_;
    link.mendedAt = std::numeric_limits<double>::infinity();
    if (link.connected && now_ - link.cutSince > kCutNoticed) disconnect(i, j);
    return;
  }
  if (link.mendedAt > now_) link.mendedAt = now_;
  link.cutSince = -1;
  if (!link.connected && now_ - link.mendedAt >= kReconnect) {
    link.connected = true;
    ++link.epoch;
    link.lastPayload = now_;
    // All that the other one has, in one message.
    at(now_ + swarm_.roundTripSeconds, [this, i, j, epoch = link.epoch] {
      Link& known = sites_[i].links[j];
      if (known.epoch != epoch) return;
      for (size_t f = 0; f < sites_[i].files.size(); ++f) {
        const File& file = sites_[j].files[f];
        Known& told = known.known[f];
        told.has = file.verified;
        told.begun = file.begun;
        told.blocks = file.checked;
        told.begunAtMs.assign(file.parts.size(), nowMs());
        told.count = file.verifiedCount;
        told.told = true;
      }
      ++sites_[i].change;
    });
  }
}

void Simulation::disconnect(size_t i, size_t j) {
  Link& link = sites_[i].links[j];
  link.connected = false;
  ++link.epoch;
  for (const Request& request : link.queue) giveBack(i, j, request);
  link.queue.clear();
  link.hasCurrent = false;
  for (Known& known : link.known) known.forget();
  ++sites_[i].change;
}

void Simulation::tell(size_t i, std::function<void(Known&)> change, size_t f) {
  for (size_t k = 0; k < sites_.size(); ++k) {
    if (k == i || !sites_[k].links[i].connected) continue;
    deliver(k, i, sites_[k].links[i].epoch, f, change, now_ + swarm_.roundTripSeconds / 2);
  }
}

void Simulation::deliver(size_t to, size_t from, uint64_t epoch, size_t f,
                         std::function<void(Known&)> change, double time) {
  at(time, [=, this] {
    Link& link = sites_[to].links[from];
    if (link.epoch != epoch || !link.connected) return;
    if (isCut(to, from)) {
      deliver(to, from, epoch, f, change, now_ + 0.1);
      return;
    }
    if (!link.known[f].told) return;
    change(link.known[f]);
    ++sites_[to].change;
  });
}

void Simulation::transfer() {
  if (tick_ % static_cast<uint64_t>(1 / kTick) == 0) redrawWeights();
  std::vector<Flow> flows;
  for (size_t i = 0; i < sites_.size(); ++i) {
    for (size_t j = 0; j < sites_.size(); ++j) {
      if (i == j) continue;
      const Link& link = sites_[i].links[j];
      if (!link.connected || link.queue.empty() || isCut(i, j)) continue;
      if (link.queue.front().arrivesAt <= now_) flows.push_back({j, i, link.weight});
    }
  }
  std::vector<double> up, down;
  for (const Site& site : sites_) {
    up.push_back(site.config.up);
    down.push_back(site.config.down);
  }
  shareRates(flows, up, down);
  for (const Flow& flow : flows) advance(flow);
}

void Simulation::redrawWeights() {
  std::uniform_real_distribution<double> draw(1 - swarm_.unfairness, 1 + swarm_.unfairness);
  for (Site& site : sites_) {
    for (Link& link : site.links) link.weight = draw(random_);
  }
}

void Simulation::advance(const Flow& flow) {
  Link& link = sites_[flow.to].links[flow.from];
  double budget = flow.rate * kTick;
  while (budget > 0 && !link.queue.empty() && link.queue.front().arrivesAt <= now_) {
    Request& request = link.queue.front();
    const double bytes = std::min(budget, request.left);
    if (!request.started) {
      request.started = true;
      link.window.blockStarted(static_cast<uint32_t>(
          (now_ - request.askedAt + swarm_.roundTripSeconds / 2) * 1000));
    }
    budget -= bytes;
    request.left -= bytes;
    link.bytes += bytes;
    link.lastPayload = now_;
    sites_[flow.from].sent += bytes;
    link.window.dataReceived(static_cast<uint32_t>(bytes), static_cast<uint32_t>(now_ * 1000));
    if (request.left > 0.5) continue;
    const Request done = request;
    link.queue.pop_front();
    received(flow.to, flow.from, done);
  }
}

void Simulation::received(size_t to, size_t from, const Request& request) {
  File& file = sites_[to].files[request.file];
  Part& part = file.parts[request.part];
  --part.requestedOf[from];
  --part.requested;
  uint8_t& block = part.blocks[request.block];
  if (block == kHere) {
    wasted_ += request.size;
    return;
  }
  block = kHere;
  ++part.here;
  part.bytesHere += request.size;
  if (part.here < part.blocks.size()) {
    if (!swarm_.relaysBlocks) return;
    at(std::max(kLeavesSeconds, now_ + swarm_.roundTripSeconds / 2 + kCheckSeconds),
       [this, to, f = request.file, p = request.part, b = request.block] {
         checked(to, f, p, b);
       });
    return;
  }
  at(now_ + swarm_.roundTripSeconds / 2 + kVerifySeconds,
     [this, to, f = request.file, p = request.part] { verified(to, f, p); });
}

void Simulation::checked(size_t i, size_t f, uint32_t p, uint32_t b) {
  if (sites_[i].files[f].verified[p]) return;
  const BlockSet block = BlockSet{1} << b;
  sites_[i].files[f].checked[p] |= block;
  tell(i, [p, block](Known& known) { known.blocks[p] |= block; }, f);
}

void Simulation::verified(size_t i, size_t f, uint32_t p) {
  Site& site = sites_[i];
  File& file = site.files[f];
  file.verified[p] = true;
  ++file.verifiedCount;
  tell(i, [p](Known& known) {
    if (!known.has[p]) ++known.count;
    known.has[p] = true;
  }, f);
  if (file.verifiedCount == file.parts.size() && ++site.filesDone == site.files.size()) {
    site.doneAt = now_;
  }
}

SimulatedOutcome Simulation::outcome() const {
  double total = 0;
  for (const uint64_t size : swarm_.fileSizes) total += static_cast<double>(size);
  SimulatedOutcome outcome;
  for (const Site& site : sites_) {
    outcome.seconds.push_back(site.config.isComplete ? 0
                              : site.doneAt < 0      ? -1
                                                     : site.doneAt - site.config.joins);
    outcome.copies.push_back(site.sent / total);
  }
  outcome.wasted = wasted_ / total;
  return outcome;
}

double SimulatedOutcome::last() const {
  if (std::any_of(seconds.begin(), seconds.end(), [](double s) { return s < 0; })) {
    return std::numeric_limits<double>::infinity();
  }
  return *std::max_element(seconds.begin(), seconds.end());
}

SimulatedOutcome simulate(const SimulatedSwarm& swarm) { return Simulation(swarm).run(); }

}  // namespace muleplex::test
