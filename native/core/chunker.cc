// SPDX-License-Identifier: GPL-2.0-or-later
#include "chunker.h"

#include <algorithm>
#include <bit>

#include "check.h"
#include "little_endian.h"

namespace muleplex {

namespace {

/// What is scanned behind the end of a chunk is scanned for nothing.
constexpr size_t kScanSize = 8 * 1024;

std::array<uint32_t, 16> wordsAt(const uint8_t* bytes) {
  std::array<uint32_t, 16> words{};
  for (size_t i = 0; i < words.size(); ++i) words[i] = u32At(bytes + 4 * i);
  return words;
}

}  // namespace

static_assert(kChunkAverageMin / 4 > kGearWindow, "the window must lie within the chunk");

bool isChunkAverage(uint64_t average) {
  return std::has_single_bit(average) && average >= kChunkAverageMin && average <= kChunkAverageMax;
}

Chunker::Chunker(const uint8_t tables[kGearTableBytes], uint32_t average)
    : gear_(wordsAt(tables), wordsAt(tables + kGearTableBytes / 2)),
      minSize_(average / 4),
      maxSize_(average * 4),
      threshold_(static_cast<uint32_t>((uint64_t{1} << 34) / (3 * uint64_t{average}))) {
  MULEPLEX_CHECK(isChunkAverage(average));
}

std::vector<uint32_t> Chunker::cut(const uint8_t* data, size_t size, bool isLast) const {
  MULEPLEX_CHECK(size <= UINT32_MAX);
  std::vector<uint32_t> lengths;
  for (size_t start = 0; start < size;) {
    const size_t length = nextLength(data + start, size - start, isLast);
    if (length == 0) break;
    lengths.push_back(static_cast<uint32_t>(length));
    start += length;
  }
  return lengths;
}

/// 0 when the chunk's end is not within `size` and more bytes follow.
size_t Chunker::nextLength(const uint8_t* data, size_t size, bool isLast) const {
  const size_t end = std::min<size_t>(size, maxSize_);
  for (size_t from = minSize_ - 1; from < end;) {
    const size_t to = std::min(end, from + kScanSize);
    const auto ends = gearScan<GearResult::kPositions>(gear_, data, from, to, threshold_);
    if (!ends.empty()) return std::ranges::min(ends);
    from = to;
  }
  if (end == maxSize_) return end;
  return isLast ? size : 0;
}

}  // namespace muleplex
