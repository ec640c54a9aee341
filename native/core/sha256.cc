// SPDX-License-Identifier: GPL-2.0-or-later
#include "sha256.h"

#include "sha256_compress.h"

namespace muleplex {
namespace {

Sha256Compress fastestCompress() {
#if defined(__x86_64__)
  if (sha256HasShaInstructions()) return sha256CompressShaInstructions;
#endif
  return sha256CompressPortable;
}

}  // namespace

void Sha256::reset() {
  // Initial hash value (FIPS 180-4, 5.3.3).
  constexpr uint32_t kInitial[8] = {0x6a09e667u, 0xbb67ae85u, 0x3c6ef372u, 0xa54ff53au,
                                    0x510e527fu, 0x9b05688cu, 0x1f83d9abu, 0x5be0cd19u};
  std::memcpy(state_, kInitial, sizeof state_);
}

void Sha256::compress(const uint8_t* data, size_t blockCount) {
  static const Sha256Compress kCompress = fastestCompress();
  kCompress(state_, data, blockCount);
}

void Sha256::finish(uint8_t out[kSha256Size]) {
  buffer_.finish(*this);
  for (size_t i = 0; i < kSha256Size; ++i) {
    out[i] = static_cast<uint8_t>(state_[i / 4] >> (24 - 8 * (i % 4)));
  }
  reset();
}

void sha256(const uint8_t* data, size_t size, uint8_t out[kSha256Size]) {
  Sha256 hash;
  hash.update(data, size);
  hash.finish(out);
}

}  // namespace muleplex
