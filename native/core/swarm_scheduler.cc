// SPDX-License-Identifier: GPL-2.0-or-later
#include "swarm_scheduler.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <tuple>
#include <utility>

namespace muleplex {
namespace {

/// So many files are begun, in their order, to find parts that no other site is at: enough to hide
/// the other sites' delays, few enough to finish them in order.
constexpr size_t kLookahead = 32;

/// Seconds that a site may need for what it has for us before a more complete source is asked for
/// the same: long enough to let one that has just got a part start, short against any transfer for
/// which the load of the publisher matters.
constexpr double kPatience = 4;

/// A site that has begun a part counts as about to have it for this multiple of the time that we
/// would need, and longer if it does not seem to need longer for the rest.
constexpr double kBegunParts = 3;

/// The line has room for another source below this share of what it has carried.
constexpr double kIdleShare = 0.8;

/// A site that still fetches keeps up while it needs at most this multiple of the time that all
/// sources together, with the asked one at full rate, need for all that is missing.
constexpr double kStragglerRatio = 2;

/// What a source whose rate is not known yet is taken for, in bytes per second.
constexpr double kAssumedRate = 1 << 20;

/// Bytes are taken from a second source only if that should bring them in less than half of the
/// time, and earlier by this many seconds.
constexpr double kRepeatGain = 0.5;

/// So many parts of a file, the same ones at every site, are taken from the publisher in stripes of
/// blocks, after all others: at the end all sites still have work that does not wait for one of
/// them, and of a file of few parts each site can give some to the others.
constexpr size_t kSplitParts = 8;
constexpr size_t kStripeBlocks = 9;
constexpr BlockSet kStripe = (BlockSet{1} << kStripeBlocks) - 1;

constexpr double kNever = std::numeric_limits<double>::infinity();

/// The mixing step of splitmix64 (public domain, Sebastiano Vigna).
uint64_t mix(uint64_t value) {
  value += 0x9e3779b97f4a7c15;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

double secondsFor(const SwarmSource& source, double bytes) {
  if (!source.serves) return kNever;
  return bytes / (source.rate > 0 ? source.rate : kAssumedRate);
}

/// Seconds until all it has for us could be here.
double waitOf(const SwarmSource& source) {
  return source.serves && source.onTrial ? 0 : secondsFor(source, source.backlog);
}

/// True if the first way takes so much longer that the second is worth what it costs.
bool isMuchSlower(double first, double second) {
  return second != kNever && first >= 2 * second + kRepeatGain;
}

bool has(const SwarmSource& source, size_t part) { return source.has && (*source.has)[part]; }

BlockSet begunBy(const SwarmSource& source, size_t part) {
  return source.begun ? (*source.begun)[part] : 0;
}

/// Since it told that it has begun the part.
double secondsSince(const SwarmSource& source, size_t part) {
  return source.begunAtMs ? (source.nowMs - (*source.begunAtMs)[part]) / 1000.0 : 0;
}

bool contains(BlockSet set, BlockSet blocks) { return (set & blocks) == blocks; }

/// The blocks that it can give of a part.
BlockSet blocksOf(const SwarmSource& source, size_t part) {
  if (has(source, part)) return kAllBlocks;
  return source.blocks ? (*source.blocks)[part] : 0;
}

/// Until it has the rest of the blocks, if it goes on as it began.
double secondsLeft(const SwarmSource& source, size_t part, BlockSet blocks) {
  const int all = std::popcount(blocks), given = std::popcount(blocksOf(source, part) & blocks);
  return given > 0 ? secondsSince(source, part) * (all - given) / given : kNever;
}

BlockSet allBlocksOf(const SwarmFile& file, size_t part) {
  return part + 1 < file.parts.size() ? kAllBlocks : (BlockSet{1} << file.lastBlockCount) - 1;
}

/// What matters of a file's sources for every part.
class Sources {
 public:
  explicit Sources(const SwarmFile& file) : file_(file) {
    for (const SwarmSource& source : file.sources) {
      fetches_.push_back(source.has && source.partCount < file.parts.size());
    }
    const SwarmSource& asked = file.sources[file.asked];
    uint32_t longest = 0;
    for (const SwarmPart& part : file.parts) longest = std::max(longest, part.missing);
    partSeconds_ = secondsFor(asked, longest);
    begunLimit_ = std::max(kPatience, kBegunParts * partSeconds_);
  }

  /// Sites that have everything own no stripe.
  bool fetches(size_t source) const { return fetches_[source]; }
  bool askedFetches() const { return fetches_[file_.asked]; }
  bool someFetch() const {
    return std::find(fetches_.begin(), fetches_.end(), true) != fetches_.end();
  }

  /// Sites that have the part, or are about to.
  uint32_t countOf(size_t part, BlockSet blocks) const {
    uint32_t count = 0;
    for (const SwarmSource& source : file_.sources) {
      count += ((begunBy(source, part) | blocksOf(source, part)) & blocks) != 0;
    }
    return count;
  }

  /// A site that still fetches is about to have the blocks.
  bool isBegunElsewhere(size_t part, BlockSet blocks) const {
    for (size_t i = 0; i < fetches_.size(); ++i) {
      const SwarmSource& source = file_.sources[i];
      if (fetches_[i] && contains(begunBy(source, part), blocks) &&
          !contains(blocksOf(source, part), blocks) &&
          std::min(secondsSince(source, part), secondsLeft(source, part, blocks)) <= begunLimit_) {
        return true;
      }
    }
    return false;
  }

  /// A source other than the asked one has the part. One that has some blocks of it is no help with
  /// the rest.
  bool othersHave(size_t part) const {
    for (size_t i = 0; i < fetches_.size(); ++i) {
      if (i != file_.asked && has(file_.sources[i], part)) return true;
    }
    return false;
  }

  /// Seconds until sites that still fetch could have given the blocks; infinite if none has them.
  double waitFor(size_t part, BlockSet blocks) const {
    double wait = kNever;
    for (size_t i = 0; i < fetches_.size(); ++i) {
      if (i != file_.asked && fetches_[i] && contains(blocksOf(file_.sources[i], part), blocks)) {
        wait = std::min(wait, waitOf(file_.sources[i]));
      }
    }
    return wait;
  }

  /// Seconds that all sources together need for what is missing.
  double restSeconds(double downloadRate) const {
    double bytes = 0;
    for (const SwarmSource& source : file_.sources) bytes += static_cast<double>(source.backlog);
    const double askedRate = file_.sources[file_.asked].rate;
    return bytes / (downloadRate + (askedRate > 0 ? askedRate : kAssumedRate));
  }

  double partSeconds() const { return partSeconds_; }

 private:
  const SwarmFile& file_;
  std::vector<bool> fetches_;
  double partSeconds_;
  double begunLimit_;
};

/// The parts that are taken from a source in stripes of blocks.
std::vector<bool> splitParts(const SwarmFile& file, bool splits) {
  const size_t count = file.parts.size();
  std::vector<bool> isSplit(count, false);
  if (!splits) return isSplit;
  std::vector<std::pair<uint64_t, size_t>> order;
  for (size_t i = 0; i < count; ++i) order.emplace_back(mix(file.seed + i), i);
  const size_t splitCount = std::min(kSplitParts, count);
  std::partial_sort(order.begin(), order.begin() + splitCount, order.end());
  for (size_t i = 0; i < splitCount; ++i) isSplit[order[i].second] = true;
  return isSplit;
}

struct Stripe {
  /// Sites that come before us, of those that still fetch.
  uint32_t turn = 0;
  /// Ascending from the heaviest of our own parts; for other sites' from their lightest.
  uint64_t order = 0;
};

Stripe stripeOf(const SwarmFile& file, const Sources& sources, uint64_t ownSite, size_t part,
                size_t stripeIndex) {
  const uint64_t partSeed = mix(mix(file.seed ^ part) + stripeIndex);
  const uint64_t ownWeight = mix(partSeed ^ ownSite);
  uint64_t heaviest = ownWeight;
  Stripe stripe;
  for (size_t i = 0; i < file.sources.size(); ++i) {
    if (!sources.fetches(i)) continue;
    const uint64_t weight = mix(partSeed ^ file.sources[i].site);
    if (weight > ownWeight) ++stripe.turn;
    heaviest = std::max(heaviest, weight);
  }
  stripe.order = stripe.turn > 0 ? heaviest : ~ownWeight;
  return stripe;
}

}  // namespace

uint64_t SwarmScheduler::seedOf(const uint8_t* bytes) {
  uint64_t seed = 0;
  for (int half = 0; half < 2; ++half) {
    uint64_t word = 0;
    for (int i = 0; i < 8; ++i) word = (word << 8) | bytes[half * 8 + i];
    seed = mix(seed ^ word);
  }
  return seed;
}

std::optional<SwarmChoice> SwarmScheduler::next(const SwarmView& view) const {
  const double rate = view.downloadRate();
  const bool isIdle = rate < kIdleShare * view.bestDownloadRate();
  SwarmFile file;
  size_t left = kLookahead;
  for (size_t i = 0; i < view.fileCount() && left > 0; ++i) {
    if (!view.look(i, file)) continue;
    if (auto choice = choose(file, Scope::kOwn, isIdle, rate)) {
      choice->file = i;
      return choice;
    }
    --left;
  }
  for (size_t i = 0; i < view.fileCount(); ++i) {
    if (!view.look(i, file)) continue;
    if (auto choice = choose(file, Scope::kAny, isIdle, rate)) {
      choice->file = i;
      return choice;
    }
  }
  return std::nullopt;
}

std::optional<SwarmChoice> SwarmScheduler::choose(const SwarmFile& file, Scope scope, bool isIdle,
                                                  double downloadRate) const {
  const SwarmSource& asked = file.sources[file.asked];
  if (!asked.has) return std::nullopt;
  const Sources sources(file);
  const double patience =
      std::max(kPatience, kStragglerRatio * sources.restSeconds(downloadRate));
  const bool splits = file.relays && !sources.askedFetches() && sources.someFetch();
  const std::vector<bool> isSplit = splitParts(file, splits);
  // What is begun and left, then what is new, then help for others; the rarest first.
  using Rank = std::tuple<int, bool, uint32_t, uint32_t, uint64_t>;
  std::optional<SwarmChoice> best;
  Rank bestRank;
  for (uint32_t i = 0; i < file.parts.size(); ++i) {
    const SwarmPart& part = file.parts[i];
    const BlockSet open = part.open & blocksOf(asked, i);
    const size_t step = isSplit[i] ? kStripeBlocks : kPartBlocksMax;
    for (size_t first = 0; open >> first != 0; first += step) {
      const BlockSet blocks = allBlocksOf(file, i) & (isSplit[i] ? kStripe << first : kAllBlocks);
      const bool isBusy = (part.busy & blocks) != 0 && sources.othersHave(i);
      if ((open & blocks) == 0 || (scope == Scope::kOwn && isBusy)) continue;
      const double wait = sources.waitFor(i, blocks);
      // Begun and left: by us, or by somebody who is gone.
      const bool isOrphan = (part.begun & blocks) != 0 && !isBusy &&
                            (contains(part.taken, blocks) ||
                             (wait == kNever && !sources.isBegunElsewhere(i, blocks)));
      Stripe stripe;
      if (sources.askedFetches()) {
        // All that it has is needed; each site begins elsewhere, to have something for the others.
        stripe.order = mix(mix(file.seed ^ i) + ownSite_);
      } else {
        stripe = stripeOf(file, sources, ownSite_, i, first);
        if (wait != kNever && !isOrphan) {
          // Sites that still fetch have it: theirs to give, while they keep up.
          if (wait <= patience || scope == Scope::kOwn || !isIdle) continue;
          if (!isMuchSlower(wait, sources.partSeconds())) continue;
        } else if (!isOrphan && (sources.isBegunElsewhere(i, blocks) ||
                                 (stripe.turn > 0 && scope == Scope::kOwn))) {
          continue;
        }
      }
      const Rank rank{isBusy ? 2 : isOrphan ? 0 : 1, isSplit[i], sources.countOf(i, blocks),
                      stripe.turn, stripe.order};
      if (!best || rank < bestRank) {
        best = SwarmChoice{0, i, blocks};
        bestRank = rank;
      }
    }
  }
  return best;
}

std::vector<uint32_t> SwarmScheduler::blocks(const SwarmFile& file, const SwarmChoice& choice,
                                             size_t count) const {
  const SwarmSource& asked = file.sources[file.asked];
  const uint32_t part = choice.part;
  const BlockSet open = file.parts[part].open & choice.blocks & blocksOf(asked, part);
  // What fewest others can give first; of a site that still fetches each takes others, so that they
  // have something for one another.
  const bool fetches = asked.partCount < file.parts.size();
  std::vector<std::tuple<uint32_t, uint64_t, uint32_t>> order;
  for (uint32_t i = 0; i < kPartBlocksMax; ++i) {
    if ((open >> i & 1) == 0) continue;
    uint32_t others = 0;
    for (const SwarmSource& source : file.sources) {
      if (source.partCount < file.parts.size()) others += blocksOf(source, part) >> i & 1;
    }
    order.emplace_back(others, fetches ? mix(mix(file.seed ^ i) + ownSite_) : i, i);
  }
  std::sort(order.begin(), order.end());
  std::vector<uint32_t> taken;
  for (size_t i = 0; i < std::min(count, order.size()); ++i) {
    taken.push_back(std::get<2>(order[i]));
  }
  return taken;
}

std::vector<PendingBlock> SwarmScheduler::repeats(const std::vector<PendingBlock>& pending,
                                                  const SwarmSource& slow,
                                                  const SwarmSource& asked, size_t count) {
  std::vector<PendingBlock> found;
  uint64_t ahead = 0, taken = 0;
  for (const PendingBlock& block : pending) ahead += block.size;
  // The one that would come last first.
  for (auto block = pending.rbegin(); block != pending.rend() && found.size() < count; ++block) {
    if (!isMuchSlower(secondsFor(slow, ahead), secondsFor(asked, taken + block->size))) break;
    ahead -= block->size;
    if (block->fixed) continue;
    taken += block->size;
    found.push_back(*block);
  }
  return found;
}

std::vector<uint64_t> SwarmScheduler::backlogsOf(const SwarmFile& file) {
  std::vector<uint64_t> backlogs(file.sources.size());
  for (size_t part = 0; part < file.parts.size(); ++part) {
    const uint32_t missing = file.parts[part].missing;
    if (missing == 0) continue;
    uint32_t fetching = 0, complete = 0;
    for (const SwarmSource& source : file.sources) {
      if (!source.serves || !has(source, part)) continue;
      ++(source.partCount < file.parts.size() ? fetching : complete);
    }
    for (size_t i = 0; i < backlogs.size(); ++i) {
      const SwarmSource& source = file.sources[i];
      if (!has(source, part)) continue;
      if (source.partCount < file.parts.size()) {
        backlogs[i] += missing / std::max(fetching, 1u);
      } else if (fetching == 0) {
        backlogs[i] += missing / std::max(complete, 1u);
      }
    }
  }
  return backlogs;
}

}  // namespace muleplex
