// SPDX-License-Identifier: GPL-2.0-or-later
#include <openssl/evp.h>

#include "cpu_level.h"
#include "crypto.h"
#include "hash_pair.h"
#include "lane_compress.h"
#include "lane_hash.h"
#include "md4.h"
#include "pair_lanes.h"
#include "sha256.h"
#include "sha256_compress.h"
#include "test.h"

namespace muleplex {
namespace {

using test::asBytes;
using test::Bytes;
using test::testBytes;
using test::toHex;

std::string md4Hex(std::string_view text) {
  uint8_t out[kMd4Size];
  md4(asBytes(text), text.size(), out);
  return toHex(out, sizeof out);
}

std::string sha256Hex(const uint8_t* data, size_t size) {
  uint8_t out[kSha256Size];
  sha256(data, size, out);
  return toHex(out, sizeof out);
}

TEST("MD4 gives the digests of RFC 1320, A.5") {
  EXPECT(md4Hex("") == "31d6cfe0d16ae931b73c59d7e0c089c0");
  EXPECT(md4Hex("a") == "bde52cb31de33e46245e05fbdbd6fb24");
  EXPECT(md4Hex("abc") == "a448017aaf21d8525fc10ae87aa6729d");
  EXPECT(md4Hex("message digest") == "d9130a8164549fe818874806e1c7014b");
  EXPECT(md4Hex("abcdefghijklmnopqrstuvwxyz") == "d79e1c308aa5bbcdeea8ed63df412da9");
  EXPECT(md4Hex("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") ==
         "043f8582f241db351ce627e153e7f0e4");
  EXPECT(md4Hex("1234567890123456789012345678901234567890"
                "1234567890123456789012345678901234567890") == "e33b4ddc9c38f2199c3e7b164fcc0536");
}

TEST("SHA-256 equals OpenSSL's at every length around the blocks") {
  const Bytes data = testBytes(300);
  for (size_t size = 0; size <= data.size(); ++size) {
    uint8_t expected[kSha256Size];
    EVP_Digest(data.data(), size, expected, nullptr, EVP_sha256(), nullptr);
    EXPECT(sha256Hex(data.data(), size) == toHex(expected, sizeof expected));
  }
}

TEST("a digest does not depend on how the message is split") {
  const Bytes data = testBytes(200);
  for (size_t first = 0; first <= data.size(); ++first) {
    for (const size_t second : {first, (first + data.size()) / 2}) {
      Md4 split;
      Sha256 sha;
      for (const auto& [from, to] :
           {std::pair<size_t, size_t>{0, first}, {first, second}, {second, data.size()}}) {
        split.update(data.data() + from, to - from);
        sha.update(data.data() + from, to - from);
      }
      uint8_t out[kSha256Size];
      split.finish(out);
      EXPECT(toHex(out, kMd4Size) ==
             md4Hex({reinterpret_cast<const char*>(data.data()), data.size()}));
      sha.finish(out);
      EXPECT(toHex(out, kSha256Size) == sha256Hex(data.data(), data.size()));
    }
  }
}

TEST("a finished hash starts again") {
  Sha256 hash;
  uint8_t first[kSha256Size], second[kSha256Size];
  hash.update(asBytes("abc"), 3);
  hash.finish(first);
  hash.update(asBytes("abc"), 3);
  hash.finish(second);
  EXPECT(toHex(first, sizeof first) == toHex(second, sizeof second));
}

#if defined(__x86_64__)
TEST("the SHA instructions and plain C++ compress alike") {
  if (!sha256HasShaInstructions()) return;
  const Bytes data = testBytes(64 * 17);
  for (size_t blockCount = 0; blockCount <= 17; ++blockCount) {
    uint32_t plain[8] = {1, 2, 3, 4, 5, 6, 7, 0xffffffffu};
    uint32_t fast[8] = {1, 2, 3, 4, 5, 6, 7, 0xffffffffu};
    sha256CompressPortable(plain, data.data(), blockCount);
    sha256CompressShaInstructions(fast, data.data(), blockCount);
    EXPECT(std::memcmp(plain, fast, sizeof plain) == 0);
  }
}
#endif

TEST("hashes of several messages at once are those of each alone") {
  const Bytes data = testBytes(40 * 1000 + 5000, 7);
  for (const size_t size : {0, 1, 55, 56, 63, 64, 65, 119, 120, 128, 1000, 4096}) {
    for (const size_t count : {1, 2, 3, 4, 5, 8, 16, 17, 31, 32, 33, 40}) {
      std::vector<const uint8_t*> messages;
      for (size_t m = 0; m < count; ++m) messages.push_back(data.data() + 1000 * m + m % 3);
      Bytes md4s(count * kMd4Size), sha1s(count * kSha1Size), sha256s(count * kSha256Size);
      md4Lanes(messages.data(), count, size, md4s.data());
      sha1Lanes(messages.data(), count, size, sha1s.data());
      sha256Lanes(messages.data(), count, size, sha256s.data());
      for (size_t m = 0; m < count; ++m) {
        uint8_t out[kSha256Size];
        md4(messages[m], size, out);
        EXPECT(std::equal(out, out + kMd4Size, md4s.data() + m * kMd4Size));
        sha256(messages[m], size, out);
        EXPECT(std::equal(out, out + kSha256Size, sha256s.data() + m * kSha256Size));
        Sha1 sha1;
        sha1.update(messages[m], size);
        const Sha1Digest digest = sha1.finish();
        EXPECT(std::equal(digest.begin(), digest.end(), sha1s.data() + m * kSha1Size));
      }
    }
  }
}

TEST("both hashes of messages read side by side are those of each alone") {
  const Bytes data = testBytes(8 * 1000 + 5000, 9);
  for (const size_t size : {0, 1, 63, 64, 65, 120, 1000, 4096}) {
    for (size_t count = 1; count <= PairLanes::kMessagesMax; ++count) {
      PairLanes lanes(count);
      for (size_t start = 0; start < size;) {
        // Pieces of one block, two, three, ..., and what is left.
        const size_t taken = std::min(size - start, start + kHashBlockSize);
        const uint8_t* pieces[PairLanes::kMessagesMax];
        for (size_t m = 0; m < count; ++m) pieces[m] = data.data() + 1000 * m + m % 3 + start;
        lanes.update(pieces, taken);
        start += taken;
      }
      Bytes md4s(count * kMd4Size), sha256s(count * kSha256Size);
      lanes.finish(md4s.data(), sha256s.data());
      for (size_t m = 0; m < count; ++m) {
        uint8_t out[kSha256Size];
        md4(data.data() + 1000 * m + m % 3, size, out);
        EXPECT(std::equal(out, out + kMd4Size, md4s.data() + m * kMd4Size));
        sha256(data.data() + 1000 * m + m % 3, size, out);
        EXPECT(std::equal(out, out + kSha256Size, sha256s.data() + m * kSha256Size));
      }
    }
  }
}

TEST("both hashes of the same bytes are those of each alone, whatever the pieces") {
  const Bytes data = testBytes(10'000, 5);
  for (const size_t step : {1u, 63u, 64u, 65u, 200u, 10'000u}) {
    Md4 md4s;
    Sha256 sha256s;
    for (size_t start = 0; start < data.size(); start += step) {
      updatePair(md4s, sha256s, data.data() + start, std::min(step, data.size() - start));
    }
    uint8_t found[kSha256Size], expected[kSha256Size];
    md4s.finish(found);
    md4(data.data(), data.size(), expected);
    EXPECT(std::equal(expected, expected + kMd4Size, found));
    sha256s.finish(found);
    sha256(data.data(), data.size(), expected);
    EXPECT(std::equal(expected, expected + kSha256Size, found));
  }
}

/// Both kernels over the same blocks, each message with bytes of its own.
void expectSameLanes(const LaneCompress& left, const LaneCompress& right, size_t words) {
  const Bytes data = testBytes(kLanesMax * 64 * 3, 8);
  for (size_t first = 0; first < kLanesMax; ++first) {
    const uint8_t* rotated[kLanesMax];
    for (size_t m = 0; m < kLanesMax; ++m) {
      rotated[m] = data.data() + (first + m) % kLanesMax * 64 * 3;
    }
    uint32_t states[2][8 * kLanesMax] = {};
    left.compress(states[0], rotated, 3);
    right.compress(states[1], rotated, 3);
    for (size_t m = 0; m < std::min(left.lanes, right.lanes); ++m) {
      for (size_t w = 0; w < words; ++w) {
        EXPECT(states[0][w * left.lanes + m] == states[1][w * right.lanes + m]);
      }
    }
  }
}

TEST("every instruction set gives the same") {
#if defined(__x86_64__)
  for (const auto& [kernels, level] : {std::pair{&kAvx2Lanes, CpuLevel::kAvx2},
                                       std::pair{&kNarrowAvx512Lanes, CpuLevel::kAvx512},
                                       std::pair{&kMiddleAvx512Lanes, CpuLevel::kAvx512},
                                       std::pair{&kAvx512Lanes, CpuLevel::kAvx512}}) {
    if (cpuLevel() < level) continue;
    expectSameLanes(kBaselineLanes.md4, kernels->md4, 4);
    expectSameLanes(kBaselineLanes.sha1, kernels->sha1, 5);
    expectSameLanes(kBaselineLanes.sha256, kernels->sha256, 8);
  }
  if (sha256HasShaInstructions()) {
    expectSameLanes(kBaselineLanes.sha256, {2, sha256CompressTwo}, 8);
  }
#endif
}

}  // namespace
}  // namespace muleplex
