// SPDX-License-Identifier: GPL-2.0-or-later
// Sizes of the eD2k network, as aMule has them (PARTSIZE and EMBLOCKSIZE).
#ifndef MULEPLEX_CORE_ED2K_LAYOUT_H_
#define MULEPLEX_CORE_ED2K_LAYOUT_H_

#include <cstdint>

namespace muleplex {

inline constexpr uint64_t kPartSize = 9'728'000;
/// AICH leaf. A part does not divide evenly: it is 52 blocks and a short one of 143,360 bytes.
inline constexpr uint64_t kBlockSize = 184'320;

}  // namespace muleplex

#endif  // MULEPLEX_CORE_ED2K_LAYOUT_H_
