// SPDX-License-Identifier: GPL-2.0-or-later
// Built with -mavx2; only lane_group.cc calls it.
#ifndef __AVX2__
#error "this file needs its compile options, see CMakeLists.txt"
#endif
#define MULEPLEX_VECTOR_LANES 8
#include "lane_compress.inc"

namespace muleplex {

const LaneKernels kAvx2Lanes = kKernels;

}  // namespace muleplex
