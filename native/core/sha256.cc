// SPDX-License-Identifier: GPL-2.0-or-later
#include "sha256.h"

#include "cpu_level.h"
#include "sha256_compress.h"

namespace muleplex {
namespace {

Sha256Compress chooseCompress() {
#if defined(__x86_64__)
  if (sha256UsesShaInstructions()) return sha256CompressShaInstructions;
#endif
  return sha256CompressPortable;
}

}  // namespace

#if defined(__x86_64__)
bool sha256UsesShaInstructions() {
  static const bool kUsesThem =
      cpuLevel() != CpuLevel::kBaseline && sha256HasShaInstructions();
  return kUsesThem;
}
#endif

Sha256Compress sha256FastestCompress() {
  static const Sha256Compress kCompress = chooseCompress();
  return kCompress;
}

void Sha256::reset() {
  std::memcpy(state_, kSha256Initial, sizeof state_);
}

void Sha256::compress(const uint8_t* data, size_t blockCount) {
  sha256FastestCompress()(state_, data, blockCount);
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
