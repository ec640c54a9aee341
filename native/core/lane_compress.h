// SPDX-License-Identifier: GPL-2.0-or-later
// The compression functions behind lane_hash.h, for each instruction set; lane_hash.cc chooses.
#ifndef MULEPLEX_CORE_LANE_COMPRESS_H_
#define MULEPLEX_CORE_LANE_COMPRESS_H_

#include <cstddef>
#include <cstdint>

namespace muleplex {

/// Messages that one call takes at most.
inline constexpr size_t kLanesMax = 32;

struct LaneCompress {
  /// Messages that one call takes.
  size_t lanes = 0;
  /// Compresses `blockCount` blocks of 64 bytes of each message. Word w of message m is
  /// state[w * lanes + m].
  void (*compress)(uint32_t* state, const uint8_t* const* data, size_t blockCount) = nullptr;
};

struct LaneKernels {
  LaneCompress md4;
  LaneCompress sha1;
  LaneCompress sha256;
};

extern const LaneKernels kBaselineLanes;
#if defined(__x86_64__)
/// To be called only where the processor has AVX2, or AVX-512 F, BW, VL and DQ.
extern const LaneKernels kAvx2Lanes;
extern const LaneKernels kAvx512Lanes;
/// As kAvx512Lanes, with as few lanes as AVX2, and as the baseline.
extern const LaneKernels kMiddleAvx512Lanes;
extern const LaneKernels kNarrowAvx512Lanes;
#endif

}  // namespace muleplex

#endif  // MULEPLEX_CORE_LANE_COMPRESS_H_
