// SPDX-License-Identifier: GPL-2.0-or-later
// Finds the positions where a windowed gear hash (chunker.h) is small. No hash needs more than the
// 32 bytes before it, so stretches of the bytes are hashed side by side.
#ifndef MULEPLEX_CORE_GEAR_SCAN_H_
#define MULEPLEX_CORE_GEAR_SCAN_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace muleplex {

inline constexpr size_t kGearWindow = 32;
/// Bytes that one scan takes at most, each of which may be a match.
inline constexpr size_t kGearScanMax = 32 * 1024;

/// The two tables of sixteen words, and G[b] = low[b & 15] ^ high[b >> 4] for each byte.
struct GearTable {
  constexpr GearTable(const std::array<uint32_t, 16>& lowWords,
                      const std::array<uint32_t, 16>& highWords)
      : low(lowWords), high(highWords) {
    for (size_t byte = 0; byte < 256; ++byte) all[byte] = low[byte & 15] ^ high[byte >> 4];
  }

  std::array<uint32_t, 16> low;
  std::array<uint32_t, 16> high;
  std::array<uint32_t, 256> all{};
};

/// What a scan writes of each p in (from, to] with h(p) < below.
enum class GearResult { kPositions, kHashes };

/// In any order, in memory of the calling thread until its next scan. `from` is at least
/// kGearWindow, `to - from` at most kGearScanMax. Uses the kernels that cpuLevel() allows.
template <GearResult kResult>
std::span<const uint32_t> gearScan(const GearTable& table, const uint8_t* data, size_t from,
                                   size_t to, uint32_t below);

/// Words that a kernel of vectors may write behind those that it counts.
inline constexpr size_t kGearScanSlack = 16;

#if defined(__x86_64__)
/// Writes the same to `out` and returns their count, for `to - from` a multiple of 256. Only where
/// the processor has AVX-512 F, BW, VL and DQ.
template <GearResult kResult>
size_t gearScanAvx512(const GearTable& table, const uint8_t* data, size_t from, size_t to,
                      uint32_t below, uint32_t* out);
#endif

}  // namespace muleplex

#endif  // MULEPLEX_CORE_GEAR_SCAN_H_
