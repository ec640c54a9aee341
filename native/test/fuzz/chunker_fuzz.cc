// SPDX-License-Identifier: GPL-2.0-or-later
// Whatever the tables, the bytes and the split: chunks cover the stream within their bounds, and
// the split does not matter.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "check.h"
#include "chunker.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using muleplex::Chunker;
  if (size < muleplex::kGearTableBytes + 2) return 0;
  const Chunker chunker(data, muleplex::kChunkAverageMin);
  const size_t seed = data[muleplex::kGearTableBytes] + 256u * data[muleplex::kGearTableBytes + 1];
  const uint8_t* pattern = data + muleplex::kGearTableBytes + 2;
  const size_t patternSize = size - muleplex::kGearTableBytes - 2;
  // Inputs are far shorter than chunks: repeat them, a little changed each time.
  std::vector<uint8_t> stream(60'000);
  for (size_t i = 0; i < stream.size() && patternSize > 0; ++i) {
    stream[i] = static_cast<uint8_t>(pattern[i % patternSize] + i / patternSize * (seed & 3));
  }
  const std::vector<uint32_t> whole = chunker.cut(stream.data(), stream.size(), true);
  size_t sum = 0;
  for (size_t i = 0; i < whole.size(); ++i) {
    sum += whole[i];
    MULEPLEX_CHECK(whole[i] <= chunker.maxSize() && whole[i] > 0);
    MULEPLEX_CHECK(whole[i] >= chunker.minSize() || i + 1 == whole.size());
  }
  MULEPLEX_CHECK(sum == stream.size());
  const size_t split = seed % stream.size();
  std::vector<uint32_t> parts = chunker.cut(stream.data(), split, false);
  size_t start = 0;
  for (const uint32_t length : parts) start += length;
  for (const uint32_t length : chunker.cut(stream.data() + start, stream.size() - start, true)) {
    parts.push_back(length);
  }
  MULEPLEX_CHECK(parts == whole);
  return 0;
}
