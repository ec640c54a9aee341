// SPDX-License-Identifier: GPL-2.0-or-later
// Content-defined chunking with a keyed, windowed gear hash. Where a chunk ends depends only on the
// gear key, the average and the chunk's own bytes, never on how the stream was buffered.
//
// Tables  = HKDF-Expand(K_gear, "muleplex gear tables", 128) as 32 u32le: T0[0..15], T1[0..15].
// G[b]    = T0[b & 15] ^ T1[b >> 4]
// h(p)    = sum over k = 0..31 of (G[byte p-1-k] << k), modulo 2^32: the 32 bytes before p.
//           Equal to h = (h << 1) + G[byte] run over at least 32 bytes; earlier bytes shift out.
// average = a power of two from 4 KiB to 1 MiB; min = average / 4; max = average * 4;
// threshold = floor(2^34 / (3 * average)), so that min + the mean distance of hits is the average.
// A chunk that starts at s ends at the smallest p in [s + min, s + max) with h(p) < threshold, else
// at s + max; the end of the stream ends the last chunk, which may be shorter than min.
#ifndef MULEPLEX_CORE_CHUNKER_H_
#define MULEPLEX_CORE_CHUNKER_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "gear_scan.h"

namespace muleplex {

inline constexpr size_t kGearTableBytes = 128;
inline constexpr uint32_t kChunkAverageMin = 4 * 1024;
inline constexpr uint32_t kChunkAverageMax = 1024 * 1024;

/// True for a power of two within the bounds above.
bool isChunkAverage(uint64_t average);

/// Immutable after construction, so one may serve many threads.
class Chunker {
 public:
  /// `tables` is the HKDF output above; `average` must satisfy isChunkAverage().
  Chunker(const uint8_t tables[kGearTableBytes], uint32_t average);

  uint32_t minSize() const { return minSize_; }
  uint32_t maxSize() const { return maxSize_; }

  /// Lengths of the chunks from `data` on, whose ends are within `size`. With `isLast` the rest is a
  /// chunk too; else more bytes follow, and what is left is to be given again with them.
  std::vector<uint32_t> cut(const uint8_t* data, size_t size, bool isLast) const;

 private:
  size_t nextLength(const uint8_t* data, size_t size, bool isLast) const;

  GearTable gear_;
  uint32_t minSize_;
  uint32_t maxSize_;
  uint32_t threshold_;
};

}  // namespace muleplex

#endif  // MULEPLEX_CORE_CHUNKER_H_
