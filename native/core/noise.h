// SPDX-License-Identifier: GPL-2.0-or-later
// The handshake Noise_NNpsk0_25519_AESGCM_SHA256 (Noise Protocol Framework, revision 34) as a state
// machine without I/O. What the two sides do with it is in docs/formats.md.
#ifndef MULEPLEX_CORE_NOISE_H_
#define MULEPLEX_CORE_NOISE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "crypto.h"
#include "sha256.h"

namespace muleplex {

inline constexpr size_t kX25519Size = 32;

/// A handshake message without payload: an ephemeral public key and a tag.
inline constexpr size_t kNoiseMessageSize = kX25519Size + kGcmTagSize;

/// Longest handshake message that is read or written (Noise, section 3).
inline constexpr size_t kNoiseMessageSizeMax = 65535;

enum class NoiseRole { kInitiator, kResponder };

/// One run of the handshake: the initiator writes, the responder reads and writes, the initiator
/// reads. After that, and only then, keys() gives the two keys of the records.
class NoiseHandshake {
 public:
  struct Keys {
    SecretKey send;
    SecretKey receive;
  };

  NoiseHandshake(NoiseRole role, const SecretKey& psk, const uint8_t* prologue,
                 size_t prologueSize);
  ~NoiseHandshake();
  NoiseHandshake(const NoiseHandshake&) = delete;
  NoiseHandshake& operator=(const NoiseHandshake&) = delete;

  /// Takes the place of a fresh ephemeral key, for test vectors; before the message that sends it.
  void setEphemeral(const SecretKey& privateKey) { ephemeral_ = privateKey; }

  /// True if it is this side's turn to write.
  bool isWriting() const { return !failed_ && next_ < 2 && (next_ == 0) == isInitiator(); }
  bool isDone() const { return !failed_ && next_ == 2; }

  /// The next message; this side must be writing. Nothing, and the end, for a peer whose key is no
  /// key: the shared secret would be zero.
  [[nodiscard]] std::optional<std::vector<uint8_t>> write(const uint8_t* payload = nullptr,
                                                          size_t payloadSize = 0);

  /// The payload of the peer's message. Nothing, and the end of this run, for any message but the
  /// one that a holder of the same key, prologue and transcript has written for this turn.
  [[nodiscard]] std::optional<std::vector<uint8_t>> read(const uint8_t* message, size_t size);

  Keys keys() const;

  /// The hash of the whole transcript, the same on both sides when it is done.
  const std::array<uint8_t, kSha256Size>& hash() const { return hash_; }

 private:
  bool isInitiator() const { return role_ == NoiseRole::kInitiator; }
  void mixHash(const uint8_t* data, size_t size);
  void mixKey(const uint8_t* data, size_t size);
  void mixKeyAndHash(const SecretKey& key);
  void mixEphemeral(const uint8_t publicKey[kX25519Size]);
  bool mixShared();

  NoiseRole role_;
  std::array<uint8_t, kSha256Size> hash_;
  SecretKey chain_;
  SecretKey key_;
  std::optional<SecretKey> ephemeral_;
  std::array<uint8_t, kX25519Size> remote_{};
  uint64_t nonce_ = 0;
  int next_ = 0;
  bool failed_ = false;
};

/// X25519 (RFC 7748); nothing if the result is zero, as it is for points of small order.
[[nodiscard]] std::optional<SecretKey> x25519(const SecretKey& privateKey,
                                              const uint8_t publicKey[kX25519Size]);
std::array<uint8_t, kX25519Size> x25519PublicKey(const SecretKey& privateKey);

}  // namespace muleplex

#endif  // MULEPLEX_CORE_NOISE_H_
