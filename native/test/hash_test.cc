// SPDX-License-Identifier: GPL-2.0-or-later
#include <openssl/evp.h>

#include "md4.h"
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

}  // namespace
}  // namespace muleplex
