// SPDX-License-Identifier: GPL-2.0-or-later
#include "crypto.h"

#include <algorithm>

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

/// By OpenSSL, whatever this processor has.
Bytes sealedByOpenSsl(const Bytes& key, uint64_t nonce, const Bytes& aad, const Bytes& plain) {
  const std::unique_ptr<EVP_CIPHER_CTX, OpenSslDeleter> context(EVP_CIPHER_CTX_new());
  uint8_t iv[12] = {};
  for (size_t i = 0; i < 8; ++i) iv[11 - i] = static_cast<uint8_t>(nonce >> (8 * i));
  Bytes sealed(plain.size() + kGcmTagSize);
  int written = 0;
  EXPECT(EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key.data(), iv) == 1);
  if (!aad.empty()) {
    EXPECT(EVP_EncryptUpdate(context.get(), nullptr, &written, aad.data(),
                             static_cast<int>(aad.size())) == 1);
  }
  if (!plain.empty()) {
    EXPECT(EVP_EncryptUpdate(context.get(), sealed.data(), &written, plain.data(),
                             static_cast<int>(plain.size())) == 1);
  }
  EXPECT(EVP_EncryptFinal_ex(context.get(), sealed.data() + plain.size(), &written) == 1);
  EXPECT(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kGcmTagSize,
                             sealed.data() + plain.size()) == 1);
  return sealed;
}

// All sizes up to three chunks of 256 bytes, so every rest of a chunk comes after none and after
// whole ones, and sizes of records.
TEST("a stream seals to OpenSSL's bytes and opens them, in place too, at every size") {
  std::vector<size_t> sizes = {4096, 65537, 184343, 262144};
  for (size_t size = 0; size <= 768; ++size) sizes.push_back(size);
  for (const size_t size : sizes) {
    const Bytes key = testBytes(kKeySize, size), plain = testBytes(size, size + 1);
    const Bytes aad = testBytes(size % 37, size + 2);
    const uint64_t nonce = size * 0x0123456789abcdefu;
    GcmStream seal(SecretKey(key.data()), GcmStream::Direction::kSeal);
    GcmStream open(SecretKey(key.data()), GcmStream::Direction::kOpen);
    // A byte more on each side, which must stay, at an odd address.
    Bytes room(size + kGcmTagSize + 2, 0xa5);
    std::copy(plain.begin(), plain.end(), room.begin() + 1);
    seal.seal(nonce, aad.data(), aad.size(), room.data() + 1, size, room.data() + 1);
    EXPECT(Bytes(room.begin() + 1, room.end() - 1) == sealedByOpenSsl(key, nonce, aad, plain));
    EXPECT(room.front() == 0xa5 && room.back() == 0xa5);
    EXPECT(open.open(nonce, aad.data(), aad.size(), room.data() + 1, size, room.data() + 1));
    EXPECT(std::equal(plain.begin(), plain.end(), room.begin() + 1) && room.back() == 0xa5);
  }
}

TEST("a stream does not open what was changed in any byte, or under another nonce") {
  for (const size_t size : {size_t{1}, size_t{300}}) {
    const Bytes key = testBytes(kKeySize, 1), aad = testBytes(20, 2), plain = testBytes(size, 3);
    const Bytes sealed = sealedByOpenSsl(key, 7, aad, plain);
    GcmStream stream(SecretKey(key.data()), GcmStream::Direction::kOpen);
    Bytes opened(size);
    const auto open = [&](uint64_t nonce, const Bytes& withAad, const Bytes& message) {
      return stream.open(nonce, withAad.data(), withAad.size(), message.data(), size,
                         opened.data());
    };
    EXPECT(open(7, aad, sealed) && opened == plain);
    EXPECT(!open(8, aad, sealed));
    EXPECT(!open(7, testBytes(19, 2), sealed));
    for (size_t i = 0; i < sealed.size(); ++i) {
      Bytes changed = sealed;
      changed[i] ^= 0x80;
      EXPECT(!open(7, aad, changed));
    }
  }
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
