// SPDX-License-Identifier: GPL-2.0-or-later
// Eight lanes with the instructions of AVX-512 F, BW, VL and DQ; only lane_group.cc calls it.
#ifndef __AVX512VL__
#error "this file needs its compile options, see CMakeLists.txt"
#endif
#define MULEPLEX_VECTOR_LANES 8
#include "lane_compress.inc"

namespace muleplex {

const LaneKernels kMiddleAvx512Lanes = kKernels;

}  // namespace muleplex
