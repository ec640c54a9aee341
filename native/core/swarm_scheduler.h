// SPDX-License-Identifier: GPL-2.0-or-later
// What to ask of whom while several sites fetch the same files: a pure function of what is known,
// without a socket, a clock or state of its own. The core asks it, and so does the simulation of
// the native tests.
//
// To let one copy leave the publisher, each site takes other parts from it (its stripe) and the
// rest from the other sites. All sites draw for each part the same order of those that still fetch
// (the highest hash of site and part first), take from the publisher the parts that they come first
// for, then, when these are through, those at the far end of the others' order that nobody has
// begun. Sites tell each other which parts they have, which they have begun to take from the
// publisher, and which blocks of unfinished parts they can give already.
#ifndef MULEPLEX_CORE_SWARM_SCHEDULER_H_
#define MULEPLEX_CORE_SWARM_SCHEDULER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "ed2k_layout.h"

namespace muleplex {

using PartSet = std::vector<bool>;

/// Blocks of a part, bit i for block i.
using BlockSet = uint64_t;
/// A part has at most 53 blocks.
inline constexpr size_t kPartBlocksMax = (kPartSize + kBlockSize - 1) / kBlockSize;
inline constexpr BlockSet kAllBlocks = (BlockSet{1} << kPartBlocksMax) - 1;

/// A part of a file that is fetched, as it looks for the source that is to be asked.
struct SwarmPart {
  /// Bytes that are not here, requested or not.
  uint32_t missing = 0;
  /// Blocks of which some bytes are neither here nor requested, and may be asked for.
  BlockSet open = 0;
  /// Blocks of which some bytes are here.
  BlockSet begun = 0;
  /// Blocks that the others were told we begin, and leave to us.
  BlockSet taken = 0;
  /// Blocks that sources other than the asked one have requests in.
  BlockSet busy = 0;
};

/// A connected source of a file.
struct SwarmSource {
  /// Identity of its site, the same number at every site.
  uint64_t site = 0;
  /// What it has and may give; null while it has not told.
  const PartSet* has = nullptr;
  /// How many parts it has.
  uint32_t partCount = 0;
  /// Of each part, what it has begun to fetch and is about to have; null for nothing.
  const std::vector<BlockSet>* begun = nullptr;
  /// Of each part, when it last told so; and the time now. Milliseconds that wrap.
  const std::vector<uint32_t>* begunAtMs = nullptr;
  uint32_t nowMs = 0;
  /// Of each part that it does not have, the blocks that it may give already; null for nothing.
  const std::vector<BlockSet>* blocks = nullptr;
  /// Requests can be expected to be answered now.
  bool serves = false;
  /// It has just been given its first requests: what it can do is not known yet.
  bool onTrial = false;
  /// Bytes per second while it had requests, 0 while unknown.
  double rate = 0;
  /// Bytes that it is expected to give to us, over all files.
  uint64_t backlog = 0;
};

struct SwarmFile {
  /// Differs from file to file, the same at every site.
  uint64_t seed = 0;
  std::vector<SwarmPart> parts;
  /// Sites can give blocks on before their part is whole.
  bool relays = false;
  /// How many blocks the last part has.
  uint32_t lastBlockCount = kPartBlocksMax;
  std::vector<SwarmSource> sources;
  /// Index of the source that is to be asked.
  size_t asked = 0;
};

/// The files that are fetched, as they look for one source that is to be asked.
class SwarmView {
 public:
  virtual ~SwarmView() = default;
  /// Files, the most urgent first.
  virtual size_t fileCount() const = 0;
  /// False if the source has nothing to give of that file; `file` is undefined then.
  virtual bool look(size_t index, SwarmFile& file) const = 0;
  /// What comes from all sources together, in bytes per second: now, and at best so far.
  virtual double downloadRate() const = 0;
  virtual double bestDownloadRate() const = 0;
};

struct SwarmChoice {
  size_t file = 0;
  uint32_t part = 0;
  /// Blocks of the part: all of them, or a stripe.
  BlockSet blocks = kAllBlocks;
};

/// A block that was requested and has not come.
struct PendingBlock {
  uint64_t start = 0;
  uint32_t size = 0;
  /// Two sources were asked for it already, or it is to come from one source alone.
  bool fixed = false;
};

class SwarmScheduler {
 public:
  explicit SwarmScheduler(uint64_t ownSite) : ownSite_(ownSite) {}

  /// The part to take next from the source that the view is for; of several files the most urgent
  /// one that it has work of its own in. Nothing if it is better left alone, or has nothing.
  std::optional<SwarmChoice> next(const SwarmView& view) const;

  /// The blocks to take of the choice from the asked source, at most `count`, in this order.
  std::vector<uint32_t> blocks(const SwarmFile& file, const SwarmChoice& choice,
                               size_t count) const;

  /// Of the blocks that `slow` was asked for, in that order, those to request from `asked` as well,
  /// at most `count`. For the end, when there is nothing else to request.
  static std::vector<PendingBlock> repeats(const std::vector<PendingBlock>& pending,
                                           const SwarmSource& slow, const SwarmSource& asked,
                                           size_t count);

  /// Bytes that each source is expected to give of a file. Those of a part that sites have which
  /// still fetch are shared among these, others among all who have the part.
  static std::vector<uint64_t> backlogsOf(const SwarmFile& file);

  /// Evenly spread hash of 16 bytes, the same on every machine.
  static uint64_t seedOf(const uint8_t* bytes);

 private:
  enum class Scope { kOwn, kAny };

  /// Of one file.
  std::optional<SwarmChoice> choose(const SwarmFile& file, Scope scope, bool isIdle,
                                    double downloadRate) const;

  uint64_t ownSite_;
};

}  // namespace muleplex

#endif  // MULEPLEX_CORE_SWARM_SCHEDULER_H_
