// SPDX-License-Identifier: GPL-2.0-or-later
// Speed of the kernels on data in memory: prints a line "name GB/s" each, the best of a few runs.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "aich_hasher.h"
#include "chunker.h"
#include "ed2k_layout.h"
#include "huge_buffer.h"
#include "lane_hash.h"
#include "md4.h"
#include "sha256.h"

namespace muleplex {
namespace {

constexpr size_t kPartCount = 32;
constexpr size_t kDataSize = kPartCount * kPartSize;
constexpr int kRuns = 5;

/// Bytes without pattern (a linear congruential generator modulo 2^64, its high bits).
void fill(uint8_t* data, size_t size) {
  uint64_t state = 1;
  for (size_t i = 0; i < size; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    data[i] = static_cast<uint8_t>(state >> 56);
  }
}

template <typename Kernel>
void measure(const char* name, size_t size, Kernel kernel) {
  double best = 0;
  for (int run = 0; run < kRuns; ++run) {
    const auto start = std::chrono::steady_clock::now();
    kernel();
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    best = std::max(best, static_cast<double>(size) / taken.count() / 1e9);
  }
  std::printf("%s %.3f\n", name, best);
}

void measureHashes(uint8_t* data) {
  std::vector<const uint8_t*> parts;
  for (size_t part = 0; part < kPartCount; ++part) parts.push_back(data + part * kPartSize);
  std::vector<uint8_t> digests(kPartCount * kSha256Size);
  measure("md4-many", kDataSize,
          [&] { md4Lanes(parts.data(), kPartCount, kPartSize, digests.data()); });
  measure("md4-one", kPartSize, [&] { md4(data, kPartSize, digests.data()); });
  measure("aich", kDataSize, [&] {
    AichHasher hasher;
    hasher.update(data, kDataSize);
    hasher.finish();
  });
  measure("sha256-many", kDataSize,
          [&] { sha256Lanes(parts.data(), kPartCount, kPartSize, digests.data()); });
  measure("sha256-one", kPartSize, [&] { sha256(data, kPartSize, digests.data()); });
}

void measureChunker(uint8_t* data) {
  for (const uint32_t average : {16u * 1024, 64u * 1024, 1024u * 1024}) {
    const Chunker chunker(data, average);
    const std::string name = "chunker-" + std::to_string(average / 1024) + "k";
    measure(name.c_str(), kDataSize, [&] { chunker.cut(data, kDataSize, true); });
  }
  HugeBuffer copy(kDataSize);
  std::memset(copy.data(), 1, kDataSize);
  measure("memcpy", kDataSize, [&] { std::memcpy(copy.data(), data, kDataSize); });
}

}  // namespace
}  // namespace muleplex

int main(int argc, char** argv) {
  const std::string what = argc == 2 ? argv[1] : "";
  if (what != "hash" && what != "chunk") {
    std::fprintf(stderr, "usage: kernels hash|chunk\n");
    return 2;
  }
  muleplex::HugeBuffer buffer(muleplex::kDataSize);
  muleplex::fill(buffer.data(), muleplex::kDataSize);
  if (what == "hash") {
    muleplex::measureHashes(buffer.data());
  } else {
    muleplex::measureChunker(buffer.data());
  }
  return 0;
}
