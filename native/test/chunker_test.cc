// SPDX-License-Identifier: GPL-2.0-or-later
#include "chunker.h"

#include <algorithm>
#include <numeric>

#include "chunk_namer.h"
#include "test.h"

namespace muleplex {
namespace {

using test::Bytes;
using test::testBytes;

constexpr uint32_t kAverage = 4096;

Chunker testChunker(uint64_t seed = 7, uint32_t average = kAverage) {
  return Chunker(testBytes(kGearTableBytes, seed).data(), average);
}

TEST("only powers of two within the bounds are averages") {
  EXPECT(isChunkAverage(4096) && isChunkAverage(65536) && isChunkAverage(1048576));
  EXPECT(!isChunkAverage(0) && !isChunkAverage(2048) && !isChunkAverage(65535));
  EXPECT(!isChunkAverage(2097152) && !isChunkAverage(uint64_t{1} << 40));
}

TEST("chunks cover the stream, keep to the bounds and have about the average length") {
  const Bytes data = testBytes(4'000'000);
  const Chunker chunker = testChunker();
  const auto lengths = chunker.cut(data.data(), data.size(), true);
  EXPECT(std::accumulate(lengths.begin(), lengths.end(), size_t{0}) == data.size());
  for (size_t i = 0; i + 1 < lengths.size(); ++i) {
    EXPECT(lengths[i] >= chunker.minSize() && lengths[i] <= chunker.maxSize());
  }
  const double mean = static_cast<double>(data.size()) / static_cast<double>(lengths.size());
  EXPECT(mean > 0.9 * kAverage && mean < 1.1 * kAverage);
}

TEST("boundaries do not depend on how the stream is buffered") {
  const Bytes data = testBytes(300'000);
  const Chunker chunker = testChunker();
  const auto expected = chunker.cut(data.data(), data.size(), true);
  for (const size_t step : {1000u, 1023u, 4096u, 16384u, 16385u, 100'000u}) {
    std::vector<uint32_t> lengths;
    size_t start = 0;
    for (size_t end = 0; end < data.size();) {
      end = std::min(data.size(), end + step);
      const auto some = chunker.cut(data.data() + start, end - start, end == data.size());
      lengths.insert(lengths.end(), some.begin(), some.end());
      start = std::accumulate(lengths.begin(), lengths.end(), size_t{0});
    }
    EXPECT(lengths == expected);
  }
}

TEST("after an insertion the boundaries meet again") {
  const Bytes data = testBytes(400'000);
  Bytes changed = data;
  changed.insert(changed.begin() + 1000, 333, 0x5a);
  const Chunker chunker = testChunker();
  const auto before = chunker.cut(data.data(), data.size(), true);
  const auto after = chunker.cut(changed.data(), changed.size(), true);
  size_t common = 0;
  while (common < std::min(before.size(), after.size()) &&
         before[before.size() - 1 - common] == after[after.size() - 1 - common]) {
    ++common;
  }
  EXPECT(before.size() - common < 6);
}

TEST("another gear key gives other boundaries") {
  const Bytes data = testBytes(100'000);
  EXPECT(testChunker(7).cut(data.data(), data.size(), true) !=
         testChunker(8).cut(data.data(), data.size(), true));
}

TEST("bytes that never or always hit give chunks of the longest or shortest length") {
  const Chunker chunker = testChunker();
  for (int byte = 0; byte < 256; ++byte) {
    const Bytes data(5 * chunker.maxSize(), static_cast<uint8_t>(byte));
    for (const uint32_t length : chunker.cut(data.data(), data.size(), false)) {
      EXPECT(length == chunker.maxSize() || length == chunker.minSize());
    }
  }
}

TEST("a chunk ends nowhere before its end is certain") {
  const Chunker chunker = testChunker();
  const Bytes data = testBytes(chunker.maxSize());
  const uint32_t length = chunker.cut(data.data(), data.size(), false).front();
  EXPECT(length >= chunker.minSize());
  for (size_t size = 1; size < length; size += 101) {
    EXPECT(chunker.cut(data.data(), size, false).empty());
    EXPECT(chunker.cut(data.data(), size, true) == std::vector{static_cast<uint32_t>(size)});
  }
  EXPECT(chunker.cut(data.data(), length, false) == std::vector{length});
}

TEST("ids are HMACs of the chunks in order, however many and whatever their lengths") {
  const Bytes data = testBytes(400'000), key = testBytes(kKeySize, 9);
  const ChunkNamer namer{SecretKey(key.data())};
  HmacSha256 hmac{SecretKey(key.data())};
  const uint32_t kinds[] = {1, 63, 64, 65, 127, 128, 70'000, 119, 120, 183, 55, 192, 300, 2, 1000};
  for (size_t count = 0; count <= 50; ++count) {
    std::vector<uint32_t> lengths;
    for (size_t i = 0; i < count; ++i) lengths.push_back(kinds[i % std::size(kinds)]);
    const NamedChunks chunks = nameChunks(namer, data.data(), lengths);
    EXPECT(chunks.lengths == lengths && chunks.ids.size() == count * kHmacSize);
    size_t offset = 0;
    for (size_t i = 0; i < count; ++i) {
      const HmacDigest id = hmac.mac(data.data() + offset, lengths[i]);
      EXPECT(std::equal(id.begin(), id.end(), chunks.ids.begin() + static_cast<ptrdiff_t>(32 * i)));
      offset += lengths[i];
    }
    EXPECT(chunks.consumed == offset);
  }
}

}  // namespace
}  // namespace muleplex
