// SPDX-License-Identifier: GPL-2.0-or-later
#include "chunker.h"

#include <algorithm>
#include <bit>

#include "check.h"
#include "little_endian.h"

namespace muleplex {

static_assert(kChunkAverageMin / 4 >= kGearWindow, "the window must lie within the chunk");

bool isChunkAverage(uint64_t average) {
  return std::has_single_bit(average) && average >= kChunkAverageMin && average <= kChunkAverageMax;
}

Chunker::Chunker(const uint8_t tables[kGearTableBytes], uint32_t average)
    : minSize_(average / 4),
      maxSize_(average * 4),
      threshold_(static_cast<uint32_t>((uint64_t{1} << 34) / (3 * uint64_t{average}))) {
  MULEPLEX_CHECK(isChunkAverage(average));
  for (size_t i = 0; i < std::size(gear_.low); ++i) {
    gear_.low[i] = u32At(tables + 4 * i);
    gear_.high[i] = u32At(tables + kGearTableBytes / 2 + 4 * i);
  }
}

size_t Chunker::nextLength(const uint8_t* data, size_t size, bool isLast) const {
  const size_t end = std::min<size_t>(size, maxSize_);
  if (end >= minSize_) {
    uint32_t hash = 0;
    for (size_t i = minSize_ - kGearWindow; i < minSize_; ++i) hash = (hash << 1) + gear_[data[i]];
    size_t position = minSize_;
    while (hash >= threshold_ && position < end) hash = (hash << 1) + gear_[data[position++]];
    if (hash < threshold_ || position == maxSize_) return position;
  }
  return isLast ? size : 0;
}

std::vector<uint32_t> Chunker::cut(const uint8_t* data, size_t size, bool isLast) const {
  std::vector<uint32_t> lengths;
  const std::vector<uint32_t> hits = hitsIn(data, size);
  auto hit = hits.begin();
  for (size_t start = 0; start < size;) {
    const size_t end = std::min(size, start + maxSize_);
    hit = std::lower_bound(hit, hits.end(), start + minSize_);
    size_t next = start + maxSize_;
    if (hit != hits.end() && *hit <= end) next = *hit;
    if (next > size) {
      if (!isLast) break;
      next = size;
    }
    lengths.push_back(static_cast<uint32_t>(next - start));
    start = next;
  }
  return lengths;
}

/// Where a chunk that starts early enough may end, in order.
std::vector<uint32_t> Chunker::hitsIn(const uint8_t* data, size_t size) const {
  MULEPLEX_CHECK(size <= UINT32_MAX);
  std::vector<uint32_t> hits;
  for (size_t from = minSize_ - 1; from < size;) {
    const size_t to = std::min(size, from + kGearScanMax);
    const auto before = static_cast<ptrdiff_t>(hits.size());
    for (const GearMatch& match : gearScan(gear_, data, from, to, threshold_)) {
      hits.push_back(match.position);
    }
    std::sort(hits.begin() + before, hits.end());
    from = to;
  }
  return hits;
}

}  // namespace muleplex
