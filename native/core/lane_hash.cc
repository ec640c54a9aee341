// SPDX-License-Identifier: GPL-2.0-or-later
#include "lane_hash.h"

#include <algorithm>

#include "block_hash.h"
#include "crypto.h"
#include "lane_group.h"
#include "md4.h"
#include "sha256.h"

namespace muleplex {
namespace {

void hashGroup(const LaneCompress& kernel, const LaneShape& shape, const uint8_t* const* messages,
               size_t count, size_t size, uint8_t* digests) {
  LaneGroup group(kernel, shape, count);
  const size_t blockCount = size / kHashBlockSize;
  group.update(messages, blockCount);
  const uint8_t* rests[kLanesMax];
  for (size_t m = 0; m < count; ++m) rests[m] = messages[m] + blockCount * kHashBlockSize;
  group.finish(rests, size, digests);
}

/// Messages for no more than a quarter of the lanes are faster one at a time, by `one`.
template <typename One>
void hashAll(const LaneCompress& (*kernelFor)(size_t count), const LaneShape& shape,
             const uint8_t* const* messages, size_t count, size_t size, uint8_t* digests, One one) {
  while (count > 0) {
    const LaneCompress& kernel = kernelFor(count);
    const size_t group = std::min(count, kernel.lanes);
    if (4 * group <= kernel.lanes) {
      for (size_t m = 0; m < group; ++m) one(messages[m], digests + m * 4 * shape.words);
    } else {
      hashGroup(kernel, shape, messages, group, size, digests);
    }
    messages += group;
    digests += group * 4 * shape.words;
    count -= group;
  }
}

}  // namespace

void md4Lanes(const uint8_t* const* messages, size_t count, size_t size, uint8_t* digests) {
  hashAll(md4Kernel, kMd4Shape, messages, count, size, digests,
          [size](const uint8_t* message, uint8_t* out) { md4(message, size, out); });
}

void sha1Lanes(const uint8_t* const* messages, size_t count, size_t size, uint8_t* digests) {
  hashAll(sha1Kernel, kSha1Shape, messages, count, size, digests,
          [size](const uint8_t* message, uint8_t* out) {
            Sha1 hash;
            hash.update(message, size);
            const Sha1Digest digest = hash.finish();
            std::copy(digest.begin(), digest.end(), out);
          });
}

void sha256Lanes(const uint8_t* const* messages, size_t count, size_t size, uint8_t* digests) {
  hashAll(sha256Kernel, kSha256Shape, messages, count, size, digests,
          [size](const uint8_t* message, uint8_t* out) { sha256(message, size, out); });
}

}  // namespace muleplex
