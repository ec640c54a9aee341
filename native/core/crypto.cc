// SPDX-License-Identifier: GPL-2.0-or-later
#include "crypto.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <algorithm>

#include "check.h"
#include "openssl_check.h"

namespace muleplex {
namespace {

// Frames and updates stay far below; OpenSSL counts cipher bytes in int.
constexpr size_t kCipherSizeMax = 1 << 30;

// Fetched once and kept for the life of the process: a fetch costs more than hashing a block.
const EVP_MD* sha1Algorithm() {
  static const EVP_MD* const kAlgorithm = EVP_MD_fetch(nullptr, "SHA1", nullptr);
  require(kAlgorithm != nullptr, "EVP_MD_fetch");
  return kAlgorithm;
}

EVP_MAC* hmacAlgorithm() {
  static EVP_MAC* const kAlgorithm = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  require(kAlgorithm != nullptr, "EVP_MAC_fetch");
  return kAlgorithm;
}

const EVP_CIPHER* gcmAlgorithm() {
  static const EVP_CIPHER* const kAlgorithm = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  require(kAlgorithm != nullptr, "EVP_CIPHER_fetch");
  return kAlgorithm;
}

constexpr uint8_t kZeroNonce[12] = {};

}  // namespace

SecretKey::SecretKey(const uint8_t bytes[kKeySize]) {
  std::copy(bytes, bytes + kKeySize, bytes_.begin());
}

SecretKey::~SecretKey() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }

Sha1::Sha1() : context_(EVP_MD_CTX_new()) {
  require(context_ != nullptr, "EVP_MD_CTX_new");
  reset();
}

void Sha1::reset() {
  require(EVP_DigestInit_ex2(context_.get(), sha1Algorithm(), nullptr) == 1, "EVP_DigestInit_ex2");
}

void Sha1::update(const uint8_t* data, size_t size) {
  require(EVP_DigestUpdate(context_.get(), data, size) == 1, "EVP_DigestUpdate");
}

Sha1Digest Sha1::finish() {
  Sha1Digest digest;
  require(EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr) == 1, "EVP_DigestFinal_ex");
  reset();
  return digest;
}

HmacSha256::HmacSha256(const SecretKey& key) : context_(EVP_MAC_CTX_new(hmacAlgorithm())) {
  require(context_ != nullptr, "EVP_MAC_CTX_new");
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_end()};
  require(EVP_MAC_init(context_.get(), key.data(), kKeySize, parameters) == 1, "EVP_MAC_init");
}

void HmacSha256::update(const uint8_t* data, size_t size) {
  require(EVP_MAC_update(context_.get(), data, size) == 1, "EVP_MAC_update");
}

HmacDigest HmacSha256::finish() {
  HmacDigest digest;
  size_t size = 0;
  require(EVP_MAC_final(context_.get(), digest.data(), &size, digest.size()) == 1, "EVP_MAC_final");
  MULEPLEX_CHECK(size == kHmacSize);
  // Without a key the context starts again with the one it has.
  require(EVP_MAC_init(context_.get(), nullptr, 0, nullptr) == 1, "EVP_MAC_init");
  return digest;
}

HmacDigest HmacSha256::mac(const uint8_t* data, size_t size) {
  update(data, size);
  return finish();
}

void hkdfExpand(const SecretKey& key, std::string_view info, uint8_t* out, size_t size) {
  MULEPLEX_CHECK(size <= 255 * kHmacSize);
  HmacSha256 hmac(key);
  HmacDigest block{};
  for (size_t done = 0; done < size;) {
    const uint8_t counter = static_cast<uint8_t>(done / kHmacSize + 1);
    if (done > 0) hmac.update(block.data(), block.size());
    hmac.update(reinterpret_cast<const uint8_t*>(info.data()), info.size());
    block = hmac.mac(&counter, 1);
    const size_t taken = std::min(size - done, kHmacSize);
    std::copy_n(block.begin(), taken, out + done);
    done += taken;
  }
  OPENSSL_cleanse(block.data(), block.size());
}

Aes256Gcm::Aes256Gcm() : context_(EVP_CIPHER_CTX_new()) {
  require(context_ != nullptr, "EVP_CIPHER_CTX_new");
}

void Aes256Gcm::seal(const SecretKey& key, const uint8_t* aad, size_t aadSize, const uint8_t* plain,
                     size_t size, uint8_t* out) {
  MULEPLEX_CHECK(size <= kCipherSizeMax && aadSize <= kCipherSizeMax);
  EVP_CIPHER_CTX* context = context_.get();
  int written = 0;
  require(EVP_EncryptInit_ex2(context, gcmAlgorithm(), key.data(), kZeroNonce, nullptr) == 1 &&
              EVP_EncryptUpdate(context, nullptr, &written, aad, static_cast<int>(aadSize)) == 1 &&
              EVP_EncryptUpdate(context, out, &written, plain, static_cast<int>(size)) == 1 &&
              EVP_EncryptFinal_ex(context, out + size, &written) == 1 &&
              EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kGcmTagSize, out + size) == 1,
          "AES-256-GCM");
}

