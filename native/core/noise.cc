// SPDX-License-Identifier: GPL-2.0-or-later
#include "noise.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <memory>

#include "check.h"
#include "openssl_check.h"

namespace muleplex {
namespace {

// It is as long as a hash, so it is the first hash as it stands (Noise, InitializeSymmetric).
constexpr char kProtocolName[] = "Noise_NNpsk0_25519_AESGCM_SHA256";
static_assert(sizeof kProtocolName - 1 == kSha256Size);

struct PkeyDeleter {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
};
using Pkey = std::unique_ptr<EVP_PKEY, PkeyDeleter>;

Pkey privateKeyOf(const SecretKey& key) {
  Pkey result(EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nullptr, key.data(), kKeySize));
  require(result != nullptr, "EVP_PKEY_new_raw_private_key");
  return result;
}

SecretKey freshKey() {
  uint8_t bytes[kKeySize];
  require(RAND_priv_bytes(bytes, sizeof bytes) == 1, "RAND_priv_bytes");
  const SecretKey key(bytes);
  OPENSSL_cleanse(bytes, sizeof bytes);
  return key;
}

/// HKDF of Noise: `outputs` keys of 32 bytes from the chaining key and some input.
void hkdf(const SecretKey& chain, const uint8_t* input, size_t inputSize, uint8_t* out,
          size_t outputs) {
  HmacSha256 extract(chain);
  HmacDigest temporary = extract.mac(input, inputSize);
  // Noise's HKDF is that of RFC 5869 with an empty info.
  hkdfExpand(SecretKey(temporary.data()), {}, out, outputs * kKeySize);
  OPENSSL_cleanse(temporary.data(), temporary.size());
}

}  // namespace

std::optional<SecretKey> x25519(const SecretKey& privateKey, const uint8_t publicKey[kX25519Size]) {
  const Pkey own = privateKeyOf(privateKey);
  const Pkey peer(EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, publicKey, kX25519Size));
  require(peer != nullptr, "EVP_PKEY_new_raw_public_key");
  const std::unique_ptr<EVP_PKEY_CTX, PkeyDeleter> context(EVP_PKEY_CTX_new(own.get(), nullptr));
  require(context != nullptr && EVP_PKEY_derive_init(context.get()) == 1 &&
              EVP_PKEY_derive_set_peer(context.get(), peer.get()) == 1,
          "EVP_PKEY_derive_init");
  uint8_t shared[kX25519Size] = {};
  size_t size = sizeof shared;
  // It refuses a shared secret of zeros.
  if (EVP_PKEY_derive(context.get(), shared, &size) != 1) return std::nullopt;
  const SecretKey result(shared);
  OPENSSL_cleanse(shared, sizeof shared);
  return result;
}

std::array<uint8_t, kX25519Size> x25519PublicKey(const SecretKey& privateKey) {
  std::array<uint8_t, kX25519Size> result;
  size_t size = result.size();
  require(EVP_PKEY_get_raw_public_key(privateKeyOf(privateKey).get(), result.data(), &size) == 1,
          "EVP_PKEY_get_raw_public_key");
  return result;
}

NoiseHandshake::NoiseHandshake(NoiseRole role, const SecretKey& psk, const uint8_t* prologue,
                               size_t prologueSize)
    : role_(role),
      chain_(reinterpret_cast<const uint8_t*>(kProtocolName)),
      key_(reinterpret_cast<const uint8_t*>(kProtocolName)) {
  std::copy_n(kProtocolName, kSha256Size, hash_.begin());
  mixHash(prologue, prologueSize);
  // psk0: the first token of the first message, the same on both sides.
  mixKeyAndHash(psk);
}

NoiseHandshake::~NoiseHandshake() = default;

void NoiseHandshake::mixHash(const uint8_t* data, size_t size) {
  Sha256 sha256;
  sha256.update(hash_.data(), hash_.size());
  sha256.update(data, size);
  sha256.finish(hash_.data());
}

void NoiseHandshake::mixKey(const uint8_t* data, size_t size) {
  uint8_t out[2 * kKeySize];
  hkdf(chain_, data, size, out, 2);
  chain_ = SecretKey(out);
  key_ = SecretKey(out + kKeySize);
  nonce_ = 0;
  OPENSSL_cleanse(out, sizeof out);
}

void NoiseHandshake::mixKeyAndHash(const SecretKey& key) {
  uint8_t out[3 * kKeySize];
  hkdf(chain_, key.data(), kKeySize, out, 3);
  chain_ = SecretKey(out);
  mixHash(out + kKeySize, kKeySize);
  key_ = SecretKey(out + 2 * kKeySize);
  nonce_ = 0;
  OPENSSL_cleanse(out, sizeof out);
}

void NoiseHandshake::mixEphemeral(const uint8_t publicKey[kX25519Size]) {
  mixHash(publicKey, kX25519Size);
  // With a psk, an ephemeral key is mixed into the key too (Noise, section 9.2).
  mixKey(publicKey, kX25519Size);
}

bool NoiseHandshake::mixShared() {
  const std::optional<SecretKey> shared = x25519(*ephemeral_, remote_.data());
  if (!shared) return false;
  mixKey(shared->data(), kKeySize);
  return true;
}

std::optional<std::vector<uint8_t>> NoiseHandshake::write(const uint8_t* payload,
                                                          size_t payloadSize) {
  MULEPLEX_CHECK(isWriting() && payloadSize <= kNoiseMessageSizeMax - kNoiseMessageSize);
  if (!ephemeral_) ephemeral_ = freshKey();
  const auto publicKey = x25519PublicKey(*ephemeral_);
  mixEphemeral(publicKey.data());
  if (next_ == 1 && !mixShared()) {
    failed_ = true;
    return std::nullopt;
  }
  std::vector<uint8_t> message(kNoiseMessageSize + payloadSize);
  std::copy(publicKey.begin(), publicKey.end(), message.begin());
  uint8_t* sealed = message.data() + kX25519Size;
  GcmStream(key_, GcmStream::Direction::kSeal)
      .seal(nonce_++, hash_.data(), hash_.size(), payload, payloadSize, sealed);
  mixHash(sealed, payloadSize + kGcmTagSize);
  ++next_;
  return message;
}

std::optional<std::vector<uint8_t>> NoiseHandshake::read(const uint8_t* message, size_t size) {
  if (failed_ || next_ == 2 || isWriting() || size < kNoiseMessageSize ||
      size > kNoiseMessageSizeMax) {
    failed_ = true;
    return std::nullopt;
  }
  std::copy_n(message, kX25519Size, remote_.begin());
  mixEphemeral(remote_.data());
  if (next_ == 1 && !mixShared()) {
    failed_ = true;
    return std::nullopt;
  }
  const uint8_t* sealed = message + kX25519Size;
  std::vector<uint8_t> payload(size - kNoiseMessageSize);
  if (!GcmStream(key_, GcmStream::Direction::kOpen)
           .open(nonce_++, hash_.data(), hash_.size(), sealed, payload.size(), payload.data())) {
    failed_ = true;
    return std::nullopt;
  }
  mixHash(sealed, size - kX25519Size);
  ++next_;
  return payload;
}

NoiseHandshake::Keys NoiseHandshake::keys() const {
  MULEPLEX_CHECK(isDone());
  uint8_t out[2 * kKeySize];
  hkdf(chain_, nullptr, 0, out, 2);
  const SecretKey first(out), second(out + kKeySize);
  OPENSSL_cleanse(out, sizeof out);
  return isInitiator() ? Keys{first, second} : Keys{second, first};
}

}  // namespace muleplex
