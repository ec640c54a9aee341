// SPDX-License-Identifier: GPL-2.0-or-later
#include "similarity.h"

#include <vector>

#include "test.h"

namespace muleplex {
namespace {

using test::Bytes;
using test::testBytes;

SuperFeatures featuresOf(const Bytes& bytes) { return superFeatures(bytes.data(), bytes.size()); }

size_t commonOf(const SuperFeatures& first, const SuperFeatures& second) {
  size_t common = 0;
  for (size_t i = 0; i < kSuperFeatureCount; ++i) common += first[i] == second[i] ? 1 : 0;
  return common;
}

TEST("a chunk with a small change keeps most super-features, another chunk has none of them") {
  size_t common = 0;
  for (uint8_t seed = 1; seed <= 20; ++seed) {
    const Bytes bytes = testBytes(60'000, seed);
    Bytes changed = bytes;
    changed.insert(changed.begin() + 20'000, 500, 7);
    common += commonOf(featuresOf(bytes), featuresOf(changed));
    EXPECT(commonOf(featuresOf(bytes), featuresOf(testBytes(60'000, seed + 100))) == 0);
  }
  EXPECT(common >= 70);
}

TEST("super-features do not depend on where the bytes lie within the chunk's stretches") {
  // The same content with what is sampled in other stretches: only places move.
  Bytes bytes = testBytes(8'000, 3);
  const SuperFeatures features = featuresOf(bytes);
  bytes.insert(bytes.end(), 4'000, 0);
  EXPECT(commonOf(features, featuresOf(bytes)) == kSuperFeatureCount);
}

TEST("chunks without a sampled position have no super-feature") {
  for (const size_t size : {0, 1, 31, 32, 33}) {
    EXPECT(featuresOf(Bytes(size, 0)) == SuperFeatures{});
  }
}

}  // namespace
}  // namespace muleplex
