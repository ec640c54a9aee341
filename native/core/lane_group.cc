// SPDX-License-Identifier: GPL-2.0-or-later
#include "lane_group.h"

#include <span>

#include "block_hash.h"
#include "check.h"
#include "cpu_level.h"
#include "sha256_compress.h"

namespace muleplex {
namespace {

/// MD4 begins with the first four of these.
constexpr uint32_t kSha1Initial[5] = {0x67452301u, 0xefcdab89u, 0x98badcfeu, 0x10325476u,
                                      0xc3d2e1f0u};

/// The kernels of this processor, those of the fewest lanes first. A step of a narrow vector is
/// sooner done, and loads and transposes less.
std::span<const LaneKernels* const> kernelsByWidth() {
#if defined(__x86_64__)
  static constexpr const LaneKernels* kAvx512[] = {&kNarrowAvx512Lanes, &kMiddleAvx512Lanes,
                                                   &kAvx512Lanes};
  static constexpr const LaneKernels* kAvx2[] = {&kBaselineLanes, &kAvx2Lanes};
  if (cpuLevel() == CpuLevel::kAvx512) return kAvx512;
  if (cpuLevel() == CpuLevel::kAvx2) return kAvx2;
#endif
  static constexpr const LaneKernels* kBaseline[] = {&kBaselineLanes};
  return kBaseline;
}

const LaneCompress& fittingKernel(LaneCompress LaneKernels::* hash, size_t count) {
  const auto kernels = kernelsByWidth();
  for (const LaneKernels* each : kernels.first(kernels.size() - 1)) {
    if (count <= (each->*hash).lanes) return each->*hash;
  }
  return kernels.back()->*hash;
}

#if defined(__x86_64__)
constexpr LaneCompress kShaInstructions = {2, sha256CompressTwo};

/// AVX-512 does more than four messages sooner than the SHA instructions do two at a time; AVX2
/// never does.
bool useShaInstructions(size_t count) {
  if (!sha256UsesShaInstructions()) return false;
  return cpuLevel() != CpuLevel::kAvx512 || count <= kNarrowAvx512Lanes.sha256.lanes;
}
#endif

void storeWord(uint8_t* out, uint32_t word, bool isBigEndian) {
  for (size_t i = 0; i < 4; ++i) {
    out[i] = static_cast<uint8_t>(word >> (8 * (isBigEndian ? 3 - i : i)));
  }
}

}  // namespace

const LaneShape kMd4Shape = {4, kSha1Initial, false};
const LaneShape kSha1Shape = {5, kSha1Initial, true};
const LaneShape kSha256Shape = {8, kSha256Initial, true};

const LaneCompress& md4Kernel(size_t count) {
  return fittingKernel(&LaneKernels::md4, count);
}

const LaneCompress& sha1Kernel(size_t count) {
  return fittingKernel(&LaneKernels::sha1, count);
}

const LaneCompress& sha256Kernel(size_t count) {
#if defined(__x86_64__)
  if (useShaInstructions(count)) return kShaInstructions;
#endif
  return fittingKernel(&LaneKernels::sha256, count);
}

LaneGroup::LaneGroup(const LaneCompress& kernel, const LaneShape& shape, size_t count)
    : kernel_(kernel), shape_(shape), count_(count) {
  MULEPLEX_CHECK(count > 0 && count <= kernel.lanes);
  for (size_t w = 0; w < shape.words; ++w) {
    for (size_t m = 0; m < kernel.lanes; ++m) state_[w * kernel.lanes + m] = shape.initial[w];
  }
}

void LaneGroup::update(const uint8_t* const* messages, size_t blockCount) {
  const uint8_t* data[kLanesMax];
  for (size_t m = 0; m < kernel_.lanes; ++m) data[m] = messages[m < count_ ? m : 0];
  kernel_.compress(state_, data, blockCount);
}

void LaneGroup::finish(const uint8_t* const* rests, uint64_t size, uint8_t* digests) {
  uint8_t tails[kLanesMax][2 * kHashBlockSize];
  const uint8_t* data[kLanesMax];
  size_t blockCount = 0;
  for (size_t m = 0; m < count_; ++m) {
    blockCount = padHashTail(tails[m], rests[m], size, shape_.isBigEndian);
    data[m] = tails[m];
  }
  update(data, blockCount);
  for (size_t m = 0; m < count_; ++m) {
    for (size_t w = 0; w < shape_.words; ++w, digests += 4) {
      storeWord(digests, state_[w * kernel_.lanes + m], shape_.isBigEndian);
    }
  }
}

}  // namespace muleplex
