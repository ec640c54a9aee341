// SPDX-License-Identifier: GPL-2.0-or-later
#include "pair_lanes.h"

#include <algorithm>
#include <cstring>

#include "block_hash.h"
#include "check.h"
#include "hash_pair.h"

namespace muleplex {
namespace {

/// For so few, the two hashes of each in turn are no slower.
constexpr size_t kAloneMax = 2;

}  // namespace

PairLanes::PairLanes(size_t count) : count_(count) {
  MULEPLEX_CHECK(count > 0 && count <= kMessagesMax);
  if (count <= kAloneMax) {
    alone_.resize(count);
    return;
  }
  const LaneCompress& md4 = md4Kernel(count);
  MULEPLEX_CHECK(count <= md4.lanes);
  md4_.emplace_back(md4, kMd4Shape, count);
  const LaneCompress& sha256 = sha256Kernel(count);
  sha256Lanes_ = sha256.lanes;
  for (size_t first = 0; first < count; first += sha256.lanes) {
    sha256_.emplace_back(sha256, kSha256Shape, std::min(sha256.lanes, count - first));
  }
}

void PairLanes::update(const uint8_t* const* pieces, size_t size) {
  MULEPLEX_CHECK(size_ % kHashBlockSize == 0);
  size_ += size;
  for (size_t m = 0; m < alone_.size(); ++m) {
    updatePair(alone_[m].md4, alone_[m].sha256, pieces[m], size);
  }
  if (!alone_.empty()) return;
  const size_t blockCount = size / kHashBlockSize;
  md4_[0].update(pieces, blockCount);
  for (size_t g = 0; g < sha256_.size(); ++g) {
    sha256_[g].update(pieces + g * sha256Lanes_, blockCount);
  }
  const size_t wholeSize = blockCount * kHashBlockSize;
  for (size_t m = 0; m < count_; ++m) {
    if (size > wholeSize) std::memcpy(rests_[m], pieces[m] + wholeSize, size - wholeSize);
  }
}

void PairLanes::finish(uint8_t* md4Digests, uint8_t* sha256Digests) {
  for (size_t m = 0; m < alone_.size(); ++m) {
    alone_[m].md4.finish(md4Digests + m * kMd4Size);
    alone_[m].sha256.finish(sha256Digests + m * kSha256Size);
  }
  if (!alone_.empty()) return;
  const uint8_t* rests[kMessagesMax];
  for (size_t m = 0; m < count_; ++m) rests[m] = rests_[m];
  md4_[0].finish(rests, size_, md4Digests);
  for (size_t g = 0; g < sha256_.size(); ++g) {
    const size_t first = g * sha256Lanes_;
    sha256_[g].finish(rests + first, size_, sha256Digests + first * kSha256Size);
  }
}

}  // namespace muleplex
