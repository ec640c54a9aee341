// SPDX-License-Identifier: GPL-2.0-or-later
// The primitives that OpenSSL 3 does for us, as small value-like classes. A failure of OpenSSL
// itself (out of memory) is std::runtime_error.
#ifndef MULEPLEX_CORE_CRYPTO_H_
#define MULEPLEX_CORE_CRYPTO_H_

#include <openssl/evp.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "wide_gcm.h"

namespace muleplex {

inline constexpr size_t kSha1Size = 20;
inline constexpr size_t kHmacSize = 32;
inline constexpr size_t kKeySize = 32;
inline constexpr size_t kGcmTagSize = 16;

using Sha1Digest = std::array<uint8_t, kSha1Size>;
using HmacDigest = std::array<uint8_t, kHmacSize>;

/// 32 secret bytes, wiped when they go.
class SecretKey {
 public:
  explicit SecretKey(const uint8_t bytes[kKeySize]);
  SecretKey(const SecretKey&) = default;
  SecretKey& operator=(const SecretKey&) = default;
  ~SecretKey();
  const uint8_t* data() const { return bytes_.data(); }

 private:
  std::array<uint8_t, kKeySize> bytes_;
};

struct OpenSslDeleter {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};

/// Streaming SHA-1; after finish() as new.
class Sha1 {
 public:
  Sha1();
  void update(const uint8_t* data, size_t size);
  Sha1Digest finish();

 private:
  void reset();
  std::unique_ptr<EVP_MD_CTX, OpenSslDeleter> context_;
};

/// Streaming HMAC-SHA-256 under one key; after finish() ready for the next message.
class HmacSha256 {
 public:
  explicit HmacSha256(const SecretKey& key);
  void update(const uint8_t* data, size_t size);
  HmacDigest finish();
  HmacDigest mac(const uint8_t* data, size_t size);

 private:
  std::unique_ptr<EVP_MAC_CTX, OpenSslDeleter> context_;
};

/// HKDF-Expand with SHA-256 (RFC 5869, 2.3); `size` at most 255 * 32.
void hkdfExpand(const SecretKey& key, std::string_view info, uint8_t* out, size_t size);

/// AES-256-GCM with the all-zero 12-byte nonce: a key must seal one message only.
class Aes256Gcm {
 public:
  Aes256Gcm();
  /// `out` takes `size` bytes of ciphertext and the tag; it may be `plain` itself.
  void seal(const SecretKey& key, const uint8_t* aad, size_t aadSize, const uint8_t* plain,
            size_t size, uint8_t* out);
  /// `sealed` is `size` bytes of ciphertext and the tag; `plain` takes `size` bytes and means
  /// nothing when the result is false (the tag does not match).
  [[nodiscard]] bool open(const SecretKey& key, const uint8_t* aad, size_t aadSize,
                          const uint8_t* sealed, size_t size, uint8_t* plain);

 private:
  std::unique_ptr<EVP_CIPHER_CTX, OpenSslDeleter> context_;
};

/// AES-256-GCM under one key for one direction, whose schedule is kept from message to message. The
/// nonce is four zero bytes and a number, big-endian (Noise, section 12.4): never the same twice.
class GcmStream {
 public:
  enum class Direction { kSeal, kOpen };
  /// Reserved for the derivation of the next key.
  static constexpr uint64_t kRekeyNonce = UINT64_MAX;

  GcmStream(const SecretKey& key, Direction direction);
  /// `out` takes `size` bytes of ciphertext and the tag; it may be `plain` itself.
  void seal(uint64_t nonce, const uint8_t* aad, size_t aadSize, const uint8_t* plain, size_t size,
            uint8_t* out);
  /// `sealed` is `size` bytes of ciphertext and the tag; `plain` takes `size` bytes, may be
  /// `sealed` itself, and means nothing when the result is false.
  [[nodiscard]] bool open(uint64_t nonce, const uint8_t* aad, size_t aadSize,
                          const uint8_t* sealed, size_t size, uint8_t* plain);

 private:
  /// Where the processor has the instructions, else the other.
  std::unique_ptr<WideGcm> wide_;
  std::unique_ptr<EVP_CIPHER_CTX, OpenSslDeleter> context_;
};

/// Compares in a time that does not depend on where the bytes differ.
bool equalSecret(const uint8_t* left, const uint8_t* right, size_t size);

}  // namespace muleplex

#endif  // MULEPLEX_CORE_CRYPTO_H_
