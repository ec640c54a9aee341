// SPDX-License-Identifier: GPL-2.0-or-later
// What MD4 and SHA-256 share: 64-byte blocks, a buffer for the rest, and the closing padding
// (0x80, zeros, bit count as u64). Only the byte order of that count differs.
#ifndef MULEPLEX_CORE_BLOCK_HASH_H_
#define MULEPLEX_CORE_BLOCK_HASH_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace muleplex {

inline constexpr size_t kHashBlockSize = 64;

/// Writes what is left of a message of `size` bytes behind its whole blocks, and the padding, to
/// `tail`; gives how many blocks that are, one or two.
inline size_t padHashTail(uint8_t tail[2 * kHashBlockSize], const uint8_t* rest, uint64_t size,
                          bool isBigEndianCount) {
  const size_t restSize = size % kHashBlockSize;
  const size_t blockCount = restSize + 1 + sizeof(uint64_t) <= kHashBlockSize ? 1 : 2;
  std::memset(tail, 0, 2 * kHashBlockSize);
  if (restSize > 0) std::memcpy(tail, rest, restSize);
  tail[restSize] = 0x80;
  uint8_t* count = tail + blockCount * kHashBlockSize - sizeof(uint64_t);
  for (size_t i = 0; i < sizeof(uint64_t); ++i) {
    const size_t shift = 8 * (isBigEndianCount ? sizeof(uint64_t) - 1 - i : i);
    count[i] = static_cast<uint8_t>((size * 8) >> shift);
  }
  return blockCount;
}

/// Collects input into whole blocks for `Compressor::compress(const uint8_t*, size_t blockCount)`.
template <typename Compressor, bool kBigEndianCount>
class BlockBuffer {
 public:
  static constexpr size_t kBlockSize = kHashBlockSize;

  void update(Compressor& compressor, const uint8_t* data, size_t size) {
    totalSize_ += size;
    if (heldSize_ > 0) {
      const size_t wanted = kBlockSize - heldSize_;
      const size_t taken = size < wanted ? size : wanted;
      if (taken > 0) std::memcpy(held_ + heldSize_, data, taken);
      heldSize_ += taken;
      if (heldSize_ < kBlockSize) return;
      compressor.compress(held_, 1);
      heldSize_ = 0;
      data += taken;
      size -= taken;
    }
    const size_t blockCount = size / kBlockSize;
    if (blockCount > 0) compressor.compress(data, blockCount);
    heldSize_ = size % kBlockSize;
    if (heldSize_ > 0) std::memcpy(held_, data + blockCount * kBlockSize, heldSize_);
  }

  /// Bytes that make what is held a whole block; 0 when nothing is held.
  size_t missingSize() const { return heldSize_ == 0 ? 0 : kBlockSize - heldSize_; }
  /// Whole blocks have been compressed that were not given to update().
  void skip(size_t blockCount) { totalSize_ += blockCount * kBlockSize; }

  /// Compresses the padded last block or two and makes the buffer empty again.
  void finish(Compressor& compressor) {
    uint8_t tail[2 * kBlockSize];
    const size_t blockCount = padHashTail(tail, held_, totalSize_, kBigEndianCount);
    compressor.compress(tail, blockCount);
    totalSize_ = 0;
    heldSize_ = 0;
  }

 private:
  uint8_t held_[kBlockSize];
  size_t heldSize_ = 0;
  uint64_t totalSize_ = 0;
};

}  // namespace muleplex

#endif  // MULEPLEX_CORE_BLOCK_HASH_H_
