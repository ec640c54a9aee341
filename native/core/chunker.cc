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
  uint32_t words[kGearTableBytes / 4];
  for (size_t i = 0; i < std::size(words); ++i) words[i] = u32At(tables + 4 * i);
  for (size_t byte = 0; byte < 256; ++byte)
    gear_[byte] = words[byte & 15] ^ words[16 + (byte >> 4)];
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
  for (size_t start = 0; start < size;) {
    const size_t length = nextLength(data + start, size - start, isLast);
    if (length == 0) break;
    lengths.push_back(static_cast<uint32_t>(length));
    start += length;
  }
  return lengths;
}

}  // namespace muleplex
