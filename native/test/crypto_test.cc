// SPDX-License-Identifier: GPL-2.0-or-later
#include "crypto.h"

#include "test.h"

namespace muleplex {
namespace {

using test::asBytes;
using test::Bytes;
using test::fromHex;
using test::testBytes;
using test::toHex;

SecretKey keyOfHex(std::string_view hex) { return SecretKey(fromHex(hex).data()); }

TEST("SHA-1 gives the digest of FIPS 180 for abc, twice") {
  Sha1 sha1;
  for (int i = 0; i < 2; ++i) {
    sha1.update(asBytes("abc"), 3);
    const Sha1Digest digest = sha1.finish();
    EXPECT(toHex(digest.data(), digest.size()) == "a9993e364706816aba3e25717850c26c9cd0d89d");
  }
}

TEST("HMAC-SHA-256 gives the same for the same message under one context") {
  // RFC 4231, test case 1, with its 20-byte key filled up with zeros, which HMAC does itself.
  HmacSha256 hmac(keyOfHex("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b000000000000000000000000"));
  for (int i = 0; i < 3; ++i) {
    const HmacDigest digest = hmac.mac(asBytes("Hi There"), 8);
    EXPECT(toHex(digest.data(), digest.size()) ==
           "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  }
}

TEST("HKDF-Expand gives the output of RFC 5869, A.1") {
  Bytes out(42);
  const Bytes info = fromHex("f0f1f2f3f4f5f6f7f8f9");
  hkdfExpand(keyOfHex("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5"),
             {reinterpret_cast<const char*>(info.data()), info.size()}, out.data(), out.size());
  EXPECT(toHex(out.data(), out.size()) ==
         "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
}

TEST("AES-256-GCM gives the ciphertext and tag of the GCM specification, test case 14") {
  Aes256Gcm cipher;
  const SecretKey zero = keyOfHex(std::string(64, '0'));
  const Bytes plain(16);
  Bytes sealed(32);
  cipher.seal(zero, nullptr, 0, plain.data(), plain.size(), sealed.data());
  EXPECT(toHex(sealed.data(), sealed.size()) ==
         "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919");
}

TEST("a sealed message opens only as it was, under its key and associated data") {
  Aes256Gcm cipher;
  const Bytes key = testBytes(kKeySize, 1), otherKey = testBytes(kKeySize, 2);
  const Bytes aad = testBytes(47, 3), plain = testBytes(1000, 4);
  Bytes sealed(plain.size() + kGcmTagSize), opened(plain.size());
  cipher.seal(SecretKey(key.data()), aad.data(), aad.size(), plain.data(), plain.size(),
              sealed.data());
  const auto open = [&](const Bytes& withKey, const Bytes& withAad, const Bytes& message) {
    return cipher.open(SecretKey(withKey.data()), withAad.data(), withAad.size(), message.data(),
                       plain.size(), opened.data());
  };
  EXPECT(open(key, aad, sealed) && opened == plain);
  EXPECT(!open(otherKey, aad, sealed));
  EXPECT(!open(key, testBytes(47, 5), sealed));
  for (size_t i = 0; i < sealed.size(); i += 37) {
    Bytes changed = sealed;
    changed[i] ^= 1;
    EXPECT(!open(key, aad, changed));
  }
}

}  // namespace
}  // namespace muleplex
