// SPDX-License-Identifier: GPL-2.0-or-later
#include "swarm_simulation.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <queue>
#include <random>
#include <tuple>
#include <utility>

#include "ed2k_layout.h"
#include "flow_shares.h"
#include "swarm_model.h"
#include "swarm_scheduler.h"

namespace muleplex::test {
namespace {

constexpr double kTick = 0.02;
/// From the last byte of a part to its announcement: writing, hashing, saving.
constexpr double kVerifySeconds = 0.05;
/// From the last byte of a block to its announcement: writing, hashing, waiting for others.
constexpr double kCheckSeconds = 0.1;
/// Until the AICH leaves have come.
constexpr double kLeavesSeconds = 0.5;
/// As in the core: when a cut is noticed, and when the next attempt to connect comes.
constexpr double kCutNoticed = 2, kReconnect = 1;
constexpr double kRescan = 0.25, kSample = 0.2, kTrial = 2, kStalled = 1;
/// A request packet names so many blocks.
constexpr size_t kBlocksPerRequest = 3;
constexpr size_t kRepeatsMax = 8;

class Simulation;

class View final : public SwarmView {
 public:
  View(const Simulation& simulation, size_t site, size_t asked)
      : simulation_(simulation), site_(site), asked_(asked) {}
  size_t fileCount() const override;
  bool look(size_t index, SwarmFile& file) const override;
  double downloadRate() const override;
  double bestDownloadRate() const override;

 private:
  const Simulation& simulation_;
  size_t site_, asked_;
};

class Simulation {
 public:
  explicit Simulation(const SimulatedSwarm& swarm) : swarm_(swarm), random_(swarm.seed) {
    for (const SimulatedSite& config : swarm.sites) {
      sites_.push_back(makeSite(config, swarm, random_()));
    }
  }

