// SPDX-License-Identifier: GPL-2.0-or-later
// AES-256-GCM with instructions that work on four blocks at once (VAES, VPCLMULQDQ, AVX-512), which
// OpenSSL 3.0 does not use: it takes a third of the time. crypto.cc uses it where the processor has
// them. NIST SP 800-38D; the same bytes as OpenSSL's. No table and no branch depends on secrets.
#ifndef MULEPLEX_CORE_AES_GCM_VAES_H_
#define MULEPLEX_CORE_AES_GCM_VAES_H_

#include <cstddef>
#include <cstdint>

namespace muleplex {

inline constexpr size_t kAesRoundKeys = 15;

/// Blocks that are in work at once.
inline constexpr size_t kVaesBlocks = 16;

/// What is computed once for a key. Secret, to be erased by its owner.
struct VaesGcmKey {
  alignas(64) uint8_t roundKeys[kAesRoundKeys][16];
  /// The 16th power of the hash key down to the first, then as many zeros: what stands for blocks
  /// that are not there counts nothing.
  alignas(64) uint8_t powers[2 * kVaesBlocks][16];
};

/// To be called only where hasVectorAes(), as what follows. `key` is 32 bytes.
void prepareVaesGcm(const uint8_t* key, VaesGcmKey* out);

/// `out` takes `size` bytes, at most 2^36 - 32, and may be `in` itself, but not overlap it
/// otherwise. Writes the 16 bytes of the tag in both directions; the caller compares. The nonce is
/// 12 bytes.
void vaesGcmSeal(const VaesGcmKey& key, const uint8_t* nonce, const uint8_t* aad, size_t aadSize,
                 const uint8_t* in, size_t size, uint8_t* out, uint8_t* tag);
void vaesGcmOpen(const VaesGcmKey& key, const uint8_t* nonce, const uint8_t* aad, size_t aadSize,
                 const uint8_t* in, size_t size, uint8_t* out, uint8_t* tag);

}  // namespace muleplex

#endif  // MULEPLEX_CORE_AES_GCM_VAES_H_
