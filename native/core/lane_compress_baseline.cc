// SPDX-License-Identifier: GPL-2.0-or-later
// Four lanes: SSE2 on x86-64, NEON on arm64.
#define MULEPLEX_VECTOR_LANES 4
#include "lane_compress.inc"

namespace muleplex {

const LaneKernels kBaselineLanes = kKernels;

}  // namespace muleplex
