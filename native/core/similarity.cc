// SPDX-License-Identifier: GPL-2.0-or-later
#include "similarity.h"

#include <algorithm>
#include <span>

#include "gear_scan.h"

// The functions of a sample are taken side by side; the results are the same.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define MULEPLEX_ANY_VECTORS __attribute__((target_clones("avx2", "default")))
#else
#define MULEPLEX_ANY_VECTORS
#endif

namespace muleplex {
namespace {

constexpr size_t kGrouping = 3;
constexpr size_t kFeatureCount = kSuperFeatureCount * kGrouping;
/// One position in 128.
constexpr uint32_t kSampledBelow = uint32_t{1} << 25;

/// splitmix64: numbers without pattern for the constants below.
constexpr uint64_t next(uint64_t& state) {
  state += 0x9e3779b97f4a7c15;
  uint64_t value = state;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

template <size_t kCount>
constexpr std::array<uint32_t, kCount> nextWords(uint64_t& state, uint32_t setBits) {
  std::array<uint32_t, kCount> words{};
  for (uint32_t& word : words) word = static_cast<uint32_t>(next(state)) | setBits;
  return words;
}

struct Constants {
  uint64_t state = 1;
  GearTable gear{nextWords<16>(state, 0), nextWords<16>(state, 0)};
  std::array<uint32_t, kFeatureCount> factor = nextWords<kFeatureCount>(state, 1);
  std::array<uint32_t, kFeatureCount> summand = nextWords<kFeatureCount>(state, 0);
};

constexpr Constants kConstants;

using Features = std::array<uint32_t, kFeatureCount>;

inline void take(uint32_t hash, Features& features) {
  for (size_t i = 0; i < kFeatureCount; ++i) {
    features[i] = std::max(features[i], hash * kConstants.factor[i] + kConstants.summand[i]);
  }
}

/// The largest values over the samples.
MULEPLEX_ANY_VECTORS void takeAll(std::span<const uint32_t> samples, Features& features) {
  for (const uint32_t hash : samples) take(hash, features);
}

}  // namespace

SuperFeatures superFeatures(const uint8_t* data, size_t size) {
  SuperFeatures result{};
  Features features{};
  for (size_t from = kGearWindow; from < size;) {
    const size_t to = std::min(size, from + kGearScanMax);
    const auto samples =
        gearScan<GearResult::kHashes>(kConstants.gear, data, from, to, kSampledBelow);
    takeAll(samples, features);
    from = to;
  }
  // Without a sample all features are zero still.
  if (features == Features{}) return result;
  for (size_t group = 0; group < kSuperFeatureCount; ++group) {
    uint64_t state = group;
    for (size_t i = 0; i < kGrouping; ++i) {
      state ^= features[group * kGrouping + i];
      state = next(state);
    }
    result[group] = std::max<uint32_t>(static_cast<uint32_t>(state), 1);
  }
  return result;
}

}  // namespace muleplex