bool Aes256Gcm::open(const SecretKey& key, const uint8_t* aad, size_t aadSize,
                     const uint8_t* sealed, size_t size, uint8_t* plain) {
  MULEPLEX_CHECK(size <= kCipherSizeMax && aadSize <= kCipherSizeMax);
  EVP_CIPHER_CTX* context = context_.get();
  // OpenSSL takes the tag through a pointer to mutable memory.
  uint8_t tag[kGcmTagSize];
  std::copy_n(sealed + size, kGcmTagSize, tag);
  int written = 0;
  require(EVP_DecryptInit_ex2(context, gcmAlgorithm(), key.data(), kZeroNonce, nullptr) == 1 &&
              EVP_DecryptUpdate(context, nullptr, &written, aad, static_cast<int>(aadSize)) == 1 &&
              EVP_DecryptUpdate(context, plain, &written, sealed, static_cast<int>(size)) == 1 &&
              EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kGcmTagSize, tag) == 1,
          "AES-256-GCM");
  return EVP_DecryptFinal_ex(context, plain + size, &written) == 1;
}

namespace {

std::array<uint8_t, 12> nonceOf(uint64_t number) {
  std::array<uint8_t, 12> nonce{};
  for (size_t i = 0; i < 8; ++i) nonce[11 - i] = static_cast<uint8_t>(number >> (8 * i));
  return nonce;
}

// OpenSSL takes a null pointer for data to mean something else than no data.
const uint8_t* notNull(const uint8_t* data) { return data != nullptr ? data : kZeroNonce; }

}  // namespace

GcmStream::GcmStream(const SecretKey& key, Direction direction) : wide_(WideGcm::make(key.data())) {
  if (wide_ != nullptr) return;
  context_.reset(EVP_CIPHER_CTX_new());
  require(context_ != nullptr, "EVP_CIPHER_CTX_new");
  require(EVP_CipherInit_ex2(context_.get(), gcmAlgorithm(), key.data(), nullptr,
                             direction == Direction::kSeal ? 1 : 0, nullptr) == 1,
          "AES-256-GCM");
}

void GcmStream::seal(uint64_t nonce, const uint8_t* aad, size_t aadSize, const uint8_t* plain,
                     size_t size, uint8_t* out) {
  MULEPLEX_CHECK(size <= kCipherSizeMax && aadSize <= kCipherSizeMax);
  if (wide_ != nullptr) {
    wide_->seal(nonceOf(nonce).data(), aad, aadSize, plain, size, out, out + size);
    return;
  }
  EVP_CIPHER_CTX* context = context_.get();
  int written = 0;
  require(
      EVP_EncryptInit_ex2(context, nullptr, nullptr, nonceOf(nonce).data(), nullptr) == 1 &&
          EVP_EncryptUpdate(context, nullptr, &written, notNull(aad), static_cast<int>(aadSize)) ==
              1 &&
          EVP_EncryptUpdate(context, out, &written, notNull(plain), static_cast<int>(size)) == 1 &&
          EVP_EncryptFinal_ex(context, out + size, &written) == 1 &&
          EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kGcmTagSize, out + size) == 1,
      "AES-256-GCM");
}

bool GcmStream::open(uint64_t nonce, const uint8_t* aad, size_t aadSize, const uint8_t* sealed,
                     size_t size, uint8_t* plain) {
  MULEPLEX_CHECK(size <= kCipherSizeMax && aadSize <= kCipherSizeMax);
  uint8_t tag[kGcmTagSize];
  std::copy_n(sealed + size, kGcmTagSize, tag);
  if (wide_ != nullptr) {
    uint8_t right[kGcmTagSize];
    wide_->open(nonceOf(nonce).data(), aad, aadSize, sealed, size, plain, right);
    return equalSecret(right, tag, kGcmTagSize);
  }
  EVP_CIPHER_CTX* context = context_.get();
  // Without a payload there may be no buffer for one either.
  uint8_t none = 0;
  uint8_t* const out = plain != nullptr ? plain : &none;
  int written = 0;
  require(
      EVP_DecryptInit_ex2(context, nullptr, nullptr, nonceOf(nonce).data(), nullptr) == 1 &&
          EVP_DecryptUpdate(context, nullptr, &written, notNull(aad), static_cast<int>(aadSize)) ==
              1 &&
          EVP_DecryptUpdate(context, out, &written, sealed, static_cast<int>(size)) == 1 &&
          EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kGcmTagSize, tag) == 1,
      "AES-256-GCM");
  return EVP_DecryptFinal_ex(context, out + size, &written) == 1;
}

bool equalSecret(const uint8_t* left, const uint8_t* right, size_t size) {
  return CRYPTO_memcmp(left, right, size) == 0;
}

}  // namespace muleplex
