// SPDX-License-Identifier: GPL-2.0-or-later
// Messages of one length that a kernel of lane_compress.h hashes at once, from the initial words to
// the digests. What lane_hash.h and pair_lanes.h are made of.
#ifndef MULEPLEX_CORE_LANE_GROUP_H_
#define MULEPLEX_CORE_LANE_GROUP_H_

#include <cstddef>
#include <cstdint>

#include "lane_compress.h"

namespace muleplex {

/// What differs between the hashes beside their compression.
struct LaneShape {
  size_t words;
  const uint32_t* initial;
  bool isBigEndian;
};

extern const LaneShape kMd4Shape;
extern const LaneShape kSha1Shape;
extern const LaneShape kSha256Shape;

/// The fastest kernel of this processor for so many messages, of which it may take only some.
const LaneCompress& md4Kernel(size_t count);
const LaneCompress& sha1Kernel(size_t count);
const LaneCompress& sha256Kernel(size_t count);

class LaneGroup {
 public:
  /// 1 to kernel.lanes messages. Lanes that are left over repeat the first.
  LaneGroup(const LaneCompress& kernel, const LaneShape& shape, size_t count);

  /// The next blocks of each message.
  void update(const uint8_t* const* messages, size_t blockCount);

  /// Ends the messages, of `size` bytes in all, with what is left of each behind its last whole
  /// block. Writes the digests one after the other.
  void finish(const uint8_t* const* rests, uint64_t size, uint8_t* digests);

 private:
  static constexpr size_t kWordsMax = 8;

  LaneCompress kernel_;
  LaneShape shape_;
  size_t count_;
  alignas(64) uint32_t state_[kWordsMax * kLanesMax];
};

}  // namespace muleplex

#endif  // MULEPLEX_CORE_LANE_GROUP_H_
