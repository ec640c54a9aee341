// SPDX-License-Identifier: GPL-2.0-or-later
// How much each of several may have of what is there for all of them. Pure, and C++11, as the core
// includes it.
#ifndef MULEPLEX_CORE_FAIR_SHARE_H_
#define MULEPLEX_CORE_FAIR_SHARE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace muleplex {

/// The most that anybody gets, so that together they get `total` at most: who wants less leaves the
/// rest to the others. `unlimited` when there is enough for all.
inline uint32_t fairShare(std::vector<uint32_t> wanted, uint32_t total, uint32_t unlimited) {
  std::sort(wanted.begin(), wanted.end());
  for (size_t i = 0; i < wanted.size(); ++i) {
    const uint32_t share = static_cast<uint32_t>(total / (wanted.size() - i));
    if (wanted[i] > share) return share;
    total -= wanted[i];
  }
  return unlimited;
}

}  // namespace muleplex

#endif  // MULEPLEX_CORE_FAIR_SHARE_H_
