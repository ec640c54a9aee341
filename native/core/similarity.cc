// SPDX-License-Identifier: GPL-2.0-or-later
#include "similarity.h"

#include <algorithm>

// The functions of a sample are taken side by side; the results are the same.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define MULEPLEX_ANY_VECTORS __attribute__((target_clones("avx2", "default")))
#else
#define MULEPLEX_ANY_VECTORS
#endif

namespace muleplex {
namespace {

constexpr size_t kWindow = 32;
constexpr size_t kLanes = 4;
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

struct Constants {
  std::array<uint32_t, 256> gear{};
  std::array<uint32_t, kFeatureCount> factor{};
  std::array<uint32_t, kFeatureCount> summand{};
};

constexpr Constants makeConstants() {
  Constants constants;
  uint64_t state = 1;
  for (uint32_t& value : constants.gear) value = static_cast<uint32_t>(next(state));
  for (uint32_t& value : constants.factor) value = static_cast<uint32_t>(next(state)) | 1;
  for (uint32_t& value : constants.summand) value = static_cast<uint32_t>(next(state));
  return constants;
}

constexpr Constants kConstants = makeConstants();

using Features = std::array<uint32_t, kFeatureCount>;

inline uint32_t roll(uint32_t hash, uint8_t byte) { return (hash << 1) + kConstants.gear[byte]; }

inline __attribute__((always_inline)) void take(uint32_t hash, Features& features) {
  if (hash >= kSampledBelow) return;
  for (size_t i = 0; i < kFeatureCount; ++i) {
    features[i] = std::max(features[i], hash * kConstants.factor[i] + kConstants.summand[i]);
  }
}

/// The hash before `data`, of the window that ends there.
uint32_t hashBefore(const uint8_t* data) {
  uint32_t hash = 0;
  for (const uint8_t* byte = data - kWindow; byte < data; ++byte) hash = roll(hash, *byte);
  return hash;
}

}  // namespace

MULEPLEX_ANY_VECTORS SuperFeatures superFeatures(const uint8_t* data, size_t size) {
  SuperFeatures result{};
  if (size < kWindow) return result;
  Features features{};
  // The window makes each hash independent of what is further back, so several stretches of the
  // chunk are walked side by side: one alone waits for its own last step.
  const size_t stretch = (size - kWindow) / kLanes;
  std::array<const uint8_t*, kLanes> at{};
  std::array<uint32_t, kLanes> hash{};
  for (size_t lane = 0; lane < kLanes; ++lane) {
    at[lane] = data + kWindow + lane * stretch;
    hash[lane] = hashBefore(at[lane]);
  }
  for (size_t i = 0; i < stretch; ++i) {
    uint32_t least = UINT32_MAX;
    for (size_t lane = 0; lane < kLanes; ++lane) {
      hash[lane] = roll(hash[lane], at[lane][i]);
      least = std::min(least, hash[lane]);
    }
    if (least < kSampledBelow) {
      for (const uint32_t value : hash) take(value, features);
    }
  }
  uint32_t last = hash[kLanes - 1];
  for (const uint8_t* byte = data + kWindow + kLanes * stretch; byte < data + size; ++byte) {
    last = roll(last, *byte);
    take(last, features);
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
