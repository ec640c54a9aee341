// SPDX-License-Identifier: GPL-2.0-or-later
#include "aich_hasher.h"

#include <algorithm>

#include "ed2k_layout.h"

namespace muleplex {

void AichHasher::update(const uint8_t* data, size_t size) {
  while (size > 0) {
    size_t taken = 0;
    const uint64_t inBlock = partSize_ % kBlockSize;
    const size_t wholeBlocks = std::min<uint64_t>(size, kPartSize - partSize_) / kBlockSize;
    if (inBlock == 0 && wholeBlocks > 0) {
      taken = wholeBlocks * kBlockSize;
      for (const Sha1Digest& block : hashAichBlocks(data, taken)) tree_.addBlock(block);
      partSize_ += taken;
    } else {
      const uint64_t blockEnd = std::min(partSize_ - inBlock + kBlockSize, kPartSize);
      taken = std::min<uint64_t>(size, blockEnd - partSize_);
      block_.update(data, taken);
      partSize_ += taken;
      if (partSize_ == blockEnd) tree_.addBlock(block_.finish());
    }
    if (partSize_ == kPartSize) {
      tree_.endPart();
      partSize_ = 0;
    }
    data += taken;
    size -= taken;
  }
}

Sha1Digest AichHasher::finish() {
  if (partSize_ % kBlockSize != 0) tree_.addBlock(block_.finish());
  if (partSize_ > 0) tree_.endPart();
  partSize_ = 0;
  return tree_.finish();
}

}  // namespace muleplex
