// SPDX-License-Identifier: GPL-2.0-or-later
#include "fair_share.h"

#include <random>

#include "test.h"

namespace muleplex {
namespace {

constexpr uint32_t kUnlimited = 1000;

TEST("everybody gets what he wants while there is enough") {
  EXPECT(fairShare({}, 0, kUnlimited) == kUnlimited);
  EXPECT(fairShare({30, 10, 60}, 100, kUnlimited) == kUnlimited);
}

TEST("who wants little gets it, the others share the rest") {
  EXPECT(fairShare({60, 10, 31}, 100, kUnlimited) == 59);
  EXPECT(fairShare({200, 8, 200, 8}, 100, kUnlimited) == 42);
  EXPECT(fairShare({200, 200, 200}, 100, kUnlimited) == 33);
  EXPECT(fairShare({5, 5, 5}, 2, kUnlimited) == 0);
}

TEST("together they never get more than there is, and no more than a rest is left over") {
  std::mt19937 random(1);
  for (int round = 0; round < 1000; ++round) {
    std::vector<uint32_t> wanted(random() % 70);
    for (uint32_t& each : wanted) each = random() % 300;
    const uint32_t total = random() % 3000;
    const uint32_t share = fairShare(wanted, total, kUnlimited);
    uint32_t given = 0;
    for (const uint32_t each : wanted) given += std::min(each, share);
    EXPECT(given <= total);
    if (share != kUnlimited) EXPECT(total - given < wanted.size());
  }
}

}  // namespace
}  // namespace muleplex
