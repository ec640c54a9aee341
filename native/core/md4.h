// SPDX-License-Identifier: GPL-2.0-or-later
// MD4 (RFC 1320). eD2k names parts and files by it; it is a transport checksum, never an authority
// for content. Own code because OpenSSL 3 offers MD4 only in its legacy provider.
#ifndef MULEPLEX_CORE_MD4_H_
#define MULEPLEX_CORE_MD4_H_

#include <cstddef>
#include <cstdint>

#include "block_hash.h"

namespace muleplex {

inline constexpr size_t kMd4Size = 16;

class Sha256;

/// Streaming MD4. After finish() the object is as new and may be used for the next message.
class Md4 {
 public:
  Md4() { reset(); }
  /// Any number of calls; `data` may be null when `size` is 0.
  void update(const uint8_t* data, size_t size) { buffer_.update(*this, data, size); }
  void finish(uint8_t out[kMd4Size]);

 private:
  friend class BlockBuffer<Md4, false>;
  friend void updatePair(Md4& md4, Sha256& sha256, const uint8_t* data, size_t size);
  void reset();
  void compress(const uint8_t* data, size_t blockCount);

  uint32_t state_[4];
  BlockBuffer<Md4, false> buffer_;
};

/// MD4 of `size` bytes.
void md4(const uint8_t* data, size_t size, uint8_t out[kMd4Size]);

}  // namespace muleplex

#endif  // MULEPLEX_CORE_MD4_H_
