// SPDX-License-Identifier: GPL-2.0-or-later
#include "gear_scan.h"

#include <algorithm>
#include <map>

#include "cpu_level.h"
#include "little_endian.h"
#include "test.h"

namespace muleplex {
namespace {

using test::Bytes;
using test::testBytes;
using Matches = std::map<uint32_t, uint32_t>;

GearTable testTable() {
  const Bytes words = testBytes(128, 9);
  std::array<uint32_t, 16> low{}, high{};
  for (size_t i = 0; i < 16; ++i) {
    low[i] = u32At(&words[4 * i]);
    high[i] = u32At(&words[64 + 4 * i]);
  }
  return {low, high};
}

/// By the definition in chunker.h.
Matches expected(const Bytes& data, size_t from, size_t to, uint32_t below) {
  const GearTable table = testTable();
  Matches matches;
  for (size_t position = from + 1; position <= to; ++position) {
    uint32_t hash = 0;
    for (size_t k = 0; k < kGearWindow; ++k) {
      const uint8_t byte = data[position - 1 - k];
      hash += (table.low[byte & 15] ^ table.high[byte >> 4]) << k;
    }
    if (hash < below) matches.emplace(static_cast<uint32_t>(position), hash);
  }
  return matches;
}

template <typename Found>
Matches sorted(const Found& found) {
  Matches matches;
  for (const GearMatch& match : found) {
    EXPECT(matches.emplace(match.position, match.hash).second);
  }
  return matches;
}

TEST("a scan finds every small hash once, whatever its bounds") {
  const Bytes data = testBytes(kGearScanMax + 100, 3);
  for (const uint32_t below : {0u, 1u << 20, 1u << 27, UINT32_MAX}) {
    for (const size_t size : {0u, 1u, 31u, 255u, 256u, 257u, 4'097u}) {
      for (const size_t from : {32u, 33u, 95u}) {
        const auto found = gearScan(testTable(), data.data(), from, from + size, below);
        EXPECT(sorted(found) == expected(data, from, from + size, below));
      }
    }
  }
  const auto all = gearScan(testTable(), data.data(), 40, 40 + kGearScanMax, 1 << 25);
  EXPECT(sorted(all) == expected(data, 40, 40 + kGearScanMax, 1 << 25));
}

TEST("a scan has room when each byte matches") {
  const Bytes data(kGearScanMax + kGearWindow, 0);
  const auto found = gearScan(GearTable({}, {}), data.data(), kGearWindow, data.size(), 1);
  EXPECT(sorted(found).size() == kGearScanMax);
}

#if defined(__x86_64__)
TEST("the kernel of vectors finds the same") {
  if (cpuLevel() != CpuLevel::kAvx512) return;
  const Bytes data = testBytes(9'000, 4);
  std::vector<GearMatch> found(8'192);
  for (const size_t size : {0u, 256u, 512u, 8'192u}) {
    found.resize(8'192);
    found.resize(gearScanAvx512(testTable(), data.data(), 50, 50 + size, 1 << 26, found.data()));
    EXPECT(sorted(found) == expected(data, 50, 50 + size, 1 << 26));
  }
}
#endif

}  // namespace
}  // namespace muleplex
