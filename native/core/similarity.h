// SPDX-License-Identifier: GPL-2.0-or-later
// Super-features of a chunk: chunks that share one have much content in common, so one is a good
// base for a delta of the other.
//
// Sampled positions are those where a gear hash of the 32 bytes before is below 2^25. A feature is
// the largest value of one linear function over the hashes there; a super-feature is a hash of
// three features. After Zou et al., "Odess: Speeding up Resemblance Detection for Redundancy
// Elimination by Fast Content-Defined Sampling" (ICDE 2021). The values are hints of one site,
// never part of a format.
#ifndef MULEPLEX_CORE_SIMILARITY_H_
#define MULEPLEX_CORE_SIMILARITY_H_

#include <array>
#include <cstddef>
#include <cstdint>

namespace muleplex {

inline constexpr size_t kSuperFeatureCount = 4;

/// 0 stands for none: a chunk without a sampled position has four of them.
using SuperFeatures = std::array<uint32_t, kSuperFeatureCount>;

SuperFeatures superFeatures(const uint8_t* data, size_t size);

}  // namespace muleplex

#endif  // MULEPLEX_CORE_SIMILARITY_H_
