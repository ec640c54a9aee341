// SPDX-License-Identifier: GPL-2.0-or-later
#include "lane_hash.h"

#include <algorithm>

#include "block_hash.h"
#include "cpu_level.h"
#include "crypto.h"
#include "lane_compress.h"
#include "md4.h"
#include "sha256.h"
#include "sha256_compress.h"

namespace muleplex {
namespace {

constexpr size_t kWordsMax = 8;

const LaneKernels& kernels() {
#if defined(__x86_64__)
  if (cpuLevel() == CpuLevel::kAvx512) return kAvx512Lanes;
  if (cpuLevel() == CpuLevel::kAvx2) return kAvx2Lanes;
#endif
  return kBaselineLanes;
}

/// What differs between the hashes beside their compression.
struct Shape {
  size_t words;
  const uint32_t* initial;
  bool isBigEndian;
};

void storeWord(uint8_t* out, uint32_t word, bool isBigEndian) {
  for (size_t i = 0; i < 4; ++i) {
    out[i] = static_cast<uint8_t>(word >> (8 * (isBigEndian ? 3 - i : i)));
  }
}

/// At most as many messages as the kernel has lanes; the lanes left over repeat the first.
void hashGroup(const LaneCompress& kernel, const Shape& shape, const uint8_t* const* messages,
               size_t count, size_t size, uint8_t* digests) {
  const uint8_t* data[kLanesMax];
  alignas(64) uint32_t state[kWordsMax * kLanesMax];
  for (size_t m = 0; m < kernel.lanes; ++m) {
    data[m] = messages[m < count ? m : 0];
    for (size_t w = 0; w < shape.words; ++w) state[w * kernel.lanes + m] = shape.initial[w];
  }
  const size_t wholeBlocks = size / kHashBlockSize;
  kernel.compress(state, data, wholeBlocks);
  uint8_t tails[kLanesMax][2 * kHashBlockSize];
  size_t blockCount = 0;
  for (size_t m = 0; m < kernel.lanes; ++m) {
    const uint8_t* rest = data[m] + wholeBlocks * kHashBlockSize;
    blockCount = padHashTail(tails[m], rest, size, shape.isBigEndian);
    data[m] = tails[m];
  }
  kernel.compress(state, data, blockCount);
  for (size_t m = 0; m < count; ++m) {
    for (size_t w = 0; w < shape.words; ++w, digests += 4) {
      storeWord(digests, state[w * kernel.lanes + m], shape.isBigEndian);
    }
  }
}

/// Fewer messages than an eighth of the lanes are faster one at a time, by `one`.
template <typename One>
void hashAll(const LaneCompress& kernel, const Shape& shape, const uint8_t* const* messages,
             size_t count, size_t size, uint8_t* digests, One one) {
  while (count > 0) {
    const size_t group = std::min(count, kernel.lanes);
    if (group < kernel.lanes / 8) {
      for (size_t m = 0; m < group; ++m) one(messages[m], digests + m * 4 * shape.words);
    } else {
      hashGroup(kernel, shape, messages, group, size, digests);
    }
    messages += group;
    digests += group * 4 * shape.words;
    count -= group;
  }
}

/// MD4 begins with the first four of these.
constexpr uint32_t kSha1Initial[5] = {0x67452301u, 0xefcdab89u, 0x98badcfeu, 0x10325476u,
                                      0xc3d2e1f0u};

#if defined(__x86_64__)
constexpr LaneCompress kShaInstructions = {2, sha256CompressTwo};
#endif

const LaneCompress& sha256Kernel() {
#if defined(__x86_64__)
  if (cpuLevel() != CpuLevel::kBaseline && sha256HasShaInstructions()) return kShaInstructions;
#endif
  return kernels().sha256;
}

}  // namespace

void md4Lanes(const uint8_t* const* messages, size_t count, size_t size, uint8_t* digests) {
  hashAll(kernels().md4, {4, kSha1Initial, false}, messages, count, size, digests,
          [size](const uint8_t* message, uint8_t* out) { md4(message, size, out); });
}

void sha1Lanes(const uint8_t* const* messages, size_t count, size_t size, uint8_t* digests) {
  hashAll(kernels().sha1, {5, kSha1Initial, true}, messages, count, size, digests,
          [size](const uint8_t* message, uint8_t* out) {
            Sha1 hash;
            hash.update(message, size);
            const Sha1Digest digest = hash.finish();
            std::copy(digest.begin(), digest.end(), out);
          });
}

void sha256Lanes(const uint8_t* const* messages, size_t count, size_t size, uint8_t* digests) {
  hashAll(sha256Kernel(), {8, kSha256Initial, true}, messages, count, size, digests,
          [size](const uint8_t* message, uint8_t* out) { sha256(message, size, out); });
}

}  // namespace muleplex
