// SPDX-License-Identifier: GPL-2.0-or-later
#include "swarm_scheduler.h"

#include <set>
#include <vector>

#include "request_window.h"
#include "test.h"

namespace muleplex {
namespace {

constexpr uint32_t kPart = 9'728'000;

/// A view that holds what a test says.
class TestView final : public SwarmView {
 public:
  std::vector<SwarmFile> files;
  double rate = 1e6, best = 1e6;

  size_t fileCount() const override { return files.size(); }
  bool look(size_t index, SwarmFile& file) const override {
    file = files[index];
    return !file.sources.empty();
  }
  double downloadRate() const override { return rate; }
  double bestDownloadRate() const override { return best; }
};

const PartSet kAll(20, true), kNone(20, false);

PartSet only(std::initializer_list<size_t> parts) {
  PartSet set(20, false);
  for (const size_t part : parts) set[part] = true;
  return set;
}

SwarmSource sourceWith(uint64_t site, const PartSet& parts) {
  SwarmSource source;
  source.site = site;
  source.has = &parts;
  for (const bool isHere : parts) source.partCount += isHere;
  source.serves = true;
  source.rate = 3e6;
  return source;
}

/// 20 parts of which nothing is here, to be asked of a complete source.
SwarmFile freshFile(std::vector<SwarmSource> others = {}) {
  SwarmFile file;
  file.seed = 7;
  file.parts.resize(20);
  for (SwarmPart& part : file.parts) part = {kPart, kAllBlocks, 0, 0, 0};
  file.sources = std::move(others);
  file.asked = file.sources.size();
  file.sources.push_back(sourceWith(1, kAll));
  return file;
}

TestView viewOf(SwarmFile file) {
  TestView view;
  view.files.push_back(std::move(file));
  return view;
}

/// Takes everything that the scheduler gives out, in its order.
std::vector<uint32_t> takeAll(const SwarmScheduler& scheduler, TestView view) {
  std::vector<uint32_t> parts;
  while (const auto choice = scheduler.next(view)) {
    parts.push_back(choice->part);
    view.files[choice->file].parts[choice->part] = {};
  }
  return parts;
}

TEST("sites take all parts from the publisher, each begins with other ones") {
  const std::vector<uint64_t> sites = {11, 12, 13};
  std::set<uint32_t> first;
  for (const uint64_t self : sites) {
    std::vector<SwarmSource> others;
    for (const uint64_t site : sites) {
      if (site != self) others.push_back(sourceWith(site, kNone));
    }
    const auto parts = takeAll(SwarmScheduler(self), viewOf(freshFile(others)));
    EXPECT(std::set<uint32_t>(parts.begin(), parts.end()).size() == 20);
    for (size_t i = 0; i < 3; ++i) EXPECT(first.insert(parts[i]).second);
  }
}

TEST("the same state gives the same choice") {
  const TestView view = viewOf(freshFile({sourceWith(12, kNone)}));
  const auto choice = SwarmScheduler(11).next(view);
  EXPECT(choice && SwarmScheduler(11).next(view)->part == choice->part);
}

TEST("what another site has begun is left to it, until nothing is heard of it for long") {
  std::vector<BlockSet> begun(20, 0);
  begun[3] = begun[4] = kAllBlocks;
  SwarmSource other = sourceWith(12, kNone);
  other.begun = &begun;
  const auto left = takeAll(SwarmScheduler(11), viewOf(freshFile({other})));
  EXPECT(left.size() == 18);
  for (const uint32_t part : left) EXPECT(!begun[part]);
  const std::vector<uint32_t> begunAtMs(20, 0xfffffff0);
  other.begunAtMs = &begunAtMs;
  other.nowMs = 1000;
  EXPECT(takeAll(SwarmScheduler(11), viewOf(freshFile({other}))).size() == 18);
  other.nowMs = 60'000;
  EXPECT(takeAll(SwarmScheduler(11), viewOf(freshFile({other}))).size() == 20);
}

TEST("what another site has is not taken from the publisher while that site keeps up") {
  const PartSet parts = only({3, 4, 5});
  SwarmSource other = sourceWith(12, parts);
  other.backlog = 3 * kPart;
  other.rate = 1e5;
  TestView view = viewOf(freshFile({other}));
  view.rate = 1e6;
  EXPECT(takeAll(SwarmScheduler(11), view).size() == 17);
  // It is too slow, and the line has room for more.
  view.rate = 1e5;
  EXPECT(takeAll(SwarmScheduler(11), view).size() == 20);
  // It has only just begun.
  view.files[0].sources[0].onTrial = true;
  EXPECT(takeAll(SwarmScheduler(11), view).size() == 17);
  // It does not answer.
  view.files[0].sources[0].onTrial = false;
  view.files[0].sources[0].serves = false;
  EXPECT(takeAll(SwarmScheduler(11), view).size() == 20);
}

TEST("a site is slow only if the others would be through long before it") {
  const PartSet one = only({3, 4, 5}), two = only({6, 7, 8});
  SwarmSource first = sourceWith(12, one), second = sourceWith(13, two);
  first.rate = second.rate = 1e6;
  first.backlog = second.backlog = 10 * kPart;
  TestView view = viewOf(freshFile({first, second}));
  view.files[0].sources[2].rate = 5e5;
  view.rate = 2e6;
  view.best = 10e6;
  EXPECT(takeAll(SwarmScheduler(11), view).size() == 14);
  view.files[0].sources[1].backlog = 0;
  EXPECT(takeAll(SwarmScheduler(11), view).size() == 17);
}

TEST("what is begun and left is finished first, what others give is shared last") {
  SwarmFile file = freshFile();
  file.sources.push_back(sourceWith(12, kAll));
  for (SwarmPart& part : file.parts) part.open = 0;
  file.parts[2] = {kPart, kAllBlocks, kAllBlocks, 0, kAllBlocks};
  file.parts[3] = {kPart, kAllBlocks, 0, 0, 0};
  file.parts[4] = {kPart, kAllBlocks, kAllBlocks, 0, 0};
  EXPECT(takeAll(SwarmScheduler(11), viewOf(file)) == std::vector<uint32_t>({4, 3, 2}));
}

TEST("of what a site has, the parts that fewest others have come first") {
  const PartSet many = only({1, 2, 3}), few = only({1, 3});
  SwarmFile file = freshFile({sourceWith(12, many), sourceWith(13, few)});
  file.asked = 0;
  EXPECT(takeAll(SwarmScheduler(11), viewOf(file)).front() == 2);
}

TEST("a part that a site has begun and left half given on is ours to finish when its time is up") {
  std::vector<BlockSet> begun(20, 0), blocks(20, 0);
  begun[3] = kAllBlocks;
  blocks[3] = 0xff;
  const std::vector<uint32_t> begunAtMs(20, 0);
  SwarmSource other = sourceWith(12, kNone);
  other.begun = &begun;
  other.begunAtMs = &begunAtMs;
  other.blocks = &blocks;
  SwarmFile file = freshFile({other});
  for (SwarmPart& part : file.parts) part.open = 0;
  // Some blocks came from that site, and one is requested of it.
  file.parts[3] = {kPart, kAllBlocks & ~BlockSet{0xf}, 0xf, 0, 0x10};
  EXPECT(!SwarmScheduler(11).next(viewOf(file)));
  file.sources[0].nowMs = 60'000;
  EXPECT(SwarmScheduler(11).next(viewOf(file))->part == 3);
  // It will be through soon.
  blocks[3] = kAllBlocks >> 2;
  EXPECT(!SwarmScheduler(11).next(viewOf(file)));
  // Once it has all of it, it is asked for the rest.
  blocks[3] = kAllBlocks;
  EXPECT(!SwarmScheduler(11).next(viewOf(file)));
}

TEST("of a site that fetches only the blocks that it has are taken, the rarest first") {
  std::vector<BlockSet> one(20, 0), two(20, 0);
  one[5] = 0b1011;
  two[5] = 0b1001;
  SwarmSource first = sourceWith(12, kNone), second = sourceWith(13, kNone);
  first.blocks = &one;
  second.blocks = &two;
  SwarmFile file = freshFile({first, second});
  file.asked = 0;
  const SwarmScheduler scheduler(11);
  const auto choice = scheduler.next(viewOf(file));
  EXPECT(choice && choice->part == 5);
  const auto blocks = scheduler.blocks(file, *choice, 10);
  EXPECT(blocks.size() == 3 && blocks[0] == 1);
  EXPECT(scheduler.blocks(file, *choice, 1) == std::vector<uint32_t>({1}));
  file.parts[5].open = kAllBlocks & ~one[5];
  EXPECT(!scheduler.next(viewOf(file)));
}

TEST("the last parts are taken in stripes of blocks, each site other ones") {
  const std::vector<uint64_t> sites = {11, 12, 13};
  std::vector<BlockSet> first(20, 0);
  for (const uint64_t self : sites) {
    std::vector<SwarmSource> others;
    for (const uint64_t site : sites) {
      if (site != self) others.push_back(sourceWith(site, kNone));
    }
    SwarmFile file = freshFile(others);
    for (size_t i = 2; i < 20; ++i) file.parts[i].open = 0;
    const auto whole = SwarmScheduler(self).next(viewOf(file));
    EXPECT(!whole || whole->blocks == kAllBlocks);
    // Only if they can give them on.
    file.relays = true;
    file.parts.resize(2);
    for (SwarmSource& source : file.sources) source.partCount = std::min(source.partCount, 2u);
    const auto stripe = SwarmScheduler(self).next(viewOf(file));
    EXPECT(stripe && stripe->blocks != kAllBlocks && stripe->blocks != 0);
    EXPECT((first[stripe->part] & stripe->blocks) == 0);
    first[stripe->part] |= stripe->blocks;
  }
}

TEST("work of one's own in a later file comes before help in the first") {
  TestView view;
  SwarmFile first = freshFile(), second = freshFile();
  // Another source that has it all is at it.
  first.sources.push_back(sourceWith(12, kAll));
  for (SwarmPart& part : first.parts) part.busy = kAllBlocks;
  view.files = {first, second};
  EXPECT(SwarmScheduler(11).next(view)->file == 1);
  for (SwarmPart& part : view.files[1].parts) part.open = 0;
  EXPECT(SwarmScheduler(11).next(view)->file == 0);
}

TEST("a source that has not told what it has is not asked") {
  SwarmFile file = freshFile();
  file.sources[0].has = nullptr;
  EXPECT(!SwarmScheduler(11).next(viewOf(file)));
}

TEST("blocks are repeated only where that gains much, the last ones first") {
  std::vector<PendingBlock> pending;
  for (uint64_t i = 0; i < 10; ++i) pending.push_back({i * 184'320, 184'320, i == 9});
  SwarmSource slow = sourceWith(12, kAll), fast = sourceWith(13, kAll);
  slow.rate = 184'320;
  fast.rate = 10 * slow.rate;
  const auto found = SwarmScheduler::repeats(pending, slow, fast, 3);
  EXPECT(found.size() == 3 && found[0].start == 8 * 184'320 && found[2].start == 6 * 184'320);
  EXPECT(SwarmScheduler::repeats(pending, fast, slow, 3).empty());
  EXPECT(SwarmScheduler::repeats({pending[0]}, fast, fast, 3).empty());
  // Each is worth less than the one before.
  EXPECT(SwarmScheduler::repeats(pending, slow, fast, 100).size() < 9);
  slow.serves = false;
  EXPECT(SwarmScheduler::repeats(pending, slow, fast, 100).size() == 9);
}

TEST("sites that still fetch share what they have for us, the publisher counts for the rest") {
  const PartSet one = only({0}), two = only({0, 1});
  const SwarmFile file = freshFile({sourceWith(12, one), sourceWith(13, two)});
  EXPECT(SwarmScheduler::backlogsOf(file) ==
         std::vector<uint64_t>({kPart / 2, kPart / 2 + kPart, 18ull * kPart}));
}

TEST("the request window follows rate and round trip within its bounds") {
  RequestWindow window;
  EXPECT(window.size() == 8);
  for (uint32_t ms = 1; ms < 2000; ++ms) window.dataReceived(50'000, ms);
  EXPECT(window.size() > 130 && window.size() < 140);
  window.blockStarted(400);
  EXPECT(window.size() == 256);
  for (uint32_t ms = 2000; ms < 30'000; ++ms) window.dataReceived(50, ms);
  EXPECT(window.size() == 8);
}

}  // namespace
}  // namespace muleplex
