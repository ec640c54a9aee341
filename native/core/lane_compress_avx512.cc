// SPDX-License-Identifier: GPL-2.0-or-later
// Built with AVX-512 F, BW, VL and DQ; only lane_group.cc calls it.
#ifndef __AVX512BW__
#error "this file needs its compile options, see CMakeLists.txt"
#endif
#define MULEPLEX_VECTOR_LANES 16
#include "lane_compress.inc"

namespace muleplex {

const LaneKernels kAvx512Lanes = kKernels;

}  // namespace muleplex
