// SPDX-License-Identifier: GPL-2.0-or-later
#include "hash_pair.h"

#include <algorithm>

#include "check.h"
#include "sha256_compress.h"

namespace muleplex {

void updatePair(Md4& md4, Sha256& sha256, const uint8_t* data, size_t size) {
  const size_t head = std::min(size, md4.buffer_.missingSize());
  md4.update(data, head);
  sha256.update(data, head);
  MULEPLEX_CHECK(md4.buffer_.missingSize() == sha256.buffer_.missingSize());
  data += head;
  size -= head;
  const size_t blockCount = size / kHashBlockSize;
#if defined(__x86_64__)
  if (sha256UsesShaInstructions()) {
    sha256CompressWithMd4(sha256.state_, md4.state_, data, blockCount);
    md4.buffer_.skip(blockCount);
    sha256.buffer_.skip(blockCount);
    data += blockCount * kHashBlockSize;
    size -= blockCount * kHashBlockSize;
  }
#endif
  // A block of each in turn is near enough for the window of today's processors to see both.
  while (size > 0) {
    const size_t taken = std::min(size, kHashBlockSize);
    md4.update(data, taken);
    sha256.update(data, taken);
    data += taken;
    size -= taken;
  }
}

}  // namespace muleplex
