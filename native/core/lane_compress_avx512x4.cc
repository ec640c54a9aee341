// SPDX-License-Identifier: GPL-2.0-or-later
// Four lanes with the instructions of AVX-512 F, BW, VL and DQ, which rotate, and combine three
// words at once; only lane_group.cc calls it.
#ifndef __AVX512VL__
#error "this file needs its compile options, see CMakeLists.txt"
#endif
#define MULEPLEX_VECTOR_LANES 4
#include "lane_compress.inc"

namespace muleplex {

const LaneKernels kNarrowAvx512Lanes = kKernels;

}  // namespace muleplex