  SimulatedOutcome run() {
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

  SwarmSource sourceView(size_t site, size_t from, size_t file) const {
    const Link& link = sites_[site].links[from];
    const Known& known = link.known[file];
    SwarmSource source;
    source.site = sites_[from].identity;
    if (known.told) {
      source.has = &known.has;
      source.begun = &known.begun;
      source.begunAtMs = &known.begunAtMs;
      source.blocks = &known.blocks;
      source.partCount = known.count;
    }
    source.nowMs = nowMs();
    source.serves = serves(link);
    source.onTrial = !link.queue.empty() && now_ - link.started < kTrial;
    source.rate = link.rateBusy;
    source.backlog = link.backlog;
    return source;
  }

  bool look(size_t site, size_t asked, size_t index, SwarmFile& out) const {
    const File& file = sites_[site].files[index];
    const Known& known = sites_[site].links[asked].known[index];
    if (file.verifiedCount == file.parts.size() || !known.hasSome()) return false;
    fillFile(site, index, asked, out);
    return true;
  }

  void fillFile(size_t site, size_t index, size_t asked, SwarmFile& out) const {
    const Site& self = sites_[site];
    const File& file = self.files[index];
    out.seed = file.seed;
    out.relays = swarm_.relaysBlocks;
    out.lastBlockCount = file.parts.back().blocks.size();
    out.parts.assign(file.parts.size(), {});
    for (size_t i = 0; i < file.parts.size(); ++i) {
      const Part& part = file.parts[i];
      SwarmPart& view = out.parts[i];
      if (part.here == part.blocks.size()) continue;
      view.missing = partSizeOf(file, i) - part.bytesHere;
      view.taken = file.begun[i];
      view.open = part.open;
      for (size_t b = 0; b < part.blocks.size(); ++b) {
        const uint8_t state = part.blocks[b];
        if (state == kHere) view.begun |= BlockSet{1} << b;
        if (state == 0 || state == kHere) continue;
        view.busy |= BlockSet{1} << b;
      }
      for (const Request& request : self.links[asked].queue) {
        if (request.file != index || request.part != i) continue;
        if (part.blocks[request.block] == 1) view.busy &= ~(BlockSet{1} << request.block);
      }
    }
    out.sources.clear();
    for (size_t j = 0; j < sites_.size(); ++j) {
      if (j == site || !self.links[j].connected) continue;
      if (j == asked) out.asked = out.sources.size();
      out.sources.push_back(sourceView(site, j, index));
    }
  }

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

  bool isPresent(size_t i) const {
    const SimulatedSite& config = sites_[i].config;
    return now_ >= config.joins && (config.leaves == 0 || now_ < config.leaves);
  }
  bool isCut(size_t i) const {
    const SimulatedSite& config = sites_[i].config;
    if (!isPresent(i)) return true;
    return config.cutSeconds > 0 &&
           std::fmod(now_ + config.cutPhase, config.cutPeriod) < config.cutSeconds;
  }
  bool isCut(size_t i, size_t j) const { return isCut(i) || isCut(j); }
  bool fetches(size_t i) const {
    return isPresent(i) && sites_[i].filesDone < sites_[i].files.size();
  }
  bool isDone() const {
    for (size_t i = 0; i < sites_.size(); ++i) {
      const bool isGone = sites_[i].config.leaves > 0 && now_ >= sites_[i].config.leaves;
      if (!isGone && sites_[i].filesDone < sites_[i].files.size()) return false;
    }
    return true;
  }

  void at(double time, std::function<void()> action) {
    events_.push({time, eventCount_++, std::move(action)});
  }

  /// The connections in both directions are one.
  void maintain(size_t i, size_t j) {
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

  void disconnect(size_t i, size_t j) {
    Link& link = sites_[i].links[j];
    link.connected = false;
    ++link.epoch;
    for (const Request& request : link.queue) giveBack(i, j, request);
    link.queue.clear();
    link.hasCurrent = false;
    for (Known& known : link.known) known.forget();
    ++sites_[i].change;
  }

  void giveBack(size_t i, size_t j, const Request& request) {
    Part& part = sites_[i].files[request.file].parts[request.part];
    --part.requestedOf[j];
    --part.requested;
    uint8_t& block = part.blocks[request.block];
    if (block != kHere && --block == 0) part.open |= BlockSet{1} << request.block;
  }

  bool serves(const Link& link) const {
    return link.connected && (link.queue.empty() || now_ - link.started < kTrial ||
                              now_ - link.lastPayload < kStalled);
  }

  void sample(size_t i) {
    Site& site = sites_[i];
    if (tick_ % static_cast<uint64_t>(kSample / kTick) != 0 || !fetches(i)) return;
    const double weight = 1 - std::exp(-kSample), slowly = 1 - std::exp(-kSample / 5);
    double total = 0;
    for (size_t j = 0; j < sites_.size(); ++j) {
      if (j == i) continue;
      Link& link = site.links[j];
      const double down = (link.bytes - link.sampledBytes) / kSample;
      link.sampledBytes = link.bytes;
      link.rate += (down - link.rate) * weight;
      total += link.rate;
      if (!link.queue.empty() && (down > 0 || now_ - link.started > kStalled)) {
        // As in the core: a short pause does not make a source slow.
        const double change = down > link.rateBusy ? weight : slowly;
        link.rateBusy = link.rateBusy > 0 ? link.rateBusy + (down - link.rateBusy) * change : down;
      }
      link.backlog = 0;
      SwarmFile file;
      for (size_t f = 0; f < site.files.size() && link.connected && link.backlog < (1 << 30); ++f) {
        if (!look(i, j, f, file)) continue;
        link.backlog += SwarmScheduler::backlogsOf(file)[file.asked];
      }
    }
    site.rate = total;
    site.best = std::max(site.best, total);
  }

  void fill(size_t i, size_t j) {
    Site& site = sites_[i];
    Link& link = site.links[j];
    if (!link.connected) return;
    const size_t window = link.window.size();
    if (!link.queue.empty() && link.queue.size() + kBlocksPerRequest > window) return;
    if (link.exhausted && site.change == link.lastChange && now_ - link.lastScan < kRescan) return;
    link.exhausted = false;
    link.lastChange = site.change;
    link.lastScan = now_;
    size_t count = window - std::min(window, link.queue.size());
    const View view(*this, i, j);
    const SwarmScheduler scheduler(site.identity);
    while (count > 0) {
      if (link.hasCurrent) {
        count -= takeBlocks(i, j, count);
        if (count == 0) break;
        link.hasCurrent = false;
      }
      const auto choice = scheduler.next(view);
      if (!choice) {
        link.exhausted = true;
        break;
      }
      link.hasCurrent = true;
      link.current = *choice;
      const Known& known = link.known[choice->file];
      if (known.count == known.has.size()) begin(i, *choice);
    }
    if (link.queue.empty()) repeat(i, j);
  }

  size_t takeBlocks(size_t i, size_t j, size_t count) {
    const Link& link = sites_[i].links[j];
    SwarmFile file;
    if (!look(i, j, link.current.file, file)) return 0;
    const SwarmScheduler scheduler(sites_[i].identity);
    const auto blocks = scheduler.blocks(file, link.current, count);
    for (const uint32_t b : blocks) request(i, j, link.current.file, link.current.part, b);
    return blocks.size();
  }

  void request(size_t i, size_t j, size_t f, uint32_t p, uint32_t b) {
    Link& link = sites_[i].links[j];
    File& file = sites_[i].files[f];
    Part& part = file.parts[p];
    ++part.blocks[b];
    part.open &= ~(BlockSet{1} << b);
    ++part.requestedOf[j];
    ++part.requested;
    if (link.queue.empty()) link.started = now_;
    const uint32_t size = blockSizeOf(file, p, b);
    link.queue.push_back({f, p, b, size, now_, now_ + swarm_.roundTripSeconds / 2,
                          static_cast<double>(size)});
  }

  void repeat(size_t i, size_t j) {
    Site& site = sites_[i];
    for (size_t f = 0; f < site.files.size(); ++f) {
      const File& file = site.files[f];
      const Known& known = site.links[j].known[f];
      if (!known.hasSome() || file.verifiedCount == file.parts.size()) continue;
      bool isAllRequested = true;
      for (const Part& part : file.parts) isAllRequested &= part.open == 0;
      if (!isAllRequested) continue;
      const SwarmSource asked = sourceView(i, j, f);
      size_t taken = 0;
      for (size_t k = 0; k < sites_.size() && taken < kRepeatsMax; ++k) {
        if (k == i || k == j || !site.links[k].connected) continue;
        std::vector<PendingBlock> pending;
        std::vector<std::pair<uint32_t, uint32_t>> where;
        for (const Request& request : site.links[k].queue) {
          if (request.file != f) continue;
          const bool isFixed = !known.gives(request.part, request.block) ||
                               file.parts[request.part].blocks[request.block] != 1;
          pending.push_back({request.part * kPartSize + request.block * kBlockSize,
                             request.size, isFixed});
        }
        const auto found = SwarmScheduler::repeats(pending, sourceView(i, k, f), asked,
                                                   kRepeatsMax - taken);
        for (const PendingBlock& block : found) {
          request(i, j, f, static_cast<uint32_t>(block.start / kPartSize),
                  static_cast<uint32_t>(block.start % kPartSize / kBlockSize));
          ++taken;
        }
      }
      if (taken > 0) return;
    }
  }

  void begin(size_t i, const SwarmChoice& choice) {
    File& file = sites_[i].files[choice.file];
    if ((file.begun[choice.part] & choice.blocks) == choice.blocks) return;
    file.begun[choice.part] |= choice.blocks;
    tell(i, [this, choice](Known& known) {
      known.begun[choice.part] |= choice.blocks;
      known.begunAtMs[choice.part] = nowMs();
    }, choice.file);
  }

  void tell(size_t i, std::function<void(Known&)> change, size_t f) {
    for (size_t k = 0; k < sites_.size(); ++k) {
      if (k == i || !sites_[k].links[i].connected) continue;
      deliver(k, i, sites_[k].links[i].epoch, f, change, now_ + swarm_.roundTripSeconds / 2);
    }
  }

  /// What is said while the link is cut arrives after it, if the connection lives so long.
  void deliver(size_t to, size_t from, uint64_t epoch, size_t f,
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

  void transfer() {
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

  void redrawWeights() {
    std::uniform_real_distribution<double> draw(1 - swarm_.unfairness, 1 + swarm_.unfairness);
    for (Site& site : sites_) {
      for (Link& link : site.links) link.weight = draw(random_);
    }
  }

  void advance(const Flow& flow) {
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

  void received(size_t to, size_t from, const Request& request) {
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

  void checked(size_t i, size_t f, uint32_t p, uint32_t b) {
    if (sites_[i].files[f].verified[p]) return;
    const BlockSet block = BlockSet{1} << b;
    sites_[i].files[f].checked[p] |= block;
    tell(i, [p, block](Known& known) { known.blocks[p] |= block; }, f);
  }

  void verified(size_t i, size_t f, uint32_t p) {
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

  SimulatedOutcome outcome() const {
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

  const SimulatedSwarm& swarm_;
  std::mt19937_64 random_;
  std::vector<Site> sites_;
  std::priority_queue<Event> events_;
  uint64_t eventCount_ = 0;
  uint64_t tick_ = 0;
  double now_ = 0;
  double wasted_ = 0;
};

size_t View::fileCount() const { return simulation_.site(site_).files.size(); }
bool View::look(size_t index, SwarmFile& file) const {
  return simulation_.look(site_, asked_, index, file);
}
double View::downloadRate() const { return simulation_.site(site_).rate; }
double View::bestDownloadRate() const { return simulation_.site(site_).best; }

}  // namespace

double SimulatedOutcome::last() const {
  if (std::any_of(seconds.begin(), seconds.end(), [](double s) { return s < 0; })) {
    return std::numeric_limits<double>::infinity();
  }
  return *std::max_element(seconds.begin(), seconds.end());
}

SimulatedOutcome simulate(const SimulatedSwarm& swarm) { return Simulation(swarm).run(); }

}  // namespace muleplex::test
