// SPDX-License-Identifier: GPL-2.0-or-later
#include "gear_scan.h"

#include <algorithm>
#include <span>
#include <vector>

#include "cpu_level.h"
#include "little_endian.h"
#include "test.h"

namespace muleplex {
namespace {

using test::Bytes;
using test::testBytes;

/// Of the matches of a scan, each in its own order.
struct Found {
  std::vector<uint32_t> positions;
  std::vector<uint32_t> hashes;

  bool operator==(const Found&) const = default;
};

GearTable testTable() {
  const Bytes words = testBytes(128, 9);
  std::array<uint32_t, 16> low{}, high{};
  for (size_t i = 0; i < 16; ++i) {
    low[i] = u32At(&words[4 * i]);
    high[i] = u32At(&words[64 + 4 * i]);
  }
  return {low, high};
}

std::vector<uint32_t> sorted(std::span<const uint32_t> words) {
  std::vector<uint32_t> result(words.begin(), words.end());
  std::ranges::sort(result);
  return result;
}

/// By the definition in chunker.h.
Found expected(const Bytes& data, size_t from, size_t to, uint32_t below) {
  const GearTable table = testTable();
  Found found;
  for (size_t position = from + 1; position <= to; ++position) {
    uint32_t hash = 0;
    for (size_t k = 0; k < kGearWindow; ++k) {
      const uint8_t byte = data[position - 1 - k];
      hash += (table.low[byte & 15] ^ table.high[byte >> 4]) << k;
    }
    if (hash >= below) continue;
    found.positions.push_back(static_cast<uint32_t>(position));
    found.hashes.push_back(hash);
  }
  return {found.positions, sorted(found.hashes)};
}

Found scanned(const Bytes& data, size_t from, size_t to, uint32_t below) {
  const auto scan = [&]<GearResult kResult>() {
    return sorted(gearScan<kResult>(testTable(), data.data(), from, to, below));
  };
  return {scan.operator()<GearResult::kPositions>(), scan.operator()<GearResult::kHashes>()};
}

TEST("a scan finds every small hash once, whatever its bounds") {
  const Bytes data = testBytes(kGearScanMax + 100, 3);
  for (const uint32_t below : {0u, 1u << 20, 1u << 27, UINT32_MAX}) {
    for (const size_t size : {0u, 1u, 31u, 255u, 256u, 257u, 4'097u}) {
      for (const size_t from : {32u, 33u, 95u}) {
        EXPECT(scanned(data, from, from + size, below) == expected(data, from, from + size, below));
      }
    }
  }
  const size_t end = 40 + kGearScanMax;
  EXPECT(scanned(data, 40, end, 1 << 25) == expected(data, 40, end, 1 << 25));
}

TEST("a scan has room when each byte matches") {
  const Bytes data(kGearScanMax + kGearWindow, 0);
  const GearTable zeros({}, {});
  const auto countOf = [&]<GearResult kResult>() {
    return gearScan<kResult>(zeros, data.data(), kGearWindow, data.size(), 1).size();
  };
  EXPECT(countOf.operator()<GearResult::kPositions>() == kGearScanMax);
  EXPECT(countOf.operator()<GearResult::kHashes>() == kGearScanMax);
}

#if defined(__x86_64__)
TEST("the kernel of vectors finds the same") {
  if (cpuLevel() != CpuLevel::kAvx512) return;
  const Bytes data = testBytes(9'000, 4);
  for (const size_t size : {0u, 256u, 512u, 8'192u}) {
    const auto scan = [&]<GearResult kResult>() {
      std::vector<uint32_t> found(8'192 + kGearScanSlack);
      found.resize(gearScanAvx512<kResult>(testTable(), data.data(), 50, 50 + size, 1 << 26,
                                           found.data()));
      return sorted(found);
    };
    const Found found{scan.operator()<GearResult::kPositions>(),
                      scan.operator()<GearResult::kHashes>()};
    EXPECT(found == expected(data, 50, 50 + size, 1 << 26));
  }
}
#endif

}  // namespace
}  // namespace muleplex
