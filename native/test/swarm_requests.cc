// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <cmath>
#include <utility>

#include "ed2k_layout.h"
#include "swarm_run.h"

namespace muleplex::test {
namespace {

constexpr double kRescan = 0.25, kSample = 0.2, kTrial = 2, kStalled = 1;
/// A request packet names so many blocks.
constexpr size_t kBlocksPerRequest = 3;
constexpr size_t kRepeatsMax = 8;

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

size_t View::fileCount() const { return simulation_.site(site_).files.size(); }
bool View::look(size_t index, SwarmFile& file) const {
  return simulation_.look(site_, asked_, index, file);
}
double View::downloadRate() const { return simulation_.site(site_).rate; }
double View::bestDownloadRate() const { return simulation_.site(site_).best; }

}  // namespace

SwarmSource Simulation::sourceView(size_t site, size_t from, size_t file) const {
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

bool Simulation::look(size_t site, size_t asked, size_t index, SwarmFile& out) const {
  const File& file = sites_[site].files[index];
  const Known& known = sites_[site].links[asked].known[index];
  if (file.verifiedCount == file.parts.size() || !known.hasSome()) return false;
  fillFile(site, index, asked, out);
  return true;
}

void Simulation::fillFile(size_t site, size_t index, size_t asked, SwarmFile& out) const {
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

void Simulation::giveBack(size_t i, size_t j, const Request& request) {
  Part& part = sites_[i].files[request.file].parts[request.part];
  --part.requestedOf[j];
  --part.requested;
  uint8_t& block = part.blocks[request.block];
  if (block != kHere && --block == 0) part.open |= BlockSet{1} << request.block;
}

bool Simulation::serves(const Link& link) const {
  return link.connected && (link.queue.empty() || now_ - link.started < kTrial ||
                            now_ - link.lastPayload < kStalled);
}

void Simulation::sample(size_t i) {
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

void Simulation::fill(size_t i, size_t j) {
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

size_t Simulation::takeBlocks(size_t i, size_t j, size_t count) {
  const Link& link = sites_[i].links[j];
  SwarmFile file;
  if (!look(i, j, link.current.file, file)) return 0;
  const SwarmScheduler scheduler(sites_[i].identity);
  const auto blocks = scheduler.blocks(file, link.current, count);
  for (const uint32_t b : blocks) request(i, j, link.current.file, link.current.part, b);
  return blocks.size();
}

void Simulation::request(size_t i, size_t j, size_t f, uint32_t p, uint32_t b) {
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

void Simulation::repeat(size_t i, size_t j) {
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

void Simulation::begin(size_t i, const SwarmChoice& choice) {
  File& file = sites_[i].files[choice.file];
  if ((file.begun[choice.part] & choice.blocks) == choice.blocks) return;
  file.begun[choice.part] |= choice.blocks;
  tell(i, [this, choice](Known& known) {
    known.begun[choice.part] |= choice.blocks;
    known.begunAtMs[choice.part] = nowMs();
  }, choice.file);
}

}  // namespace muleplex::test
