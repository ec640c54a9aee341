// SPDX-License-Identifier: GPL-2.0-or-later
// SHA-256 (FIPS 180-4) for the content check of parts. Links no library, so that the patched core
// can use it; the SHA instructions of x86-64 are used where the processor has them.
#ifndef MULEPLEX_CORE_SHA256_H_
#define MULEPLEX_CORE_SHA256_H_

#include <cstddef>
#include <cstdint>

#include "block_hash.h"

namespace muleplex {

inline constexpr size_t kSha256Size = 32;

class Md4;

/// Streaming SHA-256. After finish() the object is as new and may be used for the next message.
class Sha256 {
 public:
  Sha256() { reset(); }
  /// Any number of calls; `data` may be null when `size` is 0.
  void update(const uint8_t* data, size_t size) { buffer_.update(*this, data, size); }
  void finish(uint8_t out[kSha256Size]);

 private:
  friend class BlockBuffer<Sha256, true>;
  friend void updatePair(Md4& md4, Sha256& sha256, const uint8_t* data, size_t size);
  void reset();
  void compress(const uint8_t* data, size_t blockCount);

  uint32_t state_[8];
  BlockBuffer<Sha256, true> buffer_;
};

/// SHA-256 of `size` bytes.
void sha256(const uint8_t* data, size_t size, uint8_t out[kSha256Size]);

}  // namespace muleplex

#endif  // MULEPLEX_CORE_SHA256_H_
